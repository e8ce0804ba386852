//! Tables whose content changed: digests show that, where they were asked for. Where no statement of
//! the plan names the table, a trigger, a foreign key or a function did it.

use stopover_model::report::{TableFate, TableReport};
use stopover_model::{Finding, detail_list};

use crate::CountedTable;

/// A note for each of them, and a warning where no statement names it. `texts` are the plan's
/// statements.
#[must_use]
pub fn changed(tables: &[CountedTable<'_>], texts: &[&str]) -> Vec<Finding> {
    let texts: Vec<String> = texts.iter().map(|it| it.to_lowercase()).collect();
    let is_named = |table: &CountedTable<'_>| {
        let mut names = table.within.iter().chain([&table.report.relation]).map(|it| bare(it));
        names.any(|name| texts.iter().any(|text| text.contains(&name)))
    };
    let all = tables.iter().filter(|it| has_changed(it.report));
    all.map(|it| if is_named(it) { named(it.report) } else { unnamed(it.report) }).collect()
}

fn has_changed(report: &TableReport) -> bool {
    let there = [TableFate::Kept, TableFate::Renamed, TableFate::Replaced];
    let stayed = report.fate.is_some_and(|it| there.contains(&it));
    let digest = report.digest.as_ref();
    stayed && digest.is_some_and(|it| !it.changed_columns.is_empty())
}

fn message(report: &TableReport) -> String {
    let columns =
        report.digest.as_ref().map(|it| it.changed_columns.as_slice()).unwrap_or_default();
    let columns = detail_list(columns);
    format!("what is in {} is not the same as before ({columns})", report.relation)
}

fn named(report: &TableReport) -> Finding {
    Finding::note("content-changed", &report.relation, message(report), "")
}

fn unnamed(report: &TableReport) -> Finding {
    Finding::warning(
        "content-changed",
        &report.relation,
        format!("{}, and no statement names it", message(report)),
        "look at the triggers, foreign keys and functions of the tables that the migrations write \
         to, whether that is meant",
    )
}

/// The name without its schema and quotes, in lower case.
fn bare(relation: &str) -> String {
    let name = match relation.strip_suffix('"') {
        Some(quoted) => quoted.rsplit('"').next().unwrap_or(quoted),
        None => relation.rsplit('.').next().unwrap_or(relation),
    };
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use stopover_model::Severity;
    use stopover_model::report::DigestReport;

    use super::*;

    fn told(relation: &str, columns: &[&str], within: &[String], text: &str) -> Vec<Finding> {
        let changed_columns = columns.iter().map(|it| (*it).to_owned()).collect();
        let report = TableReport {
            relation: relation.to_owned(),
            fate: Some(TableFate::Kept),
            digest: Some(DigestReport { changed_columns, ..DigestReport::default() }),
            ..TableReport::default()
        };
        let counted = CountedTable { report: &report, within, within_after: within };
        changed(&[counted], &[text])
    }

    /// What no statement names.
    fn said(relation: &str, columns: &[&str], within: &[String], text: &str) -> Vec<String> {
        let found = told(relation, columns, within, text).into_iter();
        found.filter(|it| it.severity == Severity::Warning).map(|it| it.message).collect()
    }

    #[test]
    fn what_a_statement_names_and_changes_is_a_note() {
        let found = told("public.orders", &["total"], &[], "UPDATE orders SET total = 0");
        let message = "what is in public.orders is not the same as before (total)";
        assert_eq!((found[0].severity, found[0].message.as_str()), (Severity::Note, message));
    }

    #[test]
    fn what_changes_without_being_named_is_told_with_its_columns() {
        let found = said("public.audit", &["at", "who"], &[], "UPDATE orders SET total = 0");
        let message = "what is in public.audit is not the same as before (at and who), and no \
                       statement names it";
        assert_eq!(found, [message]);
    }

    #[test]
    fn what_is_named_or_the_same_or_a_part_of_what_is_named_is_not_told() {
        assert!(said("public.audit", &[], &[], "UPDATE orders SET total = 0").is_empty());
        assert!(said("public.orders", &["total"], &[], "UPDATE Orders SET total = 0").is_empty());
        assert!(said("s.\"Odd\"", &["a"], &[], "UPDATE \"Odd\" SET a = 0").is_empty());
        let within = ["public.events".to_owned()];
        assert!(said("public.e_1", &["a"], &within, "UPDATE events SET a = 0").is_empty());
    }
}
