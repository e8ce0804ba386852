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
