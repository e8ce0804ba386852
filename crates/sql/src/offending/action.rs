//! One action of an ALTER TABLE: what it changes, and what the data can refuse of it.

use super::{Candidate, Rule, column, constraint};
use crate::cursor::Cursor;
use crate::cursor::folded;

/// What an action does, as far as it matters here.
#[derive(Default)]
pub(super) struct Action {
    /// The action's SQL without its constraints, where later parts see rows that it changed.
    pub(super) change: Option<String>,
    /// What the data can refuse.
    pub(super) refusable: Vec<Candidate>,
}

/// Reads an action; `table` is the table's name as the catalog has it.
pub(super) fn read(mut cursor: Cursor<'_>, table: &str) -> Action {
    let whole = cursor;
    if cursor.eat("VALIDATE CONSTRAINT") {
        return Action { change: None, refusable: existing(cursor).into_iter().collect() };
    }
    if cursor.eat("ADD") {
        return added(cursor, table);
    }
    if cursor.eat("ALTER") {
        return altered(whole, cursor);
    }
    let drops_column = cursor.eat("DROP") && !cursor.is("CONSTRAINT");
    Action { change: drops_column.then(|| whole.text().to_owned()), refusable: Vec::new() }
}

fn existing(mut cursor: Cursor<'_>) -> Option<Candidate> {
    let constraint = folded(cursor.identifier()?);
    Some(Candidate {
        name: Some(constraint.clone()),
        default_name: None,
        rule: Rule::Existing { constraint },
    })
}

/// After `ADD`.
fn added(mut cursor: Cursor<'_>, table: &str) -> Action {
    if constraint::begins(&cursor) {
        let refusable = constraint::read(&mut cursor, Some(table))
            .filter(|constraint| constraint.state == constraint::State::Valid)
            .map(|constraint| constraint.candidates);
        return Action { change: None, refusable: refusable.unwrap_or_default() };
    }
    let _ = cursor.eat("COLUMN");
    let guard = if cursor.eat("IF NOT EXISTS") { "IF NOT EXISTS " } else { "" };
    match column::read(cursor, table) {
        Some(new) => Action {
            change: Some(format!("ADD COLUMN {guard}{}", new.definition)),
            refusable: new.refusable,
        },
        None => Action::default(),
    }
}

/// After `ALTER`, of the action `whole`.
fn altered(whole: Cursor<'_>, mut cursor: Cursor<'_>) -> Action {
    if cursor.eat("CONSTRAINT") {
        return Action::default();
    }
    let _ = cursor.eat("COLUMN");
    let Some(column) = cursor.identifier() else { return Action::default() };
    if cursor.eat("SET NOT NULL") {
        let rule = Rule::NotNull { column: column.to_owned() };
        return Action { change: None, refusable: vec![Candidate::unnamed(rule)] };
    }
    // PostgreSQL 17 can change the expression of a generated column.
    if cursor.is("SET EXPRESSION") {
        return Action { change: Some(whole.text().to_owned()), refusable: Vec::new() };
    }
    let _ = cursor.eat("SET DATA");
    if !cursor.eat("TYPE") {
        return Action::default();
    }
    let rule = limit(cursor).map(|limit| Rule::Length { column: column.to_owned(), limit });
    Action {
        change: Some(whole.text().to_owned()),
        refusable: rule.map(Candidate::unnamed).into_iter().collect(),
    }
}

/// The number of characters that a string type takes. `None` for other types, and where USING
/// makes another value of the old one.
fn limit(mut cursor: Cursor<'_>) -> Option<u32> {
    let variable =
        cursor.eat("VARCHAR") || cursor.eat("CHARACTER VARYING") || cursor.eat("CHAR VARYING");
    if !variable && !cursor.eat("CHARACTER") && !cursor.eat("CHAR") {
        return None;
    }
    let limit = match cursor.parentheses() {
        Some(mut inside) => inside.number()?,
        None if variable => return None,
        None => 1,
    };
    if cursor.eat("COLLATE") {
        cursor.name()?;
    }
    cursor.is_empty().then_some(limit)
}
