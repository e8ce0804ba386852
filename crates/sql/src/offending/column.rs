//! The column that ADD COLUMN defines: what it is without its constraints, and these.

use super::{Candidate, Nulls, Rule, constraint};
use crate::cursor::{Cursor, folded, is_word};
use crate::token::Token;

/// A new column.
pub(super) struct NewColumn {
    /// Name, type, collation, default or generation, as written.
    pub(super) definition: String,
    /// What the data can refuse of its constraints.
    pub(super) refusable: Vec<Candidate>,
}

/// The words that a clause of a column begins with. All are reserved in its place, so they end
/// the type or the default before them.
const CLAUSES: &[&str] = &[
    "CHECK",
    "COLLATE",
    "CONSTRAINT",
    "DEFAULT",
    "DEFERRABLE",
    "GENERATED",
    "INITIALLY",
    "NOT",
    "NULL",
    "PRIMARY",
    "REFERENCES",
    "UNIQUE",
];

/// Where the values of a new column come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// Nowhere: each row has a null.
    Null,
    /// A default, an identity or an expression.
    Made,
}

/// Reads `name type clause …`.
pub(super) fn read(cursor: Cursor<'_>, table: &str) -> Option<NewColumn> {
    let mut clauses = clauses(cursor).into_iter();
    let head = clauses.next()?;
    let name = head.clone().identifier()?.to_owned();
    let mut definition = head.text().to_owned();
    let (mut values, mut refusable) = (Values::Null, Vec::new());
    let mut constraint_name = None;
    for mut clause in clauses {
        let is_part = ["COLLATE", "DEFAULT", "GENERATED"].iter().any(|word| clause.is(word));
        if is_part {
            definition = format!("{definition} {}", clause.text());
            let null = clause.is("DEFAULT NULL") && clause.tokens().len() == 2;
            if !clause.is("COLLATE") && !null {
                values = Values::Made;
            }
        } else if clause.eat("CONSTRAINT") {
            constraint_name = clause.identifier().map(folded);
        } else {
            let rules = rules(clause, &name);
            refusable.extend(rules.into_iter().map(|(rule, suffix)| Candidate {
                name: constraint_name.clone(),
                default_name: constraint::default_name(table, &rule, suffix),
                rule,
            }));
            constraint_name = None;
        }
    }
    if values == Values::Null {
        for candidate in &mut refusable {
            if let Rule::NotNull { column } = &candidate.rule {
                candidate.rule = Rule::Value { column: column.clone() };
            }
        }
    }
    Some(NewColumn { definition, refusable })
}

/// The name with its type, then each clause by itself.
fn clauses(cursor: Cursor<'_>) -> Vec<Cursor<'_>> {
    let mut clauses = Vec::new();
    let (mut start, mut rest) = (0, cursor);
    rest.advance();
    while !rest.is_empty() {
        let place = cursor.tokens().len() - rest.tokens().len();
        let before = cursor.tokens().get(place - 1);
        if begins_clause(before, &rest) {
            clauses.push(cursor.part(start..place));
            start = place;
        }
        rest.skip();
    }
    clauses.push(cursor.part(start..cursor.tokens().len()));
    clauses
}

/// Whether a clause begins here: not so in `NOT NULL`, `DEFAULT NULL`, `BY DEFAULT`, `SET NULL`,
/// `NOT DEFERRABLE`, nor with the NOT of `NULLS NOT DISTINCT` and `IS NOT DISTINCT FROM`.
fn begins_clause(before: Option<&Token<'_>>, rest: &Cursor<'_>) -> bool {
    let goes_on = |token: &Token<'_>| {
        ["NOT", "DEFAULT", "BY", "SET", "."]
            .iter()
            .any(|it| is_word(token, it) || token.text == *it)
    };
    CLAUSES.iter().any(|word| rest.is(word))
        && !before.is_some_and(goes_on)
        && !rest.is("NOT DISTINCT")
}

/// What the data has to keep to by one constraint of `column`, each with the ending of the name
/// that PostgreSQL makes up.
fn rules(mut clause: Cursor<'_>, column: &str) -> Vec<(Rule, &'static str)> {
    let not_null = || Rule::NotNull { column: column.to_owned() };
    let unique = |nulls| constraint::unique(vec![column.to_owned()], nulls);
    if clause.eat("NOT NULL") {
        return vec![(not_null(), "not_null")];
    }
    if clause.eat("PRIMARY KEY") {
        return vec![(not_null(), ""), (unique(Nulls::Distinct), "pkey")];
    }
    if clause.eat("UNIQUE") {
        return vec![(unique(constraint::nulls(&mut clause)), "key")];
    }
    let rule = if clause.eat("CHECK") {
        constraint::check(&mut clause).map(|rule| (rule, "check"))
    } else {
        constraint::references(&mut clause, vec![column.to_owned()]).map(|rule| (rule, "fkey"))
    };
    rule.into_iter().collect()
}
