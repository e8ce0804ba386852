//! What a second run of a migration changed on a copy, in words: the reasons against it.

use std::collections::BTreeSet;

use stopover_model::{
    DatabaseKind, Facts, Mark, MarkKind, RowState, Schema, SchemaChange, SourceSet, TableCensus,
    Version,
};
use stopover_sql::{Added, added};

use crate::script::dialect;

/// How many differences are told.
const TOLD: usize = 12;

/// What is in a database: everything that a second run must leave as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The schema.
    pub schema: Schema,
    /// The tables, with digests.
    pub tables: Vec<TableCensus>,
    /// What is lost though it is neither.
    pub marks: Vec<Mark>,
}

impl Inventory {
    /// How many rows all tables have.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|it| it.rows).sum()
    }
}

/// What running `version` again made of a copy: `re-running 9 would drop column a.b (added by
/// 10)`. Empty where it changed nothing.
#[must_use]
pub fn rerun_changes(
    version: &Version,
    before: &Inventory,
    after: &Inventory,
    source: &SourceSet,
    facts: &Facts,
) -> Vec<String> {
    let changes = before.schema.changes(&after.schema);
    let later = Later { version, source, facts };
    let gone: BTreeSet<&str> =
        changes.iter().filter(|it| is_table(it) && it.after.is_none()).map(name).collect();
    let remade: BTreeSet<&str> = changes
        .iter()
        .filter(|it| it.kind == "column")
        .filter_map(|it| parent(&it.identity))
        .collect();
    // A table says nothing that its columns do not say, and the other way round.
    let inside = |it: &&SchemaChange| {
        let is_told = match it.kind.as_str() {
            "column" => parent(&it.identity).is_some_and(|table| gone.contains(table)),
            "table" => it.before.is_some() && it.after.is_some() && remade.contains(name(it)),
            _ => false,
        };
        !is_told
    };
    let mut told: Vec<String> =
        changes.iter().filter(inside).map(|it| later.schema_change(it)).collect();
    // What was dropped matters more than what came with it.
    told.sort_by_key(|it| !it.starts_with("drop"));
    let touched: BTreeSet<&str> = changes
        .iter()
        .filter_map(|it| if it.kind == "column" { parent(&it.identity) } else { Some(name(it)) })
        .collect();
    told.extend(row_changes(before, after, &touched));
    told.extend(mark_changes(before, after));
    let more = told.len().saturating_sub(TOLD);
    let mut told: Vec<String> =
        told.into_iter().take(TOLD).map(|it| format!("re-running {version} would {it}")).collect();
    if more > 0 {
        told.push(format!("re-running {version} would change {more} more things"));
    }
    told
}

fn name(change: &SchemaChange) -> &str {
    &change.identity
}

fn is_table(change: &SchemaChange) -> bool {
    change.kind == "table"
}

/// The table of a column's identity.
fn parent(identity: &str) -> Option<&str> {
    let (at, _) = dots(identity).last()?;
    Some(&identity[..at])
}

/// The dots of a name that are outside of quotes.
fn dots(identity: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quoted = false;
    identity.char_indices().filter(move |&(_, c)| {
        quoted ^= c == '"';
        c == '.' && !quoted
    })
}

/// A name as people say it: without the schema that is meant anyway.
fn shown(identity: &str) -> &str {
    let plain = identity.strip_prefix("public.").or_else(|| identity.strip_prefix("main."));
    plain.unwrap_or(identity)
}

/// Rows that came, went or are others. Of a table whose form is another one nothing more is said
/// than how many rows went.
fn row_changes(before: &Inventory, after: &Inventory, touched: &BTreeSet<&str>) -> Vec<String> {
    let mut told = Vec::new();
    for table in &before.tables {
        let relation = shown(&table.relation);
        let Some(now) = after.tables.iter().find(|it| it.relation == table.relation) else {
            continue;
        };
        let (was, is) = (table.rows, now.rows);
        if is < was {
            told.push(format!("remove {} of {was} rows of {relation}", was - is));
        } else if is > was {
            let rows = if is - was == 1 { "row" } else { "rows" };
            told.push(format!("add {} {rows} to the {was} of {relation}", is - was));
        } else if table.digest != now.digest && !touched.contains(table.relation.as_str()) {
            told.push(match other_columns(table, now).as_slice() {
                [] => format!("change rows of {relation}"),
                columns => format!("change values of {relation} ({})", columns.join(", ")),
            });
        }
    }
    told
}

/// Marks that are others. What is gone as a whole is told with the schema.
fn mark_changes(before: &Inventory, after: &Inventory) -> Vec<String> {
    let mut told = Vec::new();
    for mark in &before.marks {
        let now = after.marks.iter().find(|it| it.kind == mark.kind && it.what == mark.what);
        let Some(Mark { what, value, .. }) = now.filter(|it| it.value != mark.value) else {
            continue;
        };
        match mark.kind {
            MarkKind::Object => {}
            MarkKind::State => {
                told.push(format!("change {what}: {} before, {value} then", mark.value));
            }
            MarkKind::Position => match (mark.value.parse::<i128>(), value.parse::<i128>()) {
                (Ok(was), Ok(is)) if is >= was => {}
                _ => told.push(format!("set {what} back from {} to {value}", mark.value)),
            },
        }
    }
    told
}

/// What running a migration again dropped and made again, though owners and grants on the copy are
/// not those of the target: who would own it there, and what would be granted on it, nobody has
/// seen. `target` is its schema, privileges included; `same_role` whether the same role runs both.
#[must_use]
pub fn unproven_privileges(
    before: &Inventory,
    after: &Inventory,
    target: &Schema,
    same_role: bool,
) -> Vec<String> {
    let others = before.schema.changes(target);
    let others: Vec<&SchemaChange> = others
        .iter()
        .filter(|it| ["owner", "grants", "default privileges"].contains(&it.kind.as_str()))
        .collect();
    let is_unlike = |what: &str| {
        !same_role
            || others.iter().any(|it| {
                let column = it.identity.strip_prefix("table column ");
                let of = what.split_once(' ').map_or(what, |(_, name)| name);
                it.kind == "default privileges"
                    || it.identity == what
                    || column.and_then(parent).is_some_and(|table| table == of)
            })
    };
    let made_again = before.marks.iter().filter(|mark| {
        let now = after.marks.iter().find(|it| it.kind == mark.kind && it.what == mark.what);
        mark.kind == MarkKind::Object && now.is_some_and(|it| it.value != mark.value)
    });
    made_again.filter(|it| is_unlike(&it.what)).map(|it| it.what.clone()).collect()
}

fn other_columns<'a>(before: &'a TableCensus, after: &TableCensus) -> Vec<&'a str> {
    let other = before.columns.iter().filter(|column| {
        let now = after.columns.iter().find(|it| it.column == column.column);
        now.is_some_and(|it| it.digest != column.digest)
    });
    other.map(|it| it.column.as_str()).collect()
}

/// The migrations that were applied after the one that is run again.
struct Later<'a> {
    version: &'a Version,
    source: &'a SourceSet,
    facts: &'a Facts,
}

impl Later<'_> {
    fn schema_change(&self, change: &SchemaChange) -> String {
        let what = format!("{} {}", change.kind, shown(&change.identity));
        match (&change.before, &change.after) {
            (_, None) => {
                let by = self.added_by(change);
                let by = by.map_or_else(String::new, |it| format!(" (added by {it})"));
                format!("drop {what}{by}")
            }
            (None, Some(_)) => format!("add {what}"),
            (Some(_), Some(_)) => format!("change {what}"),
        }
    }

    /// The last of the later migrations whose text adds the object.
    fn added_by(&self, change: &SchemaChange) -> Option<&Version> {
        let names = parts(change.identity.split('(').next().unwrap_or_default());
        let is_it = |it: &Added| match (it, names.as_slice()) {
            (Added::Column { table, column }, [.., of, own]) => {
                change.kind == "column"
                    && table.eq_ignore_ascii_case(of)
                    && column.eq_ignore_ascii_case(own)
            }
            (Added::Object { name }, [.., own]) => {
                change.kind != "column" && name.eq_ignore_ascii_case(own)
            }
            _ => false,
        };
        let rows = self.facts.ledger.rows.iter().rev();
        let mut later =
            rows.filter(|row| row.state == RowState::Done && row.version > *self.version);
        later.find_map(|row| {
            let migration = self.source.get(&row.version)?;
            let adds = added(dialect(self.database()), &migration.up.text).iter().any(is_it);
            adds.then_some(&row.version)
        })
    }

    const fn database(&self) -> DatabaseKind {
        self.facts.database
    }
}

/// The parts of a name with dots, without quotes.
fn parts(identity: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut ends: Vec<usize> = dots(identity).map(|it| it.0).collect();
    ends.push(identity.len());
    for end in ends {
        let part = &identity[start..end];
        let inner = part.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        parts.push(inner.map_or_else(|| part.to_owned(), |it| it.replace("\"\"", "\"")));
        start = (end + 1).min(identity.len());
    }
    parts
}
