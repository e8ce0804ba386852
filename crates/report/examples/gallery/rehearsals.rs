//! Rehearsals to look at in every form: plain ones, large ones, and one that nobody should trust.

use stopover_model::report::{
    DownLoss, DownOutcome, DownReport, LockReport, MigrationReport, MigrationStatus,
    RehearsalReport, StatementReport, TableReport, Verdict,
};
use stopover_model::{Excerpt, Finding, StatementError, Version};

use crate::losses::rehearsal_losses;
use crate::programs::rehearsal_command;
use crate::samples::{self, rehearsal_green, rehearsal_red, rehearsal_truncated};

/// All of them, each with a name for its files.
pub(crate) fn all() -> Vec<(&'static str, RehearsalReport)> {
    vec![
        ("green", rehearsal_green()),
        ("red", rehearsal_red()),
        ("truncated", rehearsal_truncated()),
        ("losses", rehearsal_losses()),
        ("command", rehearsal_command()),
        ("nothing", nothing()),
        ("large", large(300, 200)),
        ("hostile", hostile("</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>")),
    ]
}

/// Nothing was pending.
pub(crate) fn nothing() -> RehearsalReport {
    let mut report = rehearsal_green();
    report.detail = "nothing to do: every migration of the source is applied in the backup".into();
    report.migrations.clear();
    report.tables.clear();
    report.findings.clear();
    report.timings.migrate_ms = Some(0.0);
    report
}

/// Many migrations on many tables. Numbers come from a small generator, the same each time.
pub(crate) fn large(migrations: usize, tables: usize) -> RehearsalReport {
    let mut draw = Draw(42);
    let mut report = rehearsal_green();
    let mut now = 12.0;
    report.migrations =
        (0..migrations).map(|at| migration(at, tables, &mut now, &mut draw)).collect();
    report.timings.migrate_ms = Some(now);
    report.detail = format!("{migrations} migrations applied in {now:.0} ms");
    report.tables = (0..tables).map(|at| table(at, &report.migrations, &mut draw)).collect();
    report.findings = vec![
        Finding::warning(
            "write-block",
            "shop.table_7",
            "writes were shut out for longer than 5.0 s",
            "split the migration, or allow more: `[limits] write_block`",
        ),
        Finding::note("swept", "scratch", "a folder that a killed run left was removed", ""),
    ];
    report
}

fn migration(at: usize, tables: usize, now: &mut f64, draw: &mut Draw) -> MigrationReport {
    let version = 20_240_101_000_000 + (at as i64) * 10_007;
    let name = format!("change_number_{at}");
    let begun = *now;
    let count = 1 + draw.below(4);
    let mut statements: Vec<StatementReport> = Vec::new();
    for index in 1..=count {
        statements.push(statement(index, tables, now, draw));
    }
    for statement in &mut statements {
        for lock in statement.locks.iter_mut().flatten() {
            lock.held_ms = lock.from_ms.map(|from| *now - from);
        }
    }
    let took = *now - begun;
    *now += 2.0;
    MigrationReport {
        version: Version::Integer(version),
        file: format!("migrations/{version}_{name}.up.sql"),
        name,
        status: MigrationStatus::Applied,
        transactional: true,
        duration_ms: Some(took),
        wal_bytes: Some(draw.below(1 << 24) as u64),
        statements,
    }
}

fn statement(index: usize, tables: usize, now: &mut f64, draw: &mut Draw) -> StatementReport {
    const KINDS: [(&str, &str, &str); 5] = [
        ("ALTER TABLE", "AccessExclusiveLock", "ADD COLUMN note text"),
        ("CREATE INDEX", "ShareLock", "(customer_id)"),
        ("UPDATE", "RowExclusiveLock", "SET state = 'done' WHERE state IS NULL"),
        ("CREATE TRIGGER", "ShareRowExclusiveLock", "EXECUTE FUNCTION touch()"),
        ("ANALYZE", "ShareUpdateExclusiveLock", ""),
    ];
    let (tag, mode, rest) = KINDS[draw.below(KINDS.len())];
    let number = draw.below(tables.max(1));
    let from = *now;
    let took = if draw.below(40) == 0 { 900.0 } else { 0.3 } + draw.below(120) as f64 / 4.0;
    *now += took;
    let relation = format!("shop.table_{number}");
    StatementReport {
        text: format!("{tag} {relation} {rest}"),
        from_ms: Some(from),
        rows: (tag == "UPDATE").then(|| draw.below(100_000) as u64),
        wal_bytes: Some(draw.below(1 << 22) as u64),
        locks: Some(vec![LockReport {
            mode: mode.into(),
            relation: relation.clone(),
            from_ms: Some(from),
            held_ms: None,
        }]),
        rewrites: Some(if took > 900.0 { vec![relation] } else { vec![] }),
        ..samples::measured(index, index * 3, tag, Some(took))
    }
}

fn table(at: usize, migrations: &[MigrationReport], draw: &mut Draw) -> TableReport {
    let relation = format!("shop.table_{at}");
    let locks = migrations.iter().flat_map(|it| &it.statements).flat_map(|it| it.locks.iter());
    let locks: Vec<&LockReport> = locks.flatten().filter(|it| it.relation == relation).collect();
    let sum = |modes: &[&str]| {
        let of = locks.iter().filter(|it| modes.contains(&it.mode.as_str()));
        Some(of.filter_map(|it| it.held_ms).sum())
    };
    let rows = draw.below(5_000_000) as u64;
    TableReport {
        rows_before: Some(rows),
        rows_after: Some(rows),
        bytes: Some(rows * 120),
        read_blocked_ms: sum(&["AccessExclusiveLock"]),
        write_blocked_ms: sum(&["AccessExclusiveLock", "ShareLock", "ShareRowExclusiveLock"]),
        ..samples::table(&relation, None, None)
    }
}

/// Whatever can be a text is `text`.
pub(crate) fn hostile(text: &str) -> RehearsalReport {
    let it = || text.to_owned();
    let mut report = rehearsal_red();
    report.verdict = Verdict::Red;
    report.tool_version = it();
    report.detail = format!("{text}\n{text}");
    report.backup.path = it();
    report.backup.sha256 = Some(it());
    report.backup.server_version = Some(it());
    report.backup.dump_version = Some(it());
    if let Some(scratch) = &mut report.scratch {
        scratch.kind = it();
        scratch.server_version = it();
        scratch.role = Some(it());
    }
    for migration in &mut report.migrations {
        migration.version = Version::Text(it());
        migration.name = it();
        migration.file = it();
        for statement in &mut migration.statements {
            spoil(statement, text);
        }
    }
    report.tables = vec![TableReport {
        rows_before: Some(u64::MAX),
        rows_after: Some(0),
        bytes: Some(u64::MAX),
        read_blocked_ms: Some(f64::MAX),
        write_blocked_ms: Some(-1.0),
        ..samples::table(text, None, None)
    }];
    report.down = Some(vec![DownReport {
        version: Version::Text(it()),
        name: it(),
        file: Some(it()),
        outcome: Some(DownOutcome::Lossy),
        duration_ms: Some(-1.0),
        again_ms: Some(f64::MAX),
        lost: vec![DownLoss {
            relation: it(),
            rows_before: Some(u64::MAX),
            rows_after: Some(0),
            columns: vec![it(), it()],
        }],
        objects: vec![it()],
        error: None,
    }]);
    report.findings = vec![
        Finding::error(text, text, text, text),
        Finding::warning(text, format!("{text}:3"), text, text),
        Finding::note(text, format!("a/{text}"), text, text),
        Finding::error("migration-failed", text, text, text),
    ];
    report
}

fn spoil(statement: &mut StatementReport, text: &str) {
    let it = || text.to_owned();
    statement.tag = it();
    statement.text = it();
    statement.from_ms = Some(f64::MAX);
    statement.duration_ms = Some(3.0);
    if statement.error.is_none() {
        statement.from_ms = Some(statement.index as f64);
    }
    let lock = |mode: &str| LockReport {
        mode: mode.into(),
        relation: it(),
        from_ms: Some(statement.index as f64),
        held_ms: Some(2.0),
    };
    statement.locks = Some(vec![lock("AccessExclusiveLock"), lock(text)]);
    statement.rewrites = Some(vec![it()]);
    statement.indexes = Some(vec![it()]);
    if statement.error.is_some() {
        statement.error = Some(StatementError {
            sqlstate: Some(it()),
            message: it(),
            detail: Some(it()),
            hint: Some(it()),
            constraint: Some(it()),
            file: it(),
            line: 3,
            column: 2,
            excerpt: Some(Excerpt {
                first_line: usize::MAX,
                lines: vec![it(), it()],
                line: usize::MAX,
                column: usize::MAX,
                width: usize::MAX,
            }),
        });
    }
}

/// Numbers that look drawn by lot: Knuth's linear congruential generator (MMIX).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
