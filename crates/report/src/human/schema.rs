//! `schema`: what there is, and what is not the same.

use std::collections::{BTreeMap, BTreeSet};

use similar::{ChangeTag, TextDiff};
use stopover_model::SchemaChange;
use stopover_model::report::{SchemaDiffReport, SchemaReport, SchemaSide};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

use super::Detail;

/// Where the values begin, right of the labels.
const REACH: usize = 10;

/// Lines around a changed one, in a definition of several.
const CONTEXT: usize = 2;

/// The document of `schema`: the checksum, and how many objects there are of each kind; which
/// they are, where everything is asked for.
#[must_use]
pub fn schema(report: &SchemaReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    page.section(Ink::Strong, "Schema:", &text::plural(report.objects.len(), "object"));
    page.entry(2, Ink::Faint, "checksum", REACH, &report.checksum);
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for object in &report.objects {
        kinds.entry(&object.kind).or_default().push(&object.identity);
    }
    if !kinds.is_empty() {
        page.gap();
    }
    let width = kinds.keys().map(|kind| text::width(kind)).max().unwrap_or(0);
    for (kind, identities) in kinds {
        page.entry(2, Ink::Plain, kind, width + 2, &identities.len().to_string());
        if detail == Detail::Full {
            for identity in identities {
                page.paragraph(4, Ink::Faint, &text::tame_line(identity));
            }
        }
    }
    page.finish()
}

/// The document of `schema --diff`.
#[must_use]
pub fn schema_diff(report: &SchemaDiffReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    let changes = told(&report.changes, detail);
    if report.equal {
        page.section(Ink::Good, "Schemas:", "the same");
    } else {
        let differ = match changes.len() {
            1 => "1 object differs".to_owned(),
            count => format!("{count} objects differ"),
        };
        page.section(Ink::Doubtful, "Schemas:", &differ);
    }
    for (label, side) in [("before", &report.before), ("after", &report.after)] {
        // A URL is not broken, however long it is.
        let label = page.look.paint(Ink::Faint, &format!("{label:REACH$}"));
        page.verbatim(&format!("  {label}{}", one_side(side)));
        if detail == Detail::Full {
            page.entry(2, Ink::Faint, "", REACH, &format!("checksum {}", side.checksum));
        }
    }
    for change in changes {
        page.gap();
        let title = format!("{} {}", change.kind, change.identity);
        page.entry(0, Ink::Strong, &text::tame_line(&title), 0, "");
        lines(&mut page, change);
    }
    page.finish()
}

fn one_side(side: &SchemaSide) -> String {
    format!("{} ({})", text::tame_line(&side.name), text::plural(side.objects, "object"))
}

/// The changes that people are told: a table whose columns are other ones is left out where its
/// columns say so already.
fn told(changes: &[SchemaChange], detail: Detail) -> Vec<&SchemaChange> {
    let came_or_went = |it: &&SchemaChange| it.before.is_none() || it.after.is_none();
    let columns = changes.iter().filter(|it| it.kind == "column").filter(came_or_went);
    let tables: BTreeSet<&str> =
        columns.filter_map(|it| it.identity.rsplit_once('.').map(|(table, _)| table)).collect();
    let is_told = |it: &&SchemaChange| {
        detail == Detail::Full || !tables.contains(&*it.identity) || !only_columns(it)
    };
    changes.iter().filter(is_told).collect()
}

/// Whether the order of the columns is all that changed in a table.
fn only_columns(change: &SchemaChange) -> bool {
    let without = |text: &Option<String>| {
        text.as_deref().map(|it| {
            it.lines().filter(|line| !line.starts_with("columns: ")).collect::<Vec<_>>().join("\n")
        })
    };
    change.before.is_some() && without(&change.before) == without(&change.after)
}

/// A change line by line, with the lines around it.
fn lines(page: &mut Page<'_>, change: &SchemaChange) {
    let ends_in_a_line = |text: &Option<String>| match text.as_deref() {
        Some(text) => format!("{}\n", text.trim_end_matches('\n')),
        None => String::new(),
    };
    let (before, after) = (ends_in_a_line(&change.before), ends_in_a_line(&change.after));
    let diff = TextDiff::from_lines(&before, &after);
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            page.paragraph(2, Ink::Faint, "…");
        }
        for line in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (mark, ink) = match line.tag() {
                ChangeTag::Delete => ("-", Ink::Bad),
                ChangeTag::Insert => ("+", Ink::Good),
                ChangeTag::Equal => (" ", Ink::Faint),
            };
            let text = text::tame(line.value().trim_end_matches('\n'));
            let line = page.look.paint(ink, &format!("{mark} {text}"));
            page.verbatim(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use stopover_model::{Schema, SchemaObject};

    use super::*;

    fn object(kind: &str, identity: &str, definition: &str) -> SchemaObject {
        SchemaObject {
            kind: kind.to_owned(),
            identity: identity.to_owned(),
            definition: definition.to_owned(),
        }
    }

    fn diff(before: Vec<SchemaObject>, after: Vec<SchemaObject>, detail: Detail) -> String {
        let (before, after) = (Schema::new(before), Schema::new(after));
        let side = |name: &str, schema: &Schema| SchemaSide::of(name.to_owned(), schema);
        let changes = before.changes(&after);
        let report = SchemaDiffReport::of(side("a", &before), side("b", &after), changes);
        schema_diff(&report, detail, &Look::plain(80))
    }

    #[test]
    fn a_table_whose_columns_changed_is_told_by_its_columns() {
        let table = |columns: &str| object("table", "public.t", columns);
        let id = || object("column", "public.t.id", "integer");
        let note = object("column", "public.t.note", "text");
        let before = vec![table("columns: id\nunlogged"), id()];
        let after = vec![table("columns: id, note\nunlogged"), id(), note];
        let text = diff(before.clone(), after.clone(), Detail::Brief);
        assert_eq!(
            text,
            "Schemas: 1 object differs\n  before    a (2 objects)\n  after     b (3 objects)\n\n\
             column public.t.note\n+ text\n"
        );
        assert!(diff(before, after, Detail::Full).contains("table public.t\n- columns: id\n"));
    }

    #[test]
    fn a_table_that_changed_otherwise_is_told() {
        let order = |columns: &str| vec![object("table", "public.t", columns)];
        let text = diff(order("columns: a, b"), order("columns: b, a"), Detail::Brief);
        assert!(text.ends_with("table public.t\n- columns: a, b\n+ columns: b, a\n"), "{text}");
        let new = diff(Vec::new(), order("columns: a"), Detail::Brief);
        assert!(new.ends_with("table public.t\n+ columns: a\n"), "{new}");
        assert!(diff(order("x"), order("x"), Detail::Brief).starts_with("Schemas: the same\n"));
    }

    #[test]
    fn long_definitions_are_told_around_what_changed() {
        let lines = |changed: &str| {
            let lines: Vec<String> = (1..=20).map(|it| format!("line {it}")).collect();
            vec![object("function", "f()", &lines.join("\n").replace("line 10", changed))]
        };
        let text = diff(lines("old"), lines("new\u{1b}[2J"), Detail::Brief);
        assert!(
            text.ends_with(
                "function f()\n  line 8\n  line 9\n- old\n+ new\\u{1b}[2J\n  line 11\n  line 12\n"
            ),
            "{text}"
        );
    }
}
