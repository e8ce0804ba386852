//! Opening the file, without leaving a trace where it is only read.
//!
//! - The file is opened for writing even to be read, and `query_only` keeps the pen away: only
//!   such a connection undoes what a killed writer left half done, and removes the `-wal` and
//!   `-shm` files that reading a database in WAL mode makes. SQLite itself falls back to reading
//!   where the file may not be written.
//! - A `-wal` that was there before is left as it is: the last connection would otherwise write
//!   it into the database when it closes.
//! - A database in WAL mode in a folder that may not be written cannot be opened in the ordinary
//!   way. Where no `-wal` and no journal lies beside it, nobody is writing and everything is in
//!   the file: it is read as a snapshot (`immutable`). Should a writer start in that moment, its
//!   `-wal` is seen afterwards, and the reading is done again.
//! - The file is never opened but by SQLite: closing a descriptor of it would free the locks that
//!   other connections of this process hold (<https://sqlite.org/howtocorrupt.html>, 2.2).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OpenFlags, ffi};
use stopover_backend::BackendError;

use crate::error::{open_error, primary};
use crate::target::{Access, Place, Reach, Target};
use crate::waiting::Waiting;

/// How a connection sees the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// As it is, whatever others do.
    Live,
    /// As a file that nobody writes.
    Snapshot,
}

/// A connection that may only read yet.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) view: View,
}

/// Opens the database to read it; `None` where it is not there and may be made later.
pub(crate) fn reader(
    target: &Target,
    waiting: &Arc<Waiting>,
) -> Result<Option<Opened>, BackendError> {
    let failed = |error: rusqlite::Error| open_error(&target.describe(), &error);
    let Some(path) = file(target)? else {
        let mut connection = Connection::open_in_memory().map_err(failed)?;
        set_up(&mut connection, target.reach, waiting).map_err(failed)?;
        return Ok(Some(Opened { connection, view: View::Live }));
    };
    if !path.exists() {
        return match target.access {
            Access::Create => Ok(None),
            Access::ReadOnly | Access::ReadWrite => Err(absent(target)),
        };
    }
    let had_wal = beside(&path, "-wal").exists();
    let had_journal = beside(&path, "-journal").exists();
    match live(&path, target.reach, waiting) {
        Ok(connection) => {
            if had_wal {
                keep_wal(&connection, true).map_err(failed)?;
            }
            Ok(Some(Opened { connection, view: View::Live }))
        }
        Err(error) if is_shut_out(&error) && !had_wal && !had_journal => {
            let connection = snapshot(&path, target.reach, waiting).map_err(failed)?;
            Ok(Some(Opened { connection, view: View::Snapshot }))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Opens the database to write it, and makes it where it is not there.
pub(crate) fn writer(target: &Target, waiting: &Arc<Waiting>) -> Result<Connection, BackendError> {
    let failed = |error: rusqlite::Error| open_error(&target.describe(), &error);
    let Some(path) = file(target)? else {
        let mut connection = Connection::open_in_memory().map_err(failed)?;
        set_up(&mut connection, target.reach, waiting).map_err(failed)?;
        return Ok(connection);
    };
    let made = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let flags = match target.access {
        Access::Create => made,
        Access::ReadOnly | Access::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let mut connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
    set_up(&mut connection, target.reach, waiting).map_err(failed)?;
    Ok(connection)
}

/// The file's one name; `None` for a database in memory.
pub(crate) fn file(target: &Target) -> Result<Option<PathBuf>, BackendError> {
    let Place::File(path) = &target.place else { return Ok(None) };
    let resolved = Target::resolved(path);
    resolved.map(Some).ok_or_else(|| BackendError::Unreachable {
        target: target.describe(),
        reason: "its folder is not there".to_owned(),
        remedy: "make the folder, or correct the path in the database URL".to_owned(),
    })
}

/// A file that lies beside the database.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Whether a `-wal` is left for others to take up when this connection closes.
pub(crate) fn keep_wal(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(|_| ())
}

/// Whether a connection may only read.
pub(crate) fn query_only(connection: &Connection, only: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", only)
}

fn absent(target: &Target) -> BackendError {
    BackendError::Unreachable {
        target: target.describe(),
        reason: "the file is not there".to_owned(),
        remedy: "correct the path, or leave `mode` out of the URL so that the first apply makes it"
            .to_owned(),
    }
}

fn live(path: &Path, reach: Reach, waiting: &Arc<Waiting>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let mut connection = Connection::open_with_flags(path, flags)?;
    set_up(&mut connection, reach, waiting)?;
    query_only(&connection, true)?;
    probe(&connection)?;
    Ok(connection)
}

fn snapshot(path: &Path, reach: Reach, waiting: &Arc<Waiting>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?immutable=1", encode(path));
    let mut connection = Connection::open_with_flags(uri, flags)?;
    set_up(&mut connection, reach, waiting)?;
    probe(&connection)?;
    Ok(connection)
}

/// Whether files beside the database could not be made or opened.
fn is_shut_out(error: &rusqlite::Error) -> bool {
    matches!(primary(error), Some(ffi::SQLITE_CANTOPEN | ffi::SQLITE_READONLY))
}

/// The first read is what opens the file in earnest.
fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))
}

/// What all sessions of this tool have: foreign keys hold, as sqlx and every service that knows
/// SQLite has it.
fn set_up(
    connection: &mut Connection,
    reach: Reach,
    waiting: &Arc<Waiting>,
) -> rusqlite::Result<()> {
    waiting.watch(connection)?;
    if reach == Reach::Itself {
        connection.authorizer(Some(itself))?;
    }
    connection.pragma_update(None, "foreign_keys", true)
}

/// Lets a copy's sessions open no other file. `VACUUM` attaches a nameless database, which is in
/// memory or in a temporary file and gone with it; `VACUUM INTO` one with a name.
fn itself(asked: AuthContext<'_>) -> Authorization {
    match asked.action {
        AuthAction::Attach { filename: "" | ":memory:" } => Authorization::Allow,
        // Here too where the name is an expression: the action is known by no name then.
        AuthAction::Attach { .. } | AuthAction::Unknown { code: ffi::SQLITE_ATTACH, .. } => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

/// The path in a `file:` URI.
fn encode(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let text = |byte: &u8| {
        if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    bytes.iter().map(text).collect()
}
