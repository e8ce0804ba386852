//! From a statement that the data refused to queries that find the rows.
//!
//! A failing `ALTER TABLE … SET NOT NULL` names one column and no row. Which rows are in its way
//! follows from the statement's own text, the SQLSTATE and the error's fields: [`cause`] finds the
//! part of the statement that failed, [`Cause::offenders`] turns it into SQL with what only the
//! catalog knows ([`Catalog`]). Nothing is run here, and nothing is guessed: a statement or an
//! error of any other shape gives `None`.
//!
//! Expressions and names go into the queries as the statement writes them. They are the user's
//! own SQL, and the queries are for a scratch only.
//!
//! Not for: errors of INSERT and UPDATE, domains, exclusion constraints, partitions that are
//! attached, and conversions of a type that can only be tried row by row.

mod action;
mod column;
mod constraint;
mod index;
mod query;
mod sample;

use crate::cursor::{Cursor, folded};
use action::Action;
pub use query::Offenders;

/// What the server said, as far as it tells which part of a statement failed. Names are as in the
/// catalog, without quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The error's code.
    pub sqlstate: &'a str,
    /// The table that it is about.
    pub table: Option<&'a str>,
    /// The column that it is about.
    pub column: Option<&'a str>,
    /// The constraint (or unique index) that it is about.
    pub constraint: Option<&'a str>,
}

/// The part of a statement that the data refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    relation: Relation,
    prelude: Option<String>,
    rule: Rule,
}

/// What only the catalog knows of the relations of a [`Cause`]. Names are quoted for SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The columns of the relation's key; empty where it has none.
    pub key: Vec<String>,
    /// All columns of the relation: the name as it is, and quoted.
    pub columns: Vec<(String, String)>,
    /// Where the relation's rows are.
    pub rows: Rows,
    /// The parent's primary key; empty where there is no parent, or it has none.
    pub parent_key: Vec<String>,
    /// Where the parent's rows are.
    pub parent_rows: Rows,
}

/// Where the rows that an index or a foreign key of a relation covers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rows {
    /// In the relation itself: tables that inherit from it have their own.
    #[default]
    Own,
    /// In its partitions.
    Partitions,
}

/// A table as the statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Relation {
    /// The name, with its schema if it is written.
    written: String,
    /// Which tables the statement is about.
    reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The table and those that inherit from it.
    Heirs,
    /// `ONLY` the table.
    Only,
}

/// What the rows do not keep to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// A new column without a default takes no null: no row keeps to it.
    Value { column: String },
    /// The column takes no null.
    NotNull { column: String },
    /// The keys occur once.
    Unique(UniqueRule),
    /// The parent is there.
    Parent(ParentRule),
    /// The expression is not false.
    Check { expression: String, reach: Reach },
    /// The value has at most so many characters, trailing blanks not counted.
    Length { column: String, limit: u32 },
    /// A constraint that is in the catalog; its name as it is there.
    Existing { constraint: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UniqueRule {
    /// Columns or expressions, with their collation if it is written.
    keys: Vec<String>,
    nulls: Nulls,
    predicate: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nulls {
    Distinct,
    NotDistinct,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ParentRule {
    columns: Vec<String>,
    parent: String,
    /// Empty for the parent's primary key.
    parent_columns: Vec<String>,
    matching: Matching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matching {
    /// A row with a null needs no parent.
    Simple,
    /// A row needs no parent only when all its columns are null.
    Full,
}

/// A part of a statement that the data can refuse.
struct Candidate {
    /// The constraint's name as the catalog will have it, where it is written.
    name: Option<String>,
    /// The name that PostgreSQL makes up where none is written, as far as it can be told.
    default_name: Option<String>,
    rule: Rule,
}

impl Candidate {
    fn unnamed(rule: Rule) -> Self {
        Self { name: None, default_name: None, rule }
    }
}

/// The part of `statement` that `refusal` is about; `None` where that cannot be told.
#[must_use]
pub fn cause(statement: &str, refusal: &Refusal<'_>) -> Option<Cause> {
    let tokens = crate::cursor::significant(statement);
    let mut cursor = Cursor::new(statement, &tokens);
    if cursor.has_symbol(";") {
        return None;
    }
    if cursor.eat("CREATE UNIQUE INDEX") {
        let (relation, candidate) = index::unique_index(cursor)?;
        let rule = pick(vec![candidate], refusal)?;
        return Some(Cause { relation, prelude: None, rule });
    }
    cursor.eat("ALTER TABLE").then(|| alter_table(cursor, refusal))?
}

impl Cause {
    /// The relation that the rows are in, as the statement names it.
    #[must_use]
    pub fn relation(&self) -> &str {
        &self.relation.written
    }

    /// The relation whose rows are missing, as the statement names it.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        match &self.rule {
            Rule::Parent(rule) => Some(&rule.parent),
            _ => None,
        }
    }

    /// What has to run first for the rows to be as the failing part saw them: the same ALTER
    /// TABLE's changes of columns.
    #[must_use]
    pub fn prelude(&self) -> Option<&str> {
        self.prelude.as_deref()
    }

    /// The name of the constraint of the relation whose definition is needed first; see
    /// [`Cause::defined_as`].
    #[must_use]
    pub fn existing_constraint(&self) -> Option<&str> {
        match &self.rule {
            Rule::Existing { constraint } => Some(constraint),
            _ => None,
        }
    }

    /// The cause with the definition of its existing constraint, as `pg_get_constraintdef` writes
    /// it. `None` for a kind of constraint that is not known here.
    #[must_use]
    pub fn defined_as(self, definition: &str) -> Option<Self> {
        let tokens = crate::cursor::significant(definition);
        let constraint = constraint::read(&mut Cursor::new(definition, &tokens), None)?;
        Some(Self { rule: only_rule(constraint.candidates)?, ..self })
    }

    /// The queries for the rows. `None` where the catalog lacks what they need, and for an
    /// existing constraint whose definition was not given.
    #[must_use]
    pub fn offenders(&self, catalog: &Catalog) -> Option<Offenders> {
        query::offenders(&self.relation, &self.rule, catalog)
    }
}

/// After `ALTER TABLE`.
fn alter_table(mut cursor: Cursor<'_>, refusal: &Refusal<'_>) -> Option<Cause> {
    let head = cursor;
    let _ = cursor.eat("IF EXISTS");
    let relation = relation(&mut cursor)?;
    let head = head.up_to(&cursor).text();
    let table = crate::cursor::last_part(&relation.written);
    let (mut changes, mut candidates) = (Vec::new(), Vec::new());
    for part in cursor.split_at_commas() {
        let Action { change, refusable } = action::read(part, &table);
        changes.extend(change);
        candidates.extend(refusable);
    }
    let rule = pick(candidates, refusal)?;
    // A column that is not there yet has no value in any row, and a type is changed from the
    // values as they were: nothing needs to run for these.
    let needed = !changes.is_empty() && !matches!(rule, Rule::Value { .. } | Rule::Length { .. });
    let prelude = needed.then(|| format!("ALTER TABLE {head} {}", changes.join(", ")));
    Some(Cause { relation, prelude, rule })
}

/// `[ONLY] name [*]`, or `ONLY (name)`
fn relation(cursor: &mut Cursor<'_>) -> Option<Relation> {
    let reach = if cursor.eat("ONLY") { Reach::Only } else { Reach::Heirs };
    let written = match cursor.parentheses() {
        Some(mut inside) if reach == Reach::Only => inside.name()?,
        Some(_) => return None,
        None => cursor.name()?,
    };
    cursor.eat_star();
    Some(Relation { written, reach })
}

/// The one candidate that the error is about.
fn pick(candidates: Vec<Candidate>, refusal: &Refusal<'_>) -> Option<Rule> {
    let mut fitting: Vec<Candidate> =
        candidates.into_iter().filter(|candidate| fits(&candidate.rule, refusal)).collect();
    if let Some(constraint) = refusal.constraint {
        let named = |name: &Option<String>| name.as_deref() == Some(constraint);
        if let Some(place) = fitting.iter().position(|it| named(&it.name)) {
            return Some(fitting.swap_remove(place).rule);
        }
        fitting.retain(|candidate| candidate.name.is_none());
        if let Some(place) = fitting.iter().position(|it| named(&it.default_name)) {
            return Some(fitting.swap_remove(place).rule);
        }
    }
    // NOT NULL PRIMARY KEY says the same twice.
    fitting.dedup_by(|left, right| left.rule == right.rule);
    only_rule(fitting)
}

fn only_rule(candidates: Vec<Candidate>) -> Option<Rule> {
    match <[Candidate; 1]>::try_from(candidates) {
        Ok([candidate]) => Some(candidate.rule),
        Err(_) => None,
    }
}

/// Whether breaking `rule` gives such an error. SQLSTATEs: PostgreSQL's documentation, appendix A.
fn fits(rule: &Rule, refusal: &Refusal<'_>) -> bool {
    let about_table = refusal.table.is_some();
    match (refusal.sqlstate, rule) {
        ("23502", Rule::NotNull { column } | Rule::Value { column }) => {
            about_table && refusal.column == Some(folded(column).as_str())
        }
        ("23503", Rule::Parent(_) | Rule::Existing { .. })
        | ("23505", Rule::Unique(_))
        | ("23514", Rule::Check { .. } | Rule::Existing { .. }) => about_table,
        ("22001", Rule::Length { .. }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
