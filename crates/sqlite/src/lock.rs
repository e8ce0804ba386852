//! The run lock: a transaction that is open on a lock database beside the database.
//!
//! The lock must outlive the transactions of the single migrations, must be free the moment its
//! holder dies, and must not keep the service's own writers waiting. A row in the database with
//! process ids and heartbeats could only guess whether its owner lives (ids are used again, most
//! of all in containers, and a heartbeat cannot be written while a migration holds the write
//! lock). So the row stands in a small database of its own, `FILE-stopover-lock`, on which the
//! holder keeps a `BEGIN IMMEDIATE` open: the operating system ends it with the process, and
//! whoever waits can still read who holds it.
//!
//! The file is removed at the end. Whoever has just taken a lock therefore looks whether it still
//! is the file that the name leads to: two files of one name would be two locks.
//!
//! The lock is one for the database, whatever ledgers it has. Should two runners see the same
//! database by two names (one file mounted into two folders), two locks do exist; then the
//! ledger stands guard by itself: [`crate::held::Held::check_ledger`], and its primary key.
//!
//! Where the lock file cannot be made because nothing may be written here, the lock is
//! [`Guard::Void`]: there may be nothing to do. No write happens under it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use stopover_backend::{BackendError, LedgerId, LockAttempt, LockKept, RunLock};
use stopover_model::LockHolder;

use crate::error::{database_error, is_busy, is_moved};
use crate::held::Held;
use crate::open::{beside, file};
use crate::session::SqliteSession;
use crate::target::Access;

/// How long the short transaction that says who we are may wait for those who read it.
const READERS: Duration = Duration::from_secs(1);

/// What a session has of the run lock.
pub(crate) enum Guard {
    /// Nothing.
    Free,
    /// The lock.
    Taken {
        /// Keeps it, for a database that others can reach.
        _file: Option<LockFile>,
    },
    /// Nothing may be written here, and therefore nothing is; why.
    Void(Void),
}

/// Why nothing may be written.
pub(crate) enum Void {
    /// The database URL says so.
    Url,
    /// The operating system does; its words.
    Denied(String),
}

/// An open transaction on the lock database. Dropping it removes the file and frees the lock.
pub(crate) struct LockFile {
    path: PathBuf,
    _connection: Connection,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // While the lock is held: nobody else can have taken the file at this name for theirs.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!("{} stays: {error}", self.path.display());
        }
    }
}

enum Attempt {
    Taken(LockFile),
    Held(Option<LockHolder>),
}

impl RunLock for SqliteSession {
    async fn try_lock(&mut self, _: &LedgerId) -> Result<LockAttempt, BackendError> {
        self.call(try_lock).await?
    }

    async fn is_tidy(&mut self, _: &LedgerId) -> Result<bool, BackendError> {
        self.call(is_tidy).await?
    }

    async fn unlock(&mut self, _: &LedgerId) -> Result<LockKept, BackendError> {
        self.call(|held| held.guard = Guard::Free).await?;
        Ok(LockKept::Held)
    }
}

/// Whether there is no lock's file: somebody works now, or was killed, and who takes the lock then
/// removes the file.
fn is_tidy(held: &mut Held) -> Result<bool, BackendError> {
    Ok(file(&held.target)?.is_none_or(|database| !lock_path(&database).exists()))
}

fn lock_path(database: &Path) -> PathBuf {
    beside(database, "-stopover-lock")
}

fn try_lock(held: &mut Held) -> Result<LockAttempt, BackendError> {
    if matches!(held.guard, Guard::Taken { .. }) {
        return Ok(LockAttempt::Taken);
    }
    let Some(database) = file(&held.target)? else {
        held.guard = Guard::Taken { _file: None };
        return Ok(LockAttempt::Taken);
    };
    if held.target.access == Access::ReadOnly {
        held.guard = Guard::Void(Void::Url);
        return Ok(LockAttempt::Taken);
    }
    let path = lock_path(&database);
    match attempt(&database, &path) {
        Ok(Attempt::Taken(file)) => {
            held.guard = Guard::Taken { _file: Some(file) };
            Ok(LockAttempt::Taken)
        }
        Ok(Attempt::Held(holder)) => Ok(LockAttempt::Held(holder)),
        Err(error) if is_busy(&error) => Ok(LockAttempt::Held(None)),
        Err(error) => {
            let reason = database_error(&error).message;
            let told = format!("the lock {} cannot be taken: {reason}", path.display());
            held.guard = Guard::Void(Void::Denied(told));
            Ok(LockAttempt::Taken)
        }
    }
}

fn attempt(database: &Path, path: &Path) -> rusqlite::Result<Attempt> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags)?;
    share(database, path);
    connection.busy_timeout(Duration::ZERO)?;
    // What this file says matters only while its writer lives.
    connection.pragma_update(None, "synchronous", false)?;
    match take(connection, path) {
        // Its holder has ended, and removed it, since it was opened here: the next try is for another.
        Err(error) if is_moved(&error) => Ok(Attempt::Held(None)),
        tried => tried,
    }
}

fn take(connection: Connection, path: &Path) -> rusqlite::Result<Attempt> {
    if !begin(&connection)? {
        return Ok(Attempt::Held(holder(&connection)));
    }
    let token = sign(&connection)?;
    if !begin(&connection)? || signed(path)?.as_deref() != Some(token.as_str()) {
        return Ok(Attempt::Held(holder(&connection)));
    }
    Ok(Attempt::Taken(LockFile { path: path.to_owned(), _connection: connection }))
}

/// `false` where somebody else holds it.
fn begin(connection: &Connection) -> rusqlite::Result<bool> {
    match connection.execute_batch("BEGIN IMMEDIATE") {
        Ok(()) => Ok(true),
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes into the row who holds the lock, for those who wait; gives back what tells this holder
/// from all others.
fn sign(connection: &Connection) -> rusqlite::Result<String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let token = format!("{pid} {now} {count}");
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS run_lock (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), \
         token TEXT, pid INTEGER, application TEXT, host TEXT, since TEXT)",
    )?;
    connection.execute(
        "INSERT OR REPLACE INTO run_lock VALUES (1, ?1, ?2, 'stopover', ?3, ?4)",
        (&token, i64::from(pid), host_name(), jiff::Timestamp::now().to_string()),
    )?;
    connection.busy_timeout(READERS)?;
    connection.execute_batch("COMMIT")?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(token)
}

/// What the file at this name says.
fn signed(path: &Path) -> rusqlite::Result<Option<String>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let Ok(connection) = Connection::open_with_flags(path, flags) else { return Ok(None) };
    Ok(connection.query_row("SELECT token FROM run_lock", [], |row| row.get(0)).ok())
}

fn holder(connection: &Connection) -> Option<LockHolder> {
    let sql = "SELECT pid, application, host, since FROM run_lock";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(LockHolder {
            pid: row.get(0)?,
            application: row.get(1)?,
            host: row.get(2)?,
            since: row.get::<_, Option<String>>(3)?.and_then(|at| at.parse().ok()),
        })
    };
    connection.query_row(sql, [], read).ok()
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// Whoever may write the database may take its lock. Best effort: only its owner, or root, can
/// give a file away.
#[cfg(unix)]
fn share(database: &Path, path: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};

    let (Ok(database), Ok(lock)) = (std::fs::metadata(database), std::fs::metadata(path)) else {
        return;
    };
    if lock.mode() != database.mode() {
        let _ = std::fs::set_permissions(path, database.permissions());
    }
    if (lock.uid(), lock.gid()) != (database.uid(), database.gid()) {
        let _ = chown(path, Some(database.uid()), Some(database.gid()));
    }
}

#[cfg(not(unix))]
fn share(_: &Path, _: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bug: a runner that tried for the lock just when another one gave it back was told that
    /// nothing may be written here, and gave up.
    #[test]
    fn a_lock_file_that_its_holder_has_just_removed_is_no_file_that_may_not_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db-stopover-lock");
        let Ok(Attempt::Taken(holder)) = attempt(folder.path(), &path) else { panic!("free") };
        let late = Connection::open(&path).unwrap();
        drop(holder);
        let error = take(late, &path).err().expect("its file is gone");
        assert!(is_moved(&error), "{error:?}");
        assert!(matches!(attempt(folder.path(), &path), Ok(Attempt::Taken(_))));
    }
}
