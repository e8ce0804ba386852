//! What is neither in the schema nor a row of a user's table: the numbers that `AUTOINCREMENT` has
//! given out, and the two numbers in a file's head that programs set.

use rusqlite::Connection;
use stopover_model::{Mark, MarkKind};

use super::Except;
use super::names::shown;

/// `sqlite_sequence` has no row for a table until its first number. Every table is asked for, for
/// its text may have the word `AUTOINCREMENT` in a comment only.
const NUMBERS: &str = "SELECT s.name, coalesce((SELECT max(q.seq) FROM main.sqlite_sequence q \
       WHERE q.name = s.name), 0) FROM main.sqlite_schema s WHERE s.type = 'table' \
       AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.name";

const HEAD: &str = "SELECT 'user_version', user_version FROM pragma_user_version \
     UNION ALL SELECT 'application_id', application_id FROM pragma_application_id";

pub(super) fn read(connection: &Connection, except: &Except) -> rusqlite::Result<Vec<Mark>> {
    let pairs = |sql: &str| -> rusqlite::Result<Vec<(String, i64)>> {
        let mut select = connection.prepare(sql)?;
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let mark = |kind, what, value: i64| Mark { kind, what, value: value.to_string() };
    let head = pairs(HEAD)?.into_iter();
    let mut marks: Vec<Mark> =
        head.map(|(name, value)| mark(MarkKind::State, format!("PRAGMA {name}"), value)).collect();
    let there = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence')";
    if connection.query_row(there, [], |row| row.get(0))? {
        let numbers = pairs(NUMBERS)?.into_iter().filter(|(table, _)| !except.has(table));
        marks.extend(numbers.map(|(table, value)| {
            mark(MarkKind::Position, format!("the numbers of {}", shown(&table)), value)
        }));
    }
    Ok(marks)
}
