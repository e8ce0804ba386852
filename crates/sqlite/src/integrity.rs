//! Whether a file is whole, by SQLite's own `integrity_check`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use stopover_backend::BackendError;

use crate::error::open_error;

/// What SQLite finds wrong with a file that nobody else uses: at most a hundred lines, none where
/// it is whole. The file is read only.
///
/// # Errors
/// When it cannot be opened, or is no database.
pub fn integrity(path: &Path) -> Result<Vec<String>, BackendError> {
    let failed = |error: rusqlite::Error| open_error(&path.display().to_string(), &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let mut statement = connection.prepare("PRAGMA integrity_check(100)").map_err(failed)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    let lines: Result<Vec<String>, _> = lines.collect();
    let lines = lines.map_err(failed)?;
    Ok(if lines == ["ok"] { Vec::new() } else { lines })
}

/// Takes up what a `-wal` or a `-journal` beside the file holds, as the next writer would, so that
/// all of the database is in the file. Only for a copy that nobody else uses.
///
/// # Errors
/// When it cannot be opened, or is no database.
pub fn settle(path: &Path) -> Result<(), BackendError> {
    let failed = |error: rusqlite::Error| open_error(&path.display().to_string(), &error);
    let connection = Connection::open(path).map_err(failed)?;
    // Reading rolls a journal back that a killed writer left.
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
        .map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))
}
