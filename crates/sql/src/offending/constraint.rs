//! Table constraints, as in ADD CONSTRAINT and as `pg_get_constraintdef` writes them.

use super::{Candidate, Matching, Nulls, ParentRule, Reach, Rule, UniqueRule};
use crate::cursor::{Cursor, folded, last_part};

/// A table constraint.
pub(super) struct Constraint {
    /// What the data can refuse of it: a primary key is unique, and each of its columns is not
    /// null. Empty for a kind that is not known here.
    pub(super) candidates: Vec<Candidate>,
    /// Whether adding it looks at the rows that are there.
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Valid,
    /// `NOT VALID`, or not enforced at all.
    NotValid,
}

/// Whether what follows ADD is a constraint. All but the last word are reserved, so no column is
/// called so.
pub(super) fn begins(cursor: &Cursor<'_>) -> bool {
    let reserved = ["CONSTRAINT", "UNIQUE", "PRIMARY", "FOREIGN", "CHECK", "NOT"];
    reserved.iter().any(|word| cursor.is(word)) || is_exclusion(*cursor)
}

/// `EXCLUDE USING …` or `EXCLUDE (…)`: the word alone may be a column's name.
fn is_exclusion(mut cursor: Cursor<'_>) -> bool {
    cursor.eat("EXCLUDE") && (cursor.is("USING") || cursor.is_symbol("("))
}

/// Reads `[CONSTRAINT name] …`; with the name of its `table`, also the name that PostgreSQL makes
/// up for it.
pub(super) fn read(cursor: &mut Cursor<'_>, table: Option<&str>) -> Option<Constraint> {
    let name = match cursor.eat("CONSTRAINT") {
        true => Some(folded(cursor.identifier()?)),
        false => None,
    };
    let rules = rules(cursor)?;
    let mut state = State::Valid;
    while !cursor.is_empty() {
        if cursor.is("NOT VALID") || cursor.is("NOT ENFORCED") {
            state = State::NotValid;
        }
        cursor.skip();
    }
    let candidate = |(rule, suffix): (Rule, &str)| Candidate {
        name: name.clone(),
        default_name: table.and_then(|table| default_name(table, &rule, suffix)),
        rule,
    };
    Some(Constraint { candidates: rules.into_iter().map(candidate).collect(), state })
}

/// What the data has to keep to, each with the ending of the name that PostgreSQL makes up.
fn rules(cursor: &mut Cursor<'_>) -> Option<Vec<(Rule, &'static str)>> {
    if cursor.eat("UNIQUE") {
        let nulls = nulls(cursor);
        return Some(vec![(unique(plain_keys(cursor)?, nulls), "key")]);
    }
    if cursor.eat("PRIMARY KEY") {
        let keys = plain_keys(cursor)?;
        let not_null = |column: &String| (Rule::NotNull { column: column.clone() }, "");
        let mut rules: Vec<_> = keys.iter().map(not_null).collect();
        rules.push((unique(keys, Nulls::Distinct), "pkey"));
        return Some(rules);
    }
    if cursor.eat("FOREIGN KEY") {
        let columns = cursor.name_list()?;
        return Some(vec![(references(cursor, columns)?, "fkey")]);
    }
    if cursor.eat("CHECK") {
        return Some(vec![(check(cursor)?, "check")]);
    }
    if cursor.eat("NOT NULL") {
        let column = cursor.identifier()?.to_owned();
        return Some(vec![(Rule::NotNull { column }, "not_null")]);
    }
    None
}

/// `(name, …)`, without a period that must not overlap.
fn plain_keys(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    cursor.name_list().filter(|keys| !keys.is_empty())
}

pub(super) fn unique(keys: Vec<String>, nulls: Nulls) -> Rule {
    Rule::Unique(UniqueRule { keys, nulls, predicate: None })
}

/// `[NULLS [NOT] DISTINCT]`
pub(super) fn nulls(cursor: &mut Cursor<'_>) -> Nulls {
    if cursor.eat("NULLS NOT DISTINCT") {
        return Nulls::NotDistinct;
    }
    let _ = cursor.eat("NULLS DISTINCT");
    Nulls::Distinct
}

/// `(expression) [NO INHERIT]`, after CHECK.
pub(super) fn check(cursor: &mut Cursor<'_>) -> Option<Rule> {
    let mut expression = cursor.parentheses()?;
    // The catalog writes parentheses around parentheses.
    while let Some(inside) = expression.sole_group() {
        expression = inside;
    }
    let expression = expression.text().to_owned();
    let reach = if cursor.eat("NO INHERIT") { Reach::Only } else { Reach::Heirs };
    Some(Rule::Check { expression, reach })
}

/// `REFERENCES parent [(columns)] [MATCH …]`
pub(super) fn references(cursor: &mut Cursor<'_>, columns: Vec<String>) -> Option<Rule> {
    if !cursor.eat("REFERENCES") {
        return None;
    }
    let parent = cursor.name()?;
    let parent_columns = match cursor.is_symbol("(") {
        true => cursor.name_list()?,
        false => Vec::new(),
    };
    let matching = if cursor.eat("MATCH FULL") { Matching::Full } else { Matching::Simple };
    Some(Rule::Parent(ParentRule { columns, parent, parent_columns, matching }))
}

/// The name that PostgreSQL makes up: `ChooseConstraintName` and `ChooseIndexName` in its source.
/// Not told: the number behind a name that is taken, a long name cut short, and of a CHECK which
/// column it is about.
pub(super) fn default_name(table: &str, rule: &Rule, suffix: &str) -> Option<String> {
    let columns = match rule {
        Rule::Unique(_) if suffix == "pkey" => return Some(format!("{table}_pkey")),
        Rule::Unique(rule) => &rule.keys,
        Rule::Parent(rule) => &rule.columns,
        _ => return None,
    };
    let columns: Vec<String> = columns.iter().map(|column| last_part(column)).collect();
    Some(format!("{table}_{}_{suffix}", columns.join("_")))
}
