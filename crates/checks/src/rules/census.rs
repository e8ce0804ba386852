//! `census`: tables that have fewer rows than before.

use stopover_model::harness::Fact;
use stopover_model::{Finding, TableCensus};

use crate::judged::Judged;
use crate::{PostflightFacts, RowCounts};

const CODE: &str = "census";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    if matches!(facts.rows, Fact::NotHere) {
        let note = Finding::note(
            CODE,
            "rows",
            "nobody counted the rows before the apply: whether tables have lost some cannot be told",
            "",
        );
        return Judged::not_applicable(vec![note]);
    }
    Judged::of(CODE, "rows", facts.rows, |counts| {
        counts.before.iter().filter_map(|it| found(it, counts, Way::Up)).collect()
    })
}

/// What a rollback took. Down scripts lose rows by their nature, and a backup was made before: that
/// is told, and is no error. That it could not be found out is one.
#[must_use]
pub fn taken_by_rollback(rows: &Fact<RowCounts>) -> Vec<Finding> {
    let judged = Judged::of(CODE, "rows", rows, |counts| {
        counts.before.iter().filter_map(|it| found(it, counts, Way::Down)).collect()
    });
    let (mut checks, mut findings) = (Vec::new(), Vec::new());
    judged.into_lists(CODE, &mut checks, &mut findings);
    findings
}

/// What was run between the two counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

fn found(before: &TableCensus, counts: &RowCounts, way: Way) -> Option<Finding> {
    let relation = &before.relation;
    let of = |name: &String| counts.after.iter().find(|it| it.relation == *name);
    let now = counts.renamed.get(relation);
    // Another table under the same name is what everybody reads from now on.
    let under_name = of(relation).map(|it| it.rows);
    let fewer = |rows: Option<u64>| rows.is_none_or(|rows| rows < before.rows);
    let run = if way == Way::Up { "apply" } else { "rollback" };
    let had = format!("{relation} had {} rows before the {run}", before.rows);
    let message = match (now, now.and_then(of), under_name) {
        (Some(now), Some(after), _) if fewer(Some(after.rows)) => {
            format!("{had}, and has {}; it is called {now} now", after.rows)
        }
        (Some(now), Some(_), Some(rows)) if fewer(Some(rows)) => format!(
            "{had}; another table has its name now, with {rows} rows, and its own rows are in {now}"
        ),
        (Some(_), Some(_), _) => return None,
        (_, _, Some(rows)) if fewer(Some(rows)) => format!("{had}, and has {rows}"),
        (_, _, None) if before.rows > 0 => format!("{had}, and is gone"),
        _ => return None,
    };
    if counts.allowed.iter().any(|it| same(it, relation) || now.is_some_and(|now| same(it, now))) {
        let message = format!("{message}; the migrations allow it");
        return Some(Finding::note(CODE, relation.clone(), message, ""));
    }
    if way == Way::Down {
        let remedy = format!(
            "the backup that was made before has them; where the down script is to take them, say so \
             in it: -- stopover: allow data-loss({relation})"
        );
        return Some(Finding::warning(CODE, relation.clone(), message, remedy));
    }
    let remedy = format!(
        "restore the backup where it was not meant; where it was, say so in the migration: -- \
         stopover: allow data-loss({relation})"
    );
    Some(Finding::error(CODE, relation.clone(), message, remedy))
}

/// Whether a migration means this relation: a name without a schema is `public`'s.
fn same(written: &str, relation: &str) -> bool {
    let plain = |text: &str| text.replace('"', "");
    let (written, relation) = (plain(written), plain(relation));
    written == relation || relation.strip_prefix("public.") == Some(written.as_str())
}
