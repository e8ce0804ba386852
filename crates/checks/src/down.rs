//! What came of taking the migrations back: a down script that fails is an error, and so is one that
//! takes nothing back, or loses what was there before its migration without leave; one that only does
//! not bring everything back is a warning.

use stopover_model::report::{DownLoss, DownOutcome, DownReport, FailedMigration};
use stopover_model::units::count;
use stopover_model::{Finding, detail_list};

use crate::allows;

/// How applying again went.
#[derive(Debug, Clone, PartialEq)]
pub enum Again {
    /// Nothing was taken back, or not everything could be.
    NotTried,
    /// It ended as the first time did.
    Same,
    /// A migration failed.
    Failed(Box<FailedMigration>),
    /// These objects, as `kind identity`, are not what they were after the first time.
    Other(Vec<String>),
}

/// Down and up again.
#[derive(Debug, Clone, PartialEq)]
pub struct DownTrip<'a> {
    /// The migrations, the newest first.
    pub migrations: &'a [DownReport],
    /// What their down scripts did, in the same order, as far as they were run.
    pub effects: &'a [DownEffect],
    /// And up again.
    pub again: Again,
}

/// What a down script did and did not do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownEffect {
    /// Tables that have lost rows or columns which were there before the migration; each is followed
    /// by what it is a part of.
    pub lost: Vec<Vec<String>>,
    /// All objects that the migration made or changed, if they are still as it left them.
    pub left: Vec<String>,
    /// Relations that the migration may lose rows of, as its directive spells them.
    pub allowed: Vec<String>,
}

impl DownEffect {
    /// Tables that have lost what they may not.
    fn forbidden(&self) -> Vec<String> {
        let is_forbidden =
            |it: &&Vec<String>| !it.iter().any(|relation| allows(&self.allowed, relation));
        self.lost.iter().filter(is_forbidden).filter_map(|it| it.first().cloned()).collect()
    }
}

/// So many objects or tables are named in a message.
const NAMED: usize = 5;

/// Everything that stands against the down scripts.
#[must_use]
pub fn down(trip: &DownTrip<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let none = DownEffect::default();
    for (at, migration) in trip.migrations.iter().enumerate() {
        let effect = trip.effects.get(at).unwrap_or(&none);
        findings.extend(failed(migration));
        match migration.outcome {
            Some(DownOutcome::Lossy) => findings.push(lossy(migration, effect)),
            Some(DownOutcome::Irreversible) => findings.push(irreversible(migration)),
            Some(DownOutcome::Lossless) | None => {}
        }
        findings.extend(idle(migration, effect));
    }
    findings.extend(untried(trip.migrations));
    findings.extend(again(&trip.again));
    findings
}

fn failed(migration: &DownReport) -> Option<Finding> {
    let error = migration.error.as_ref()?;
    Some(Finding::error(
        "down-failed",
        format!("{}:{}", error.file, error.line),
        format!("the down script of migration {} fails: {}", migration.version, error.headline()),
        "change the down script; a rollback in production would stop here",
    ))
}

fn irreversible(migration: &DownReport) -> Finding {
    let what = if migration.file.is_some() { "an empty down script" } else { "no down script" };
    Finding::warning(
        "down-irreversible",
        migration.version.to_string(),
        format!("migration {} has {what}: there is no way back behind it", migration.version),
        "write one, or be ready to go back by restoring a backup",
    )
}

/// Those behind one that cannot be taken back.
fn untried(migrations: &[DownReport]) -> Option<Finding> {
    let behind: Vec<String> = migrations
        .iter()
        .filter(|it| it.duration_ms.is_none() && it.outcome.is_none() && it.error.is_none())
        .map(|it| it.version.to_string())
        .collect();
    let first = behind.first()?.clone();
    let these = if behind.len() == 1 { "migration" } else { "migrations" };
    Some(Finding::warning(
        "down-untried",
        first,
        format!("whether {these} {} can be taken back was not tried", detail_list(&behind)),
        "settle the migration above, which keeps them from being reached",
    ))
}

/// A down script that takes nothing back.
fn idle(migration: &DownReport, effect: &DownEffect) -> Option<Finding> {
    let left = objects("still there", &effect.left)?;
    Some(Finding::error(
        "down-idle",
        migration.version.to_string(),
        format!("the down script of migration {} takes nothing back: {left}", migration.version),
        "let it take back what the migration does; an empty one says that there is no way back",
    ))
}

fn lossy(migration: &DownReport, effect: &DownEffect) -> Finding {
    let mut parts: Vec<String> = migration.lost.iter().map(told).collect();
    if parts.len() > NAMED {
        let more = parts.len() - NAMED;
        parts.truncate(NAMED);
        parts.push(format!("{more} more tables"));
    }
    parts.extend(objects("not as before", &migration.objects));
    let version = migration.version.to_string();
    let message = format!(
        "taking migration {version} back does not bring back what was there: {}",
        parts.join("; ")
    );
    let forbidden = effect.forbidden();
    if forbidden.is_empty() {
        let remedy = "a rollback in production loses this for good: keep a backup, or let the \
                      migration keep what it takes away";
        return Finding::warning("down-lossy", version, message, remedy);
    }
    let remedy = format!(
        "change the down script so that nothing is lost which was there before the migration, or \
         say that it may be, at the head of the migration: `-- stopover: allow data-loss({})`",
        forbidden.join(", ")
    );
    Finding::error("down-lossy", version, message, remedy)
}

fn told(loss: &DownLoss) -> String {
    let DownLoss { relation, rows_before, rows_after, columns } = loss;
    let rows = match (rows_before, rows_after) {
        (Some(before), None) => {
            Some(format!("{} rows of {relation}, which is gone", count(*before)))
        }
        (Some(before), Some(after)) if after < before => {
            Some(format!("{} of {} rows of {relation}", count(before - after), count(*before)))
        }
        (Some(before), Some(after)) if after > before => {
            Some(format!("{relation} has {} rows instead of {}", count(*after), count(*before)))
        }
        _ => None,
    };
    let values = (!columns.is_empty()).then(|| match rows {
        None => format!("what was in {} of {relation}", detail_list(columns)),
        Some(_) => format!("its {}", detail_list(columns)),
    });
    [rows, values].into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

/// `not as before: column public.orders.note and 3 more objects`; nothing where there are none.
fn objects(what: &str, objects: &[String]) -> Option<String> {
    let more = objects.len().saturating_sub(NAMED);
    let mut named: Vec<String> = objects.iter().take(NAMED).cloned().collect();
    if more > 0 {
        named.push(format!("{more} more objects"));
    }
    (!named.is_empty()).then(|| format!("{what}: {}", detail_list(&named)))
}

fn again(again: &Again) -> Option<Finding> {
    match again {
        Again::NotTried | Again::Same => None,
        Again::Failed(failed) => Some(Finding::error(
            "up-again-failed",
            format!("{}:{}", failed.error.file, failed.error.line),
            format!(
                "migration {} cannot be applied again after it was taken back: {}",
                failed.version,
                failed.error.headline()
            ),
            "let the down script leave nothing behind that the migration makes",
        )),
        Again::Other(changed) => Some(Finding::error(
            "up-again-other",
            "the schema",
            format!(
                "the schema is another one after up, down and up again: {}",
                objects("not as before", changed).unwrap_or_default()
            ),
            "let the down scripts leave nothing behind that the migrations do not expect",
        )),
    }
}

#[cfg(test)]
mod tests {
    use stopover_model::{Severity, StatementError, Version};

    use super::*;

    fn migration(version: i64, outcome: Option<DownOutcome>) -> DownReport {
        DownReport {
            version: Version::Integer(version),
            name: "m".to_owned(),
            file: Some(format!("{version}_m.down.sql")),
            outcome,
            duration_ms: outcome.map(|_| 1.0),
            again_ms: None,
            lost: Vec::new(),
            objects: Vec::new(),
            error: None,
        }
    }

    fn said(migrations: &[DownReport], again: Again) -> Vec<(Severity, String)> {
        let found = down(&DownTrip { migrations, effects: &[], again });
        found.into_iter().map(|it| (it.severity, it.message)).collect()
    }

    fn loss(relation: &str, rows: (u64, Option<u64>), columns: &[&str]) -> DownLoss {
        DownLoss {
            relation: relation.to_owned(),
            rows_before: Some(rows.0),
            rows_after: rows.1,
            columns: columns.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    #[test]
    fn what_comes_back_whole_is_not_talked_about() {
        assert_eq!(said(&[migration(1, Some(DownOutcome::Lossless))], Again::Same), []);
    }

    #[test]
    fn what_does_not_come_back_is_a_warning_that_names_it() {
        let lossy = DownReport {
            lost: vec![
                loss("public.orders", (1200, Some(1200)), &["note", "fax"]),
                loss("public.audit", (1200, Some(1190)), &[]),
                loss("public.old", (3, None), &[]),
            ],
            objects: vec!["index public.orders_at".to_owned()],
            ..migration(2, Some(DownOutcome::Lossy))
        };
        let message = "taking migration 2 back does not bring back what was there: what was in \
                       note and fax of public.orders; 10 of 1,200 rows of public.audit; 3 rows of \
                       public.old, which is gone; not as before: index public.orders_at";
        assert_eq!(said(&[lossy], Again::Same), [(Severity::Warning, message.to_owned())]);
    }

    #[test]
    fn what_is_lost_without_leave_and_what_is_not_taken_back_are_errors() {
        let lossy = [DownReport {
            lost: vec![loss("public.audit_1", (5, Some(0)), &[])],
            ..migration(2, Some(DownOutcome::Lossy))
        }];
        let severities = |effect: DownEffect| {
            let trip = DownTrip { migrations: &lossy, effects: &[effect], again: Again::Same };
            down(&trip).into_iter().map(|it| (it.code, it.severity)).collect::<Vec<_>>()
        };
        let lost = vec![vec!["public.audit_1".to_owned(), "public.audit".to_owned()]];
        let lost = DownEffect { lost, ..DownEffect::default() };
        let said = |code: &str, severity| (code.to_owned(), severity);
        assert_eq!(severities(lost.clone()), [said("down-lossy", Severity::Error)]);
        let allowed = DownEffect { allowed: vec!["audit".to_owned()], ..lost };
        assert_eq!(severities(allowed), [said("down-lossy", Severity::Warning)]);
        let left = vec!["table public.items".to_owned()];
        let idle = DownEffect { left, ..DownEffect::default() };
        let expected = [said("down-lossy", Severity::Warning), said("down-idle", Severity::Error)];
        assert_eq!(severities(idle), expected);
    }

    #[test]
    fn what_has_no_way_back_keeps_the_older_ones_from_being_tried() {
        let end = DownReport {
            file: None,
            duration_ms: None,
            ..migration(3, Some(DownOutcome::Irreversible))
        };
        let found = said(&[end, migration(2, None), migration(1, None)], Again::NotTried);
        let expected = [
            "migration 3 has no down script: there is no way back behind it",
            "whether migrations 2 and 1 can be taken back was not tried",
        ];
        assert_eq!(found, expected.map(|it| (Severity::Warning, it.to_owned())));
    }

    #[test]
    fn a_down_script_that_fails_and_an_up_that_fails_again_are_errors() {
        let error = StatementError {
            sqlstate: Some("42P01".to_owned()),
            message: "relation \"orders\" does not exist".to_owned(),
            detail: None,
            hint: None,
            constraint: None,
            file: "2_m.down.sql".to_owned(),
            line: 4,
            column: 1,
            excerpt: None,
        };
        let failing = DownReport { error: Some(error), ..migration(2, None) };
        let found = said(&[failing], Again::Other(vec!["column public.a.b".to_owned()]));
        assert!(found.iter().all(|it| it.0 == Severity::Error) && found.len() == 2, "{found:?}");
        assert!(
            found[0].1.starts_with("the down script of migration 2 fails: relation \"orders\"")
        );
        assert!(found[1].1.ends_with("not as before: column public.a.b"), "{found:?}");
    }
}
