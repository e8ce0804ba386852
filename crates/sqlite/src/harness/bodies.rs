//! Views and triggers: whether each compiles. Nothing is run: a statement that is prepared and not
//! stepped does nothing.

use rusqlite::Connection;
use stopover_model::harness::{BodyFault, BrokenBody};

use crate::error::{database_error, primary};
use crate::literal::identifier;

/// Views, and triggers with their tables.
const BODIES: &str = "SELECT type, name, '', sql FROM main.sqlite_schema WHERE type = 'view' \
     UNION ALL SELECT 'trigger', name, tbl_name, sql FROM main.sqlite_schema \
     WHERE type = 'trigger' ORDER BY 1, 2";

struct Body {
    kind: String,
    name: String,
    /// Of a trigger.
    table: String,
    sql: String,
}

pub(super) fn read(
    connection: &Connection,
    except: &[String],
) -> rusqlite::Result<Vec<BrokenBody>> {
    let mut list = connection.prepare(BODIES)?;
    let body = |row: &rusqlite::Row<'_>| {
        let (kind, name, table) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Body { kind, name, table, sql: row.get(3)? })
    };
    let bodies: Vec<Body> = list.query_map([], body)?.collect::<rusqlite::Result<_>>()?;
    let mut broken = Vec::new();
    for body in bodies.iter().filter(|it| !except.iter().any(|x| x.eq_ignore_ascii_case(&it.table)))
    {
        let Body { kind, name, .. } = body;
        let message = match kind.as_str() {
            "view" => compile(connection, &format!("SELECT * FROM main.{}", identifier(name)))?,
            _ => trigger(connection, body)?,
        };
        if let Some(message) = message {
            let fault = BodyFault::Broken { message, sqlstate: None };
            broken.push(BrokenBody { subject: format!("{kind} {name}"), fault });
        }
    }
    Ok(broken)
}

/// A trigger is compiled into the statements that fire it.
fn trigger(connection: &Connection, body: &Body) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT name FROM pragma_table_info(?1, 'main')";
    let mut list = connection.prepare(sql)?;
    let columns: Vec<String> =
        list.query_map([&body.table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let columns: Vec<String> = columns.iter().map(|it| identifier(it)).collect();
    let Some(first) = columns.first() else {
        return Ok(Some(format!("its table {} is not there", body.table)));
    };
    let table = identifier(&body.table);
    let set: Vec<String> = columns.iter().map(|it| format!("{it} = {it}")).collect();
    let firing = match event(&body.sql) {
        "DELETE" => format!("DELETE FROM main.{table}"),
        "UPDATE" => format!("UPDATE main.{table} SET {}", set.join(", ")),
        _ => format!("INSERT INTO main.{table} ({first}) VALUES (NULL)"),
    };
    compile(connection, &firing)
}

/// What fires a trigger: the last of these words before its `ON`.
fn event(sql: &str) -> &'static str {
    let mut event = "INSERT";
    for word in sql.split(|c: char| !c.is_alphanumeric() && c != '_') {
        let word = word.to_ascii_uppercase();
        match word.as_str() {
            "ON" => break,
            "INSERT" => event = "INSERT",
            "UPDATE" => event = "UPDATE",
            "DELETE" => event = "DELETE",
            _ => {}
        }
    }
    event
}

/// What SQLite says against a statement.
fn compile(connection: &Connection, sql: &str) -> rusqlite::Result<Option<String>> {
    match connection.prepare(sql) {
        Ok(_) => Ok(None),
        // Anything else says nothing of the body.
        Err(error) if primary(&error) == Some(rusqlite::ffi::SQLITE_ERROR) => {
            Ok(Some(database_error(&error).message))
        }
        Err(error) => Err(error),
    }
}
