//! CREATE UNIQUE INDEX.

use super::{Candidate, Relation, Rule, UniqueRule, constraint};
use crate::cursor::{Cursor, folded, is_identifier};

/// Reads what follows `CREATE UNIQUE INDEX`.
pub(super) fn unique_index(mut cursor: Cursor<'_>) -> Option<(Relation, Candidate)> {
    let _ = cursor.eat("CONCURRENTLY");
    let _ = cursor.eat("IF NOT EXISTS");
    // ON is reserved: an index is called so only in quotes.
    let name = if cursor.is("ON") { None } else { Some(folded(cursor.identifier()?)) };
    if !cursor.eat("ON") {
        return None;
    }
    let relation = super::relation(&mut cursor)?;
    if cursor.eat("USING") {
        cursor.identifier()?;
    }
    let elements = cursor.parentheses()?.split_at_commas();
    let keys = elements.into_iter().map(element).collect::<Option<Vec<_>>>()?;
    if cursor.eat("INCLUDE") {
        cursor.parentheses()?;
    }
    let nulls = constraint::nulls(&mut cursor);
    while !cursor.is_empty() && !cursor.is("WHERE") {
        cursor.skip();
    }
    let predicate = cursor.eat("WHERE").then(|| cursor.text().to_owned());
    let rule = Rule::Unique(UniqueRule { keys, nulls, predicate });
    Some((relation, Candidate { name, default_name: None, rule }))
}

/// A key as written: a column, a function call or an expression in parentheses, with its
/// collation, which may make different texts equal. Operator class and order are left out.
fn element(mut cursor: Cursor<'_>) -> Option<String> {
    let start = cursor;
    let key = if let Some(inside) = cursor.parentheses() {
        inside.text()
    } else {
        cursor.name()?;
        let _ = cursor.parentheses();
        start.up_to(&cursor).text()
    };
    let key = match cursor.eat("COLLATE") {
        true => format!("({key}) COLLATE {}", cursor.name()?),
        false => key.to_owned(),
    };
    // What is left is an operator class or an order, which begin with a word.
    let plain = cursor.tokens().first().is_none_or(is_identifier);
    plain.then_some(key)
}
