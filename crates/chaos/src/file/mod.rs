//! Crash trials on an SQLite file: the tool is killed at a random moment, and the file is all that
//! is left.
//!
//! The same as on a server, with other means: marks that are left once, an operator who does what a
//! refusal says, and a look at the file when all is over.

mod after;
mod operator;
mod source;
mod trial;

pub(crate) use trial::FileTrial;

use std::path::Path;

use rusqlite::Connection;

use crate::Complaint;

/// The database's name in a trial's folder.
const DATABASE: &str = "app.db";

/// The same as `DATABASE_URL` has it; the tool works in that folder.
const URL: &str = "sqlite:app.db";

fn open(folder: &Path) -> Result<Connection, Complaint> {
    Connection::open(folder.join(DATABASE)).map_err(|error| Complaint::new(error.to_string()))
}

/// The rows of a query, the columns of each joined by a blank; NULL is nothing.
fn ask(connection: &Connection, sql: &str) -> Result<Vec<String>, Complaint> {
    let asked = || {
        let mut select = connection.prepare(sql)?;
        let columns = select.column_count();
        let rows = select.query_map([], |row| {
            let value = |at| row.get::<_, rusqlite::types::Value>(at).map(|it| shown(&it));
            let values: rusqlite::Result<Vec<String>> = (0..columns).map(value).collect();
            Ok(values?.join(" "))
        })?;
        rows.collect::<rusqlite::Result<Vec<String>>>()
    };
    asked().map_err(|error| Complaint::new(format!("{error}: {sql}")))
}

fn shown(value: &rusqlite::types::Value) -> String {
    use rusqlite::types::Value;
    match value {
        Value::Null => String::new(),
        Value::Integer(it) => it.to_string(),
        Value::Real(it) => it.to_string(),
        Value::Text(it) => it.clone(),
        Value::Blob(it) => format!("{} bytes", it.len()),
    }
}
