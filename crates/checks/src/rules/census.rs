//! `census`: tables that have fewer rows than before, and columns with fewer values where a table was
//! made again.

use stopover_model::harness::Fact;
use stopover_model::{Finding, TableCensus};

use crate::judged::{Judged, not_run};
use crate::{ColumnCount, PostflightFacts, RowCounts};

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
    judged(facts.rows, Way::Up)
}

/// Rows, and the columns of tables that were made again.
fn judged(rows: &Fact<RowCounts>, way: Way) -> Judged {
    let Fact::Read(counts) = rows else {
        return Judged::of(CODE, "rows", rows, |_| Vec::new());
    };
    let tables = counts.before.iter().filter_map(|it| found(it, counts, way));
    let columns = counts.columns.read().into_iter().flatten();
    let columns = columns.filter_map(|it| emptied(it, counts, way));
    let missing = match &counts.columns {
        Fact::Unread(unread) => vec![not_run(CODE, "values", unread)],
        Fact::Read(_) | Fact::NotHere => Vec::new(),
    };
    Judged::partly(tables.chain(columns).collect(), missing)
}

/// What a rollback took. Down scripts lose rows by their nature, and a backup was made before: that
/// is told, and is no error. That it could not be found out is one.
#[must_use]
pub fn taken_by_rollback(rows: &Fact<RowCounts>) -> Vec<Finding> {
    let judged = judged(rows, Way::Down);
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

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Up => "apply",
            Self::Down => "rollback",
        }
    }
}

fn found(before: &TableCensus, counts: &RowCounts, way: Way) -> Option<Finding> {
    let relation = &before.relation;
    let of = |name: &String| counts.after.iter().find(|it| it.relation == *name);
    let now = counts.renamed.get(relation);
    // Another table under the same name is what everybody reads from now on.
    let under_name = of(relation).map(|it| it.rows);
    let fewer = |rows: Option<u64>| rows.is_none_or(|rows| rows < before.rows);
    let had = format!("{relation} had {} rows before the {}", before.rows, way.name());
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
    let names = [Some(relation), now];
    Some(told(message, (relation, &names), counts, way))
}

/// A column that holds fewer values, if more are gone than rows.
fn emptied(count: &ColumnCount, counts: &RowCounts, way: Way) -> Option<Finding> {
    let ColumnCount { relation, relation_after, column, before, after } = count;
    let rows = |tables: &[TableCensus], name: &String| {
        tables.iter().find(|it| it.relation == *name).map_or(0, |it| it.rows)
    };
    let rows_before = rows(&counts.before, relation);
    let gone = rows_before.saturating_sub(rows(&counts.after, relation_after));
    if *before <= after.unwrap_or(0).saturating_add(gone) {
        return None;
    }
    let run = way.name();
    let held = format!("held a value in {before} of {rows_before} rows before the {run}");
    let message = match after {
        None => format!(
            "{relation} was made again, and its column {column} is gone, or has another name: it {held}"
        ),
        Some(0) => format!(
            "{relation} was made again, and its column {column} holds no value any more: it {held}"
        ),
        Some(after) => format!(
            "{relation} was made again, and its column {column} holds a value in {after} rows: it \
             {held}"
        ),
    };
    let names = [Some(relation), Some(relation_after)];
    Some(told(message, (relation, &names), counts, way))
}

/// The finding of a loss: a note where a migration allows it under one of the table's names.
fn told(
    message: String,
    (relation, names): (&String, &[Option<&String>]),
    counts: &RowCounts,
    way: Way,
) -> Finding {
    let allows = |written: &String| names.iter().flatten().any(|it| same(written, it));
    if counts.allowed.iter().any(allows) {
        let message = format!("{message}; the migrations allow it");
        return Finding::note(CODE, relation.clone(), message, "");
    }
    if way == Way::Down {
        let remedy = format!(
            "the backup that was made before has them; where the down script is to take them, say so \
             in it: -- stopover: allow data-loss({relation})"
        );
        return Finding::warning(CODE, relation.clone(), message, remedy);
    }
    let remedy = format!(
        "restore the backup where it was not meant; where it was, say so in the migration: -- \
         stopover: allow data-loss({relation})"
    );
    Finding::error(CODE, relation.clone(), message, remedy)
}

/// Whether a migration means this relation: a name without a schema is `public`'s.
fn same(written: &str, relation: &str) -> bool {
    let plain = |text: &str| text.replace('"', "");
    let (written, relation) = (plain(written), plain(relation));
    written == relation || relation.strip_prefix("public.") == Some(written.as_str())
}

#[cfg(test)]
mod tests {
    use stopover_model::Severity;

    use super::*;

    fn counts(rows: (u64, u64), column: (u64, Option<u64>), allowed: &[&str]) -> RowCounts {
        let table = |rows| TableCensus {
            relation: "public.orders".to_owned(),
            rows,
            digest: None,
            columns: Vec::new(),
        };
        let count = ColumnCount {
            relation: "public.orders".to_owned(),
            relation_after: "public.orders".to_owned(),
            column: "note".to_owned(),
            before: column.0,
            after: column.1,
        };
        RowCounts {
            before: vec![table(rows.0)],
            after: vec![table(rows.1)],
            renamed: std::collections::BTreeMap::new(),
            columns: Fact::Read(vec![count]),
            allowed: allowed.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn of(counts: RowCounts) -> Vec<(Severity, String)> {
        let (mut checks, mut findings) = (Vec::new(), Vec::new());
        judged(&Fact::Read(counts), Way::Up).into_lists(CODE, &mut checks, &mut findings);
        findings.into_iter().map(|it| (it.severity, it.message)).collect()
    }

    #[test]
    fn a_rebuilt_table_that_forgets_a_column_is_an_error_unless_it_is_allowed() {
        for after in [None, Some(0), Some(3)] {
            let found = of(counts((5, 5), (4, after), &[]));
            assert_eq!(found[0].0, Severity::Error);
            assert!(found[0].1.contains("column note"), "{found:?}");
            assert!(
                found[0].1.contains("held a value in 4 of 5 rows before the apply"),
                "{found:?}"
            );
            assert_eq!(of(counts((5, 5), (4, after), &["orders"]))[0].0, Severity::Note);
        }
    }

    #[test]
    fn values_that_went_with_their_rows_are_told_by_the_rows() {
        assert_eq!(of(counts((5, 5), (4, Some(4)), &[])), []);
        assert_eq!(of(counts((5, 5), (0, None), &[])), []);
        assert_eq!(of(counts((5, 3), (4, Some(2)), &[])).len(), 1);
        assert_eq!(of(counts((5, 3), (4, Some(1)), &[])).len(), 2);
    }

    #[test]
    fn values_that_could_not_be_counted_are_an_error() {
        let unread = stopover_model::harness::Unread {
            why: "it took longer than 5 s".to_owned(),
            sqlstate: None,
            remedy: "allow more time".to_owned(),
        };
        let counts = RowCounts { columns: Fact::Unread(unread), ..counts((5, 5), (0, None), &[]) };
        let found = of(counts);
        assert_eq!(found[0].0, Severity::Error);
        assert!(found[0].1.contains("could not run"), "{found:?}");
    }
}
