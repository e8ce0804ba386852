//! CREATE TABLE in its forms, and what it locks of other tables: `DefineRelation` in PostgreSQL's
//! `src/backend/commands/tablecmds.c`.

use super::LockMode::{AccessExclusive, AccessShare, ShareRowExclusive, ShareUpdateExclusive};
use super::query;
use super::reading::Reading;
use super::words::Words;

/// Reads what follows `CREATE [FOREIGN] TABLE [IF NOT EXISTS]`. The new table itself is not
/// claimed: no other session can see it.
pub(super) fn read(mut words: Words<'_>, reading: &mut Reading) {
    let Some(name) = words.relation() else { return };
    if words.eat("PARTITION OF") {
        reading.lock_next(AccessExclusive, &mut words);
    } else if let Some(query) = query_after_as(words) {
        reading.tag("CREATE TABLE AS");
        return query::read(query, reading);
    }
    while words.first().is_some() {
        if let Some(columns) = words.parentheses() {
            read_elements(columns, &name, reading);
        } else if words.eat("INHERITS (") {
            if let Some(mut parents) = words.parentheses() {
                reading.lock_list(ShareUpdateExclusive, &mut parents);
            }
        } else {
            words.advance();
        }
    }
}

/// `CREATE TABLE … AS query`, and not the AS of a generated column, which is in parentheses.
fn query_after_as(words: Words<'_>) -> Option<Words<'_>> {
    let query = words.after("AS")?;
    query::starts_query(query).then_some(query)
}

fn read_elements(columns: Words<'_>, name: &str, reading: &mut Reading) {
    for mut element in columns.split_at_commas() {
        if element.eat_word("LIKE") {
            reading.lock_next(AccessShare, &mut element);
        } else if let Some(mut words) = element.after("REFERENCES")
            && let Some(referenced) = words.relation()
            && referenced != name
        {
            reading.lock(ShareRowExclusive, referenced);
        }
    }
}
