//! What a session's thread owns: the connection, what was set on it, and what is known.

use std::sync::Arc;

use rusqlite::Connection;
use stopover_backend::{BackendError, LedgerId, UnitLimits};
use stopover_model::{DatabaseError, ForeignKeys};

use crate::error::request_error;
use crate::ledger::is_there;
use crate::lock::{Guard, Void};
use crate::open::{self, Opened, View, beside};
use crate::target::{Access, Target};
use crate::waiting::{DEFAULT_LOCK_WAIT, Waiting};

/// Whether the connection may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pen {
    Down,
    Up,
}

/// Whether a script may have changed something that only this connection sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traces {
    None,
    Maybe,
}

/// What a session's thread owns.
pub(crate) struct Held {
    /// Goes before the lock does.
    connection: Option<Connection>,
    pub(crate) target: Target,
    pub(crate) guard: Guard,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) limits: UnitLimits,
    pub(crate) traces: Traces,
    /// The ledger as this session knows it, and how many rows it has.
    known: Option<(LedgerId, i64)>,
    /// The same without what the open transaction has written: what holds when it is rolled back.
    known_before: Option<(LedgerId, i64)>,
    view: View,
    pen: Pen,
}

impl Held {
    pub(crate) fn open(target: Target, waiting: Arc<Waiting>) -> Result<Self, BackendError> {
        waiting.limit(DEFAULT_LOCK_WAIT, None);
        let opened = open::reader(&target, &waiting)?;
        let view = opened.as_ref().map_or(View::Live, |it| it.view);
        Ok(Self {
            target,
            guard: Guard::Free,
            waiting,
            limits: UnitLimits::default(),
            traces: Traces::None,
            known: None,
            known_before: None,
            connection: opened.map(|it| it.connection),
            view,
            pen: Pen::Down,
        })
    }

    /// Lets go of the file. The last connection to a database in WAL mode takes its `-wal` along,
    /// unless it was interrupted meanwhile: SQLite forgets that when a statement begins.
    pub(crate) fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            let forgotten = connection.query_row("SELECT 1", [], |_| Ok(()));
            if let Err((_, error)) = connection.close() {
                tracing::debug!("the database is closed with an error: {error} ({forgotten:?})");
            }
        }
    }

    /// The connection to read with; `None` where the database is not there yet.
    pub(crate) fn reading(&mut self) -> Result<Option<&mut Connection>, BackendError> {
        self.start();
        if self.connection.is_none() {
            // Somebody else may have made it meanwhile.
            self.take(open::reader(&self.target, &self.waiting)?);
        }
        Ok(self.connection.as_mut())
    }

    /// The connection to write with, under the run lock. Makes the database where it is not there.
    pub(crate) fn writing(&mut self) -> Result<&mut Connection, BackendError> {
        self.start();
        match &self.guard {
            Guard::Taken { .. } => {}
            Guard::Void(Void::Url) => return Err(read_only()),
            Guard::Void(Void::Denied(reason)) => return Err(refused(reason)),
            Guard::Free => return Err(refused("the session does not hold the run lock")),
        }
        self.pick_up_pen()
    }

    /// The connection to write with, on a scratch that nobody else uses.
    pub(crate) fn pick_up_pen(&mut self) -> Result<&mut Connection, BackendError> {
        if self.target.access == Access::ReadOnly {
            return Err(read_only());
        }
        if self.view == View::Snapshot {
            self.connection = None;
            self.view = View::Live;
        }
        if self.pen == Pen::Down
            && let Some(connection) = &self.connection
        {
            let ready = open::query_only(connection, false)
                .and_then(|()| open::keep_wal(connection, false));
            ready.map_err(|error| request_error(&error))?;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writer(&self.target, &self.waiting)?,
        };
        self.pen = Pen::Up;
        Ok(self.connection.insert(connection))
    }

    /// The connection as it is.
    pub(crate) fn open_connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// A statement begins now.
    pub(crate) fn start(&self) {
        let lock = self.limits.lock_timeout.unwrap_or(DEFAULT_LOCK_WAIT);
        self.waiting.limit(lock, self.limits.statement_timeout);
    }

    /// Whether a transaction is open.
    pub(crate) fn in_transaction(&self) -> bool {
        self.connection.as_ref().is_some_and(|it| !it.is_autocommit())
    }

    /// Whether a snapshot was read while somebody began to write; it is read again then.
    pub(crate) fn outrun(&mut self) -> Result<bool, BackendError> {
        if self.view == View::Live {
            return Ok(false);
        }
        let Some(path) = open::file(&self.target)? else { return Ok(false) };
        let begun = beside(&path, "-wal").exists() || beside(&path, "-journal").exists();
        if begun {
            self.take(open::reader(&self.target, &self.waiting)?);
        }
        Ok(begun)
    }

    fn take(&mut self, opened: Option<Opened>) {
        self.view = opened.as_ref().map_or(View::Live, |it| it.view);
        self.connection = opened.map(|it| it.connection);
    }

    /// Sets foreign keys for the work that follows; only possible outside of a transaction.
    pub(crate) fn set_foreign_keys(&self, keys: ForeignKeys) -> Result<(), BackendError> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let set = connection.pragma_update(None, "foreign_keys", keys == ForeignKeys::Enforced);
        set.map_err(|error| request_error(&error))
    }

    /// Remembers how many rows the ledger has now.
    pub(crate) fn remember(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        let count = match &self.connection {
            Some(connection) => count(connection, ledger)?,
            None => None,
        };
        self.known = count.map(|count| (ledger.clone(), count));
        if !self.in_transaction() {
            self.mark_known();
        }
        Ok(())
    }

    /// What is known now is committed, and holds again when a transaction is rolled back.
    pub(crate) fn mark_known(&mut self) {
        self.known_before.clone_from(&self.known);
    }

    /// A transaction was rolled back.
    pub(crate) fn restore_known(&mut self) {
        self.known.clone_from(&self.known_before);
    }

    /// In a transaction that holds the write lock: refuses where another runner has written into
    /// the ledger since we read it. The run lock keeps that from happening, unless two runners
    /// see the database by two names.
    pub(crate) fn check_ledger(&self) -> Result<(), BackendError> {
        let (Some(connection), Some((ledger, known))) = (&self.connection, &self.known) else {
            return Ok(());
        };
        if count(connection, ledger)? == Some(*known) {
            return Ok(());
        }
        let mut error = DatabaseError::local(format!(
            "the ledger {} has changed since it was read: another runner is at work",
            ledger.table
        ));
        error.hint = Some(
            "run the command again, and let all runners name the database by the same path"
                .to_owned(),
        );
        Err(BackendError::Refused(Box::new(error)))
    }

    /// A connection without traces in the place of this one. The new one is opened first: it is
    /// the last one that tidies up a `-wal`, and that would cost every migration a checkpoint.
    pub(crate) fn renew(&mut self) -> Result<(), BackendError> {
        self.limits = UnitLimits::default();
        self.start();
        let Some(connection) = &self.connection else { return Ok(()) };
        let temporary = "SELECT EXISTS (SELECT 1 FROM temp.sqlite_schema)";
        let temporary: bool = connection
            .prepare_cached(temporary)
            .and_then(|mut select| select.query_row([], |row| row.get(0)))
            .map_err(|error| request_error(&error))?;
        if self.traces == Traces::None && !temporary {
            return Ok(());
        }
        self.traces = Traces::None;
        if open::file(&self.target)?.is_none() {
            // A database in memory would be gone.
            return Ok(());
        }
        match self.pen {
            Pen::Up => self.connection = Some(open::writer(&self.target, &self.waiting)?),
            Pen::Down => {
                let opened = open::reader(&self.target, &self.waiting)?;
                self.take(opened);
            }
        }
        Ok(())
    }
}

/// How many rows the ledger has; `None` where it is not there.
fn count(connection: &Connection, ledger: &LedgerId) -> Result<Option<i64>, BackendError> {
    let count = || {
        if !is_there(connection, &ledger.table)? {
            return Ok(None);
        }
        let sql = format!("SELECT count(*) FROM {}", ledger.qualified);
        connection.prepare_cached(&sql)?.query_row([], |row| row.get(0)).map(Some)
    };
    count().map_err(|error: rusqlite::Error| request_error(&error))
}

fn read_only() -> BackendError {
    BackendError::Settings {
        message: "nothing may be written: the database URL says mode=ro".to_owned(),
        remedy: "name the database without mode=ro".to_owned(),
    }
}

fn refused(reason: &str) -> BackendError {
    BackendError::Unwritable {
        message: format!("nothing may be written: {reason}"),
        remedy: "give the user the right to write the database and its folder".to_owned(),
    }
}
