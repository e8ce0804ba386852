//! The queries for the rows that break a rule.

use super::sample::{self, VALUE_CHARACTERS, on_one_line, shortened};
use super::{Catalog, Matching, Nulls, ParentRule, Reach, Relation, Rows, Rule, UniqueRule};
use crate::cursor::{folded, is_identifier, significant};

/// How many sample keys there are at most.
const SAMPLES: usize = 3;

/// The longest expression that a description shows, in characters.
const EXPRESSION_CHARACTERS: usize = 60;

/// The rows that a statement fails on: what they are, and how to get at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offenders {
    /// What they are, for more than one of them: `rows of orders where note is null`.
    pub what: String,
    /// The relation that they are in, as the statement names it.
    pub relation: String,
    /// Gives one row with their number.
    pub count_sql: String,
    /// Gives up to three rows for [`Offenders::sample`], in order. `None` where the rows have
    /// nothing to tell them apart by.
    pub rows_sql: Option<String>,
    keys: Vec<String>,
}

impl Offenders {
    /// What so many of them are: `row of orders where note is null` for one.
    #[must_use]
    pub fn what_for(&self, count: u64) -> String {
        match self.what.strip_prefix("rows ") {
            Some(rest) if count == 1 => format!("row {rest}"),
            _ => self.what.clone(),
        }
    }

    /// One row of [`Offenders::rows_sql`] as a sample key: `id = 42`, `(a, b) = (1, 'x')`, and for
    /// keys that occur several times `email = 'a@x' (3 times)`.
    #[must_use]
    pub fn sample(&self, cells: &[Option<&str>]) -> Option<String> {
        sample::sample(&self.keys, cells)
    }
}

/// The queries for the rows of `relation` that break `rule`.
pub(super) fn offenders(relation: &Relation, rule: &Rule, catalog: &Catalog) -> Option<Offenders> {
    let name = &relation.written;
    let (what, condition) = match rule {
        Rule::Existing { .. } => return None,
        Rule::Unique(rule) => return Some(duplicates(relation, rule, catalog)),
        Rule::Value { .. } => (format!("rows of {name}"), "true".to_owned()),
        Rule::NotNull { column } => {
            (format!("rows of {name} where {column} is null"), is_null(column))
        }
        Rule::Check { expression, .. } => {
            let shown = shortened(&on_one_line(expression), EXPRESSION_CHARACTERS);
            (
                format!("rows of {name} in violation of CHECK ({shown})"),
                format!("NOT ({expression})"),
            )
        }
        Rule::Length { column, limit } => (
            format!("rows of {name} where {column} is longer than {limit} characters"),
            format!(
                "pg_catalog.char_length(pg_catalog.rtrim({column}::pg_catalog.text, ' ')) > {limit}"
            ),
        ),
        Rule::Parent(rule) => (
            format!("rows of {name} without a parent in {}", rule.parent),
            orphaned(rule, catalog)?,
        ),
    };
    // Only here: expressions of the statement may name the table, which an alias would hide.
    let alias = if matches!(rule, Rule::Parent(_)) { " AS stopover_row" } else { "" };
    let rows = format!("{}{alias} WHERE {condition}", from(relation, rule, catalog));
    Some(of_rows(what, relation, &rows, &shown_keys(rule, catalog)))
}

/// What tells the rows apart, as SQL.
enum Shown {
    /// The table's key.
    Key(Vec<String>),
    /// Columns that the rule is about, of a table without a key.
    Values(Vec<String>),
}

fn shown_keys(rule: &Rule, catalog: &Catalog) -> Shown {
    if !catalog.key.is_empty() {
        return Shown::Key(catalog.key.clone());
    }
    Shown::Values(match rule {
        Rule::Check { expression, .. } => columns_in(expression, catalog),
        Rule::Length { column, .. } => vec![column.clone()],
        Rule::Parent(rule) => rule.columns.clone(),
        // Nulls tell nothing apart.
        _ => Vec::new(),
    })
}

/// The columns of the relation that an expression names, each once.
fn columns_in(expression: &str, catalog: &Catalog) -> Vec<String> {
    let mut found = Vec::new();
    for token in significant(expression).iter().filter(|token| is_identifier(token)) {
        let name = folded(token.text);
        let column = catalog.columns.iter().find(|(column, _)| *column == name);
        if let Some((_, quoted)) = column
            && !found.contains(quoted)
        {
            found.push(quoted.clone());
        }
    }
    found
}

fn of_rows(what: String, relation: &Relation, rows: &str, shown: &Shown) -> Offenders {
    let (keys, distinct) = match shown {
        Shown::Key(keys) => (keys, ""),
        Shown::Values(columns) => (columns, "DISTINCT "),
    };
    let rows_sql = (!keys.is_empty()).then(|| {
        format!(
            "SELECT {} FROM (SELECT {distinct}{} FROM {rows}) AS offending ORDER BY {} \
             LIMIT {SAMPLES}",
            cells(keys.len()),
            aliased(keys),
            aliases(keys.len()),
        )
    });
    Offenders {
        what,
        relation: relation.written.clone(),
        count_sql: format!("SELECT pg_catalog.count(*) FROM {rows}"),
        rows_sql,
        keys: keys.iter().map(|key| on_one_line(key)).collect(),
    }
}

/// The rows whose key occurs several times. The keys get names of their own first: a constant in
/// GROUP BY would be read as a position.
fn duplicates(relation: &Relation, rule: &UniqueRule, catalog: &Catalog) -> Offenders {
    let count = rule.keys.len();
    let from = from(relation, &Rule::Unique(rule.clone()), catalog);
    let predicate = rule.predicate.as_ref().map_or_else(String::new, |it| format!(" WHERE ({it})"));
    let without_nulls = match rule.nulls {
        Nulls::NotDistinct => String::new(),
        Nulls::Distinct => {
            let present: Vec<_> =
                (1..=count).map(|place| format!("k{place} IS DISTINCT FROM NULL")).collect();
            format!(" WHERE {}", present.join(" AND "))
        }
    };
    let names = aliases(count);
    let groups = format!(
        "(SELECT {names}, pg_catalog.count(*) AS n FROM (SELECT {} FROM {from}{predicate}) \
         AS keyed{without_nulls} GROUP BY {names} HAVING pg_catalog.count(*) > 1) AS duplicate",
        aliased(&rule.keys),
    );
    let keys: Vec<String> = rule.keys.iter().map(|key| on_one_line(key)).collect();
    Offenders {
        what: format!("rows of {} in duplicate groups of ({})", relation.written, keys.join(", ")),
        relation: relation.written.clone(),
        count_sql: format!("SELECT COALESCE(pg_catalog.sum(n), 0) FROM {groups}"),
        rows_sql: Some(format!(
            "SELECT {}, n FROM {groups} ORDER BY {names} LIMIT {SAMPLES}",
            cells(count)
        )),
        keys,
    }
}

/// The condition for a row whose parent is missing. A null matches nothing, so under MATCH FULL
/// a row with some nulls has no parent either.
fn orphaned(rule: &ParentRule, catalog: &Catalog) -> Option<String> {
    let parent_columns = match rule.parent_columns.is_empty() {
        true => &catalog.parent_key,
        false => &rule.parent_columns,
    };
    if parent_columns.len() != rule.columns.len() || parent_columns.is_empty() {
        return None;
    }
    let own = rule.columns.iter().map(|column| format!("stopover_row.{column}"));
    let needs: Vec<String> =
        own.clone().map(|column| format!("{column} IS DISTINCT FROM NULL")).collect();
    let needs = match rule.matching {
        Matching::Simple => needs.join(" AND "),
        Matching::Full => format!("({})", needs.join(" OR ")),
    };
    let same: Vec<String> = own
        .zip(parent_columns)
        .map(|(own, parent)| format!("stopover_parent.{parent} = {own}"))
        .collect();
    let only = only(catalog.parent_rows == Rows::Own);
    Some(format!(
        "{needs} AND NOT EXISTS (SELECT FROM {only}{} AS stopover_parent WHERE {})",
        rule.parent,
        same.join(" AND ")
    ))
}

/// The relation as FROM names it. Indexes and foreign keys do not reach tables that inherit.
fn from(relation: &Relation, rule: &Rule, catalog: &Catalog) -> String {
    let alone = match rule {
        Rule::Unique(_) | Rule::Parent(_) => catalog.rows == Rows::Own,
        Rule::Check { reach, .. } => *reach == Reach::Only,
        _ => false,
    };
    format!("{}{}", only(alone || relation.reach == Reach::Only), relation.written)
}

fn only(alone: bool) -> &'static str {
    if alone { "ONLY " } else { "" }
}

/// Whether the value itself is null: IS NULL would also be true of a composite value whose fields
/// are.
fn is_null(column: &str) -> String {
    format!("{column} IS NOT DISTINCT FROM NULL")
}

fn aliased(keys: &[String]) -> String {
    let named = |(place, key): (usize, &String)| format!("({key}) AS k{}", place + 1);
    keys.iter().enumerate().map(named).collect::<Vec<_>>().join(", ")
}

fn aliases(count: usize) -> String {
    (1..=count).map(|place| format!("k{place}")).collect::<Vec<_>>().join(", ")
}

/// For each key its text, one character longer than is shown, and its type.
fn cells(count: usize) -> String {
    let cell = |place| {
        format!(
            "pg_catalog.left(k{place}::pg_catalog.text, {}), \
             pg_catalog.pg_typeof(k{place})::pg_catalog.text",
            VALUE_CHARACTERS + 1
        )
    };
    (1..=count).map(cell).collect::<Vec<_>>().join(", ")
}
