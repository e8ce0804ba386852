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
        counts.before.iter().filter_map(|it| found(it, counts)).collect()
    })
}

fn found(before: &TableCensus, counts: &RowCounts) -> Option<Finding> {
    let after = counts.after.iter().find(|it| it.relation == before.relation);
    let rows = after.map_or(0, |it| it.rows);
    if rows >= before.rows {
        return None;
    }
    let relation = &before.relation;
    let message = match after {
        Some(_) => format!("{relation} had {} rows before the apply, and has {rows}", before.rows),
        None => format!("{relation} had {} rows before the apply, and is gone", before.rows),
    };
    if counts.allowed.iter().any(|it| same(it, relation)) {
        let message = format!("{message}; the migrations allow it");
        return Some(Finding::note(CODE, relation.clone(), message, ""));
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
