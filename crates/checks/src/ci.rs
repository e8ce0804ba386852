//! What continuous integration asks beyond a rehearsal: on an empty database nothing is lost that
//! anybody misses, so what a rehearsal only warns of is judged anew.

use std::time::Duration;

use stopover_model::report::{CheckEntry, CheckOutcome, DownOutcome, DownReport, MigrationReport};
use stopover_model::units::duration;
use stopover_model::{Finding, Severity, detail_list};

/// What was seen on the way up, down and up again.
#[derive(Debug, Clone, Copy)]
pub struct BuildFacts<'a> {
    /// The migrations, measured.
    pub migrations: &'a [MigrationReport],
    /// What taking them back came to, the newest first; `None` where that was not asked for.
    pub down: Option<&'a [DownReport]>,
    /// Longest time for one migration.
    pub limit: Duration,
}

/// The codes of this room, and of what it judges anew.
const NO_DOWN: &str = "no-down";
const SLOW: &str = "slow";

/// Judges what a rehearsal on an empty database found, and adds what only this asks.
#[must_use]
pub fn build(facts: BuildFacts<'_>, found: Vec<Finding>) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        found.into_iter().filter_map(|it| anew(it, facts.down)).collect();
    findings.extend(facts.down.into_iter().flat_map(without_down));
    findings.extend(facts.down.and_then(untried));
    findings.extend(facts.migrations.iter().filter_map(|it| slow(it, facts.limit)));
    findings
}

/// What a finding of a rehearsal is worth here; `None` where it is told in another way.
fn anew(mut finding: Finding, down: Option<&[DownReport]>) -> Option<Finding> {
    let of =
        |version: &str| down.into_iter().flatten().find(|it| it.version.to_string() == version);
    match finding.code.as_str() {
        // Rows of an empty database are those that migrations put there.
        // Told anew: others were tried meanwhile.
        "down-untried" => return None,
        "data-loss" => finding.severity = Severity::Note,
        "down-irreversible" => {
            // A file that is there and empty is how one says so.
            let marked = of(&finding.subject).is_some_and(|it| it.file.is_some());
            if !marked {
                return None;
            }
            finding.severity = Severity::Note;
        }
        "down-lossy" => {
            let objects = of(&finding.subject).is_some_and(|it| !it.objects.is_empty());
            // Neither are rows that a down script takes.
            finding.severity = Severity::Warning;
            if objects {
                finding.severity = Severity::Error;
                finding.remedy = "let the down script take away what the migration makes, and \
                                  bring back what it takes away"
                    .to_owned();
            }
        }
        _ => {}
    }
    Some(finding)
}

/// Migrations without a down script; one finding where none has any.
fn without_down(down: &[DownReport]) -> Vec<Finding> {
    let without: Vec<&DownReport> = down.iter().filter(|it| it.file.is_none()).collect();
    if !without.is_empty() && without.len() == down.len() {
        return vec![Finding::error(
            NO_DOWN,
            "the source",
            format!("none of the {} migrations has a down script", down.len()),
            "say --no-down (or [ci] down = false) where the way back is a backup",
        )];
    }
    let one = |it: &&DownReport| {
        Finding::error(
            NO_DOWN,
            it.version.to_string(),
            format!("migration {} {} has no down script", it.version, it.name),
            "write one, or leave an empty one, with a comment that says why there is no way back",
        )
    };
    without.iter().map(one).collect()
}

/// So many are named.
const NAMED: usize = 5;

/// Those of which nobody knows: what could not be tried is no pass.
fn untried(down: &[DownReport]) -> Option<Finding> {
    let unknown =
        |it: &&DownReport| it.duration_ms.is_none() && it.outcome.is_none() && it.error.is_none();
    let mut behind: Vec<String> =
        down.iter().filter(unknown).map(|it| it.version.to_string()).collect();
    let first = behind.first()?.clone();
    let count = behind.len();
    if count > NAMED {
        behind.truncate(NAMED);
        behind.push(format!("{} more", count - NAMED));
    }
    let these = if count == 1 { "migration" } else { "migrations" };
    Some(Finding::error(
        "down-untried",
        first,
        format!("whether {these} {} can be taken back was not tried", detail_list(&behind)),
        "settle what is above, or allow more time: [ci] below = \"10min\"",
    ))
}

fn slow(migration: &MigrationReport, limit: Duration) -> Option<Finding> {
    let took = migration.duration_ms.filter(|ms| *ms > limit.as_secs_f64() * 1e3)?;
    Some(Finding::error(
        SLOW,
        migration.version.to_string(),
        format!(
            "migration {} {} took {} on an empty database, and may take {}",
            migration.version,
            migration.name,
            duration(took),
            duration(limit.as_secs_f64() * 1e3)
        ),
        "see what it waits for or computes; [ci] migration_time sets the limit",
    ))
}

/// What became of each check, in the order in which they are made.
#[must_use]
pub fn build_checks(
    facts: BuildFacts<'_>,
    findings: &[Finding],
    postflight: Option<&[Finding]>,
) -> Vec<CheckEntry> {
    let error = |codes: &[&str]| {
        findings.iter().any(|it| it.is_error() && codes.contains(&it.code.as_str()))
    };
    let entry = |code: &str, outcome| CheckEntry { code: code.to_owned(), outcome };
    let judged =
        |codes: &[&str]| if error(codes) { CheckOutcome::Found } else { CheckOutcome::Clean };
    let up = judged(&["migration-failed", "ledger"]);
    let reached =
        |outcome| if up == CheckOutcome::Clean { outcome } else { CheckOutcome::CouldNotRun };
    let tried = |outcome| match facts.down {
        None => CheckOutcome::NotApplicable,
        Some(_) => reached(outcome),
    };
    let back = || facts.down.into_iter().flatten();
    let marked =
        back().all(|it| it.outcome == Some(DownOutcome::Irreversible) && it.file.is_some());
    let went = |made: fn(&&DownReport) -> bool| {
        let mut reversible = back().filter(|it| it.outcome != Some(DownOutcome::Irreversible));
        match (marked, back().any(|it| made(&it)), reversible.all(|it| made(&it))) {
            (true, ..) => CheckOutcome::NotApplicable,
            (false, true, true) => CheckOutcome::Clean,
            (false, ..) => CheckOutcome::CouldNotRun,
        }
    };
    let validated = match postflight {
        None => CheckOutcome::CouldNotRun,
        Some(found) if found.iter().any(Finding::is_error) => CheckOutcome::Found,
        Some(_) => CheckOutcome::Clean,
    };
    vec![
        entry("up", up),
        entry("time", reached(judged(&[SLOW]))),
        entry("down-scripts", tried(judged(&[NO_DOWN]))),
        entry(
            "down",
            tried(match judged(&["down-failed", "down-lossy", "down-idle", "down"]) {
                CheckOutcome::Clean => went(|it| it.duration_ms.is_some()),
                other => other,
            }),
        ),
        entry(
            "up-again",
            tried(match judged(&["up-again-failed", "up-again-other"]) {
                CheckOutcome::Clean => went(|it| it.again_ms.is_some()),
                other => other,
            }),
        ),
        entry("postflight", validated),
    ]
}

#[cfg(test)]
mod tests {
    use stopover_model::Version;

    use super::*;

    fn down(version: i64, file: bool, objects: &[&str]) -> DownReport {
        DownReport {
            version: Version::Integer(version),
            name: "m".to_owned(),
            file: file.then(|| format!("{version}_m.down.sql")),
            outcome: Some(if file { DownOutcome::Lossy } else { DownOutcome::Irreversible }),
            duration_ms: None,
            again_ms: None,
            lost: Vec::new(),
            objects: objects.iter().map(|it| (*it).to_owned()).collect(),
            error: None,
        }
    }

    fn judged(down: &[DownReport], found: Vec<Finding>) -> Vec<(String, Severity)> {
        let facts =
            BuildFacts { migrations: &[], down: Some(down), limit: Duration::from_secs(30) };
        build(facts, found).into_iter().map(|it| (it.code, it.severity)).collect()
    }

    #[test]
    fn objects_that_a_down_script_leaves_are_an_error_and_rows_are_not() {
        let lossy = |version: &str| Finding::warning("down-lossy", version, "m", "r");
        let found = judged(
            &[down(2, true, &["table public.a"]), down(1, true, &[])],
            vec![lossy("2"), lossy("1")],
        );
        assert_eq!(found[0].1, Severity::Error);
        assert_eq!(found[1].1, Severity::Warning);
    }

    #[test]
    fn a_missing_down_script_is_an_error_and_an_empty_one_a_mark() {
        let irreversible = |version: &str| Finding::warning("down-irreversible", version, "m", "r");
        let marked = DownReport { outcome: Some(DownOutcome::Irreversible), ..down(1, true, &[]) };
        let found =
            judged(&[down(2, false, &[]), marked], vec![irreversible("2"), irreversible("1")]);
        assert_eq!(
            found,
            [
                ("down-irreversible".to_owned(), Severity::Note),
                ("no-down".to_owned(), Severity::Error)
            ]
        );
    }

    #[test]
    fn a_source_without_any_down_script_is_told_once() {
        let found = judged(&[down(2, false, &[]), down(1, false, &[])], Vec::new());
        assert_eq!(found, [("no-down".to_owned(), Severity::Error)]);
    }
}
