//! What the whole way up and down leaves otherwise than it was, in tables that no migration's scripts
//! name.

use stopover_backend::Backend;
use stopover_checks::allows;
use stopover_model::report::TableReport;
use stopover_model::{Finding, Severity, units};

use super::after::look_again;
use super::census::NoCensus;
use super::compared::{After, Before};
use crate::Request;

/// What is not as it was before everything, at the end of the way down.
pub(super) async fn since<B: Backend>(
    auditor: &B,
    before: &Before,
    request: &Request<'_>,
) -> Result<Vec<Unexplained>, NoCensus> {
    let (compared, after) = look_again(auditor, before, &[], request).await?;
    let was_there = compared.iter().filter(|it| it.report.rows_before.is_some());
    Ok(was_there.filter_map(|it| Unexplained::of(&it.report, &after)).collect())
}

/// A table that is not, or may not be, what it was.
pub(super) struct Unexplained {
    pub(super) relation: String,
    what: String,
    code: &'static str,
    severity: Severity,
}

impl Unexplained {
    fn of(table: &TableReport, after: &After) -> Option<Self> {
        let of = |code, what| {
            let (relation, severity) = (table.relation.clone(), Severity::Warning);
            Some(Self { relation, what, code, severity })
        };
        let digest = table.digest.as_ref();
        if let Some(lost) = table.lost_rows() {
            let before = units::count(table.rows_before.unwrap_or(lost));
            let what = format!("lost {} of its {before} rows", units::count(lost));
            return of("down-lossy", what).map(|it| Self { severity: Severity::Error, ..it });
        }
        let written =
            table.relation_after.as_ref().is_some_and(|it| after.counted.contains_key(it));
        match digest {
            Some(digest) if digest.before == digest.after => None,
            Some(_) => of("down-lossy", "does not hold what it held".to_owned()),
            None if written => {
                of("down-unproven", "was written to, and what is in it was not compared".to_owned())
            }
            None => None,
        }
    }

    /// Rows that are gone are an error, unless one of the migrations may lose them.
    pub(super) fn finding(&self, allowed: &[String]) -> Finding {
        let Self { relation, what, code, severity } = self;
        let remedy = match *code {
            "down-unproven" => "give --digest as well, which compares every table",
            _ => "look at what triggers, foreign keys and functions do there",
        };
        let message =
            format!("after all migrations were taken back {relation} {what}; no script names it");
        match severity {
            Severity::Error if !allows(allowed, relation) => {
                Finding::error(code, relation, message, remedy)
            }
            _ => Finding::warning(code, relation, message, remedy),
        }
    }
}
