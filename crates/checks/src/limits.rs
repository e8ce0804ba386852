//! What a rehearsal measured against what the settings allow.
//!
//! Over a limit is an error, near below it a warning. A limit on what was not measured is an error.

use stopover_model::report::{CommandReport, MigrationReport, TableReport};
use stopover_model::{Finding, TableLimits, Thresholds};

/// From this part of a limit on there is a warning.
const NEAR: f64 = 0.8;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The migrations of the run.
    pub migrations: &'a [MigrationReport],
    /// The command that ran them in the engine's place.
    pub command: Option<&'a CommandReport>,
    /// The tables that were there before it.
    pub tables: &'a [TableReport],
}

/// One kind of limit on a time that a table shuts somebody out.
struct Exclusion {
    code: &'static str,
    who: &'static str,
    setting: &'static str,
    allowed: fn(&TableLimits) -> Option<f64>,
    found: fn(&TableReport) -> Option<f64>,
}

const EXCLUSIONS: [Exclusion; 2] = [
    Exclusion {
        code: "read-block",
        who: "reads",
        setting: "read_block",
        allowed: |it| it.read_block_ms,
        found: |it| it.read_blocked_ms,
    },
    Exclusion {
        code: "write-block",
        who: "writes",
        setting: "write_block",
        allowed: |it| it.write_block_ms,
        found: |it| it.write_blocked_ms,
    },
];

/// Everything that is over a limit, or near it.
#[must_use]
pub fn limits(measured: Measured<'_>, thresholds: &Thresholds) -> Vec<Finding> {
    let mut findings = Vec::new();
    for exclusion in &EXCLUSIONS {
        findings.extend(shut_out(measured, thresholds, exclusion));
    }
    findings.extend(rewrites(measured, thresholds));
    findings.extend(duration(measured, thresholds));
    findings
}

fn shut_out(
    measured: Measured<'_>,
    thresholds: &Thresholds,
    exclusion: &Exclusion,
) -> Vec<Finding> {
    let Exclusion { code, who, setting, allowed, found } = exclusion;
    let limited = |it: &TableReport| allowed(&thresholds.of(&it.relation));
    let unknown = measured.tables.iter().any(|it| limited(it).is_some() && found(it).is_none());
    let nothing_seen = measured.tables.is_empty() && thresholds.limits(*allowed);
    let has_run = !measured.migrations.is_empty() || measured.command.is_some();
    if (unknown || nothing_seen) && has_run {
        return vec![not_known(code, &format!("how long {who} were shut out"), setting)];
    }
    let finding = |it: &TableReport| {
        let (limit, ms) = (limited(it)?, found(it)?);
        let (allowed, finding) = judged(ms, limit, &shown_ms(limit))?;
        let relation = &it.relation;
        let message = format!("{who} on {relation} were shut out for {}{allowed}", shown_ms(ms));
        let remedy = format!(
            "hold the lock for a shorter time (smaller transactions, CONCURRENTLY, NOT VALID), or \
             allow more: {setting} under [limits] or [limits.tables.\"{relation}\"] in stopover.toml"
        );
        Some(finding(code, relation.clone(), message, remedy))
    };
    measured.tables.iter().filter_map(finding).collect()
}

/// Rewritten tables, by their size before.
fn rewrites(measured: Measured<'_>, thresholds: &Thresholds) -> Vec<Finding> {
    let mut findings = Vec::new();
    for migration in measured.migrations {
        for statement in &migration.statements {
            for relation in statement.rewrites.iter().flatten() {
                let who = format!(
                    "{} of migration {}, line {},",
                    statement.tag, migration.version, statement.line
                );
                findings.extend(rewrite(&who, relation, measured, thresholds));
            }
        }
    }
    let Some(command) = measured.command else { return findings };
    match &command.rewrites {
        None if thresholds.limits(|it| it.rewrite_bytes.map(|it| it as f64)) => {
            findings.push(not_known("rewrite", "what was rewritten", "rewrite_bytes"));
        }
        rewrites => findings.extend(
            rewrites
                .iter()
                .flatten()
                .filter_map(|it| rewrite("the command", it, measured, thresholds)),
        ),
    }
    findings
}

/// One table, by its size before.
fn rewrite(
    who: &str,
    relation: &str,
    measured: Measured<'_>,
    thresholds: &Thresholds,
) -> Option<Finding> {
    let bytes = measured.tables.iter().find(|it| it.relation == relation)?.bytes?;
    let limit = thresholds.of(relation).rewrite_bytes?;
    let (allowed, finding) = judged(bytes as f64, limit as f64, &shown_bytes(limit))?;
    let message = format!("{who} rewrites {relation} of {}{allowed}", shown_bytes(bytes));
    let remedy = "change it so that nothing is rewritten (a new column filled in batches), or \
                  allow more: rewrite_bytes under [limits] in stopover.toml";
    Some(finding("rewrite", relation.to_owned(), message, remedy.to_owned()))
}

/// All migrations together.
fn duration(measured: Measured<'_>, thresholds: &Thresholds) -> Option<Finding> {
    let limit = thresholds.duration_ms?;
    let ms: f64 = measured.command.map_or_else(|| of_all(measured.migrations), |it| it.duration_ms);
    let (allowed, finding) = judged(ms, limit, &shown_ms(limit))?;
    let message = format!("the migrations took {}{allowed}", shown_ms(ms));
    let remedy = "make the slowest statements faster, or allow more: duration under [limits] in \
                  stopover.toml";
    Some(finding("duration", "the migrations".to_owned(), message, remedy.to_owned()))
}

fn of_all(migrations: &[MigrationReport]) -> f64 {
    migrations.iter().filter_map(|it| it.duration_ms).sum()
}

type MakeFinding = fn(&str, String, String, String) -> Finding;

/// What is said of the limit, and how gravely; `None` where it is well kept.
fn judged(found: f64, limit: f64, shown: &str) -> Option<(String, MakeFinding)> {
    if found > limit {
        Some((format!("; at most {shown} is allowed"), |code, subject, message, remedy| {
            Finding::error(code, subject, message, remedy)
        }))
    } else if found >= limit * NEAR && found > 0.0 {
        Some((format!(", near the {shown} that is allowed"), |code, subject, message, remedy| {
            Finding::warning(code, subject, message, remedy)
        }))
    } else {
        None
    }
}

fn not_known(code: &str, what: &str, setting: &str) -> Finding {
    Finding::error(
        code,
        "the trace",
        format!("{what} is not known, and [limits] {setting} limits it"),
        "look at what kept the trace from being whole, and run the rehearsal again",
    )
}

fn shown_ms(ms: f64) -> String {
    if ms < 999.5 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1e3) }
}

pub(crate) fn shown_bytes(bytes: u64) -> String {
    let units = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0)];
    let fits = units.into_iter().find(|(_, size)| bytes as f64 >= *size);
    fits.map_or_else(
        || format!("{bytes} B"),
        |(unit, size)| format!("{:.1} {unit}", bytes as f64 / size),
    )
}

#[cfg(test)]
mod tests {
    use stopover_model::Version;
    use stopover_model::report::{MigrationStatus, StatementReport};

    use super::*;

    fn table(relation: &str, read: Option<f64>, write: Option<f64>) -> TableReport {
        TableReport {
            relation: relation.to_owned(),
            bytes: Some(3_221_225_472),
            read_blocked_ms: read,
            write_blocked_ms: write,
            ..TableReport::default()
        }
    }

    fn migration(ms: f64, rewrites: &[&str]) -> MigrationReport {
        MigrationReport {
            version: Version::Integer(42),
            name: "widen".to_owned(),
            file: "42_widen.up.sql".to_owned(),
            status: MigrationStatus::Applied,
            transactional: true,
            duration_ms: Some(ms),
            wal_bytes: None,
            statements: vec![StatementReport {
                index: 1,
                line: 3,
                column: 1,
                text: "ALTER TABLE orders".to_owned(),
                tag: "ALTER TABLE".to_owned(),
                from_ms: None,
                duration_ms: Some(ms),
                rows: None,
                wal_bytes: None,
                temp_bytes: None,
                locks: None,
                rewrites: Some(rewrites.iter().map(|it| (*it).to_owned()).collect()),
                indexes: None,
                scans: None,
                error: None,
            }],
        }
    }

    fn thresholds() -> Thresholds {
        Thresholds {
            all: TableLimits {
                read_block_ms: Some(2000.0),
                write_block_ms: Some(5000.0),
                rewrite_bytes: Some(1_073_741_824),
            },
            ..Thresholds::default()
        }
    }

    fn said(
        tables: &[TableReport],
        migrations: &[MigrationReport],
        thresholds: &Thresholds,
    ) -> Vec<(String, bool)> {
        limits(Measured { migrations, command: None, tables }, thresholds)
            .into_iter()
            .map(|it| (format!("{}: {}", it.code, it.message), it.is_error()))
            .collect()
    }

    #[test]
    fn over_a_limit_is_an_error_and_near_it_a_warning() {
        let tables = [
            table("public.orders", Some(1700.0), Some(18_200.0)),
            table("public.items", Some(1500.0), Some(1500.0)),
        ];
        let found = said(&tables, &[migration(10.0, &[])], &thresholds());
        let expected = [
            (
                "read-block: reads on public.orders were shut out for 1.7 s, near the 2.0 s that is allowed",
                false,
            ),
            (
                "write-block: writes on public.orders were shut out for 18.2 s; at most 5.0 s is allowed",
                true,
            ),
        ];
        assert_eq!(found, expected.map(|(text, error)| (text.to_owned(), error)));
    }

    #[test]
    fn a_tables_own_limit_holds_instead_of_everybodys() {
        let mut thresholds = thresholds();
        let own = TableLimits { write_block_ms: Some(30_000.0), ..TableLimits::default() };
        thresholds.tables.insert("orders".to_owned(), own);
        let tables = [table("public.orders", Some(10.0), Some(18_200.0))];
        assert_eq!(said(&tables, &[migration(10.0, &[])], &thresholds), []);
        let tables = [table("archive.orders", Some(10.0), Some(18_200.0))];
        assert_eq!(said(&tables, &[migration(10.0, &[])], &thresholds).len(), 1);
    }

    #[test]
    fn what_is_rewritten_is_measured_by_its_size() {
        let tables = [table("public.orders", Some(0.0), Some(0.0))];
        let found =
            said(&tables, &[migration(10.0, &["public.orders", "public.new"])], &thresholds());
        let expected = "rewrite: ALTER TABLE of migration 42, line 3, rewrites public.orders of \
                        3.0 GiB; at most 1.0 GiB is allowed";
        assert_eq!(found, [(expected.to_owned(), true)]);
    }

    #[test]
    fn the_duration_is_that_of_all_migrations() {
        let thresholds = Thresholds { duration_ms: Some(1000.0), ..Thresholds::default() };
        let found = said(&[], &[migration(600.0, &[]), migration(700.0, &[])], &thresholds);
        let expected = "duration: the migrations took 1.3 s; at most 1.0 s is allowed";
        assert_eq!(found, [(expected.to_owned(), true)]);
    }

    #[test]
    fn a_limit_on_what_nobody_measured_is_an_error() {
        let unknown = [table("public.orders", None, None)];
        let found = said(&unknown, &[migration(10.0, &[])], &thresholds());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|it| it.1), "{found:?}");
        assert_eq!(said(&[], &[migration(10.0, &[])], &thresholds()).len(), 2);
        assert_eq!(said(&[], &[], &thresholds()), [], "nothing ran");
        assert_eq!(said(&unknown, &[migration(10.0, &[])], &Thresholds::default()), []);
    }
}
