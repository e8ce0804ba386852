//! Why a run did not end well: one variant for each thing that a caller may want to do about it.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use stopover_backend::{BackendError, StopSignal};
use stopover_engine::EngineError;
use stopover_model::report::FailedMigration;
use stopover_model::{DatabaseError, Finding, LockHolder, StatementError, Version, redact_urls};
use stopover_source::SourceError;
use thiserror::Error;

/// A run, a status or a plan that did not end well. Its text is one sentence that says what to
/// do, and holds no password. What a server said is in that sentence, and with all its fields in
/// `cause`; `source()` gives what the sentence leaves out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The database URL cannot be used. Nothing was connected.
    #[error("the database URL cannot be used: {reason}; {remedy}")]
    Url {
        /// Why.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The source cannot be read at all. What is wrong with single files is [`Error::Refused`].
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Drift, or files that are no migrations: nothing was run.
    #[error("no migration was run: {}", headline(.findings))]
    Refused {
        /// Every reason at once, and the warnings and notes among them.
        findings: Vec<Finding>,
    },
    /// Another run holds the lock, for longer than
    /// [`Limits::lock_wait`](crate::Limits::lock_wait). Nothing was run.
    #[error(
        "another run holds the lock and did not free it within {} s ({}); wait for its end, or \
         raise the limit lock_wait",
        .waited.as_secs(), holder_text(.holder.as_ref())
    )]
    LockHeld {
        /// Who, as far as the server lets us see.
        holder: Option<LockHolder>,
        /// How long we waited.
        waited: Duration,
    },
    /// No session could be opened: worth trying again where a database may still be starting.
    #[error("cannot connect to {target}: {reason}; {remedy}")]
    Unreachable {
        /// Host, port and database; never a password.
        target: String,
        /// Why.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The settings do not fit the database.
    #[error("{message}; {remedy}")]
    Settings {
        /// What does not fit.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The ledger is not there yet, and the server refuses to make it. Nothing was run.
    #[error("the ledger {table} cannot be made: {cause}; grant this role what it needs for that")]
    Ledger {
        /// Its qualified name.
        table: String,
        /// What the server said.
        cause: ServerError,
    },
    /// The server refused a request that belongs to no migration, such as reading the ledger.
    #[error("the database refused what a run needs: {cause}; grant it to this role")]
    Denied {
        /// What the server said.
        cause: ServerError,
    },
    /// A migration failed. Those before it stand.
    #[error("{}", failure(.version, .name, .error, *.rolled_back))]
    MigrationFailed {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// The statement's position in the migration, from 1; `None` where it was another part.
        statement: Option<NonZeroU32>,
        /// Whether nothing of it is left in the database.
        rolled_back: bool,
        /// The server's error, with its place in the file.
        error: Box<StatementError>,
        /// What this run had applied before, in order.
        applied: Vec<Version>,
        /// The same error with all its fields.
        cause: ServerError,
    },
    /// The [`Stop`](crate::Stop) asked to.
    #[error("the run was stopped; the next one goes on where it ended")]
    Stopped {
        /// How it was asked.
        signal: StopSignal,
        /// What this run had applied before, in order.
        applied: Vec<Version>,
    },
    /// The connection broke off.
    #[error(
        "the connection to the database was lost: {reason}; run again: the next run sees what is \
         done, and does the rest"
    )]
    Lost {
        /// Why.
        reason: String,
        /// What this run knows to have applied before, in order.
        applied: Vec<Version>,
    },
    /// Every migration was run, and ledger and source are not the same afterwards: somebody
    /// changed the ledger meanwhile, or a newer version of the service migrated further.
    #[error("the migrations were run, and the ledger is not the source: {}", headline(.findings))]
    Diverged {
        /// In what they differ.
        findings: Vec<Finding>,
        /// What this run applied, in order.
        applied: Vec<Version>,
    },
    /// A blocking call on a thread of a tokio runtime.
    #[error(
        "a blocking call within a tokio runtime would stop it; call run().await, or block on a \
         thread of your own"
    )]
    WithinRuntime,
    /// No runtime could be made for a blocking call.
    #[error("no runtime can be made for a blocking call: check the limits on open files")]
    Runtime(#[source] io::Error),
}

/// What a database server said, with all its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError(Box<DatabaseError>);

impl ServerError {
    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> &DatabaseError {
        &self.0
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_urls(&self.0.message))?;
        if let Some(code) = &self.0.sqlstate {
            write!(f, " (SQLSTATE {code})")?;
        }
        let more = [&self.0.detail, &self.0.hint];
        more.into_iter().flatten().try_for_each(|it| write!(f, "; {}", redact_urls(it)))
    }
}

impl std::error::Error for ServerError {}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(findings) => Self::Refused { findings },
            EngineError::LockHeld { holder, waited } => Self::LockHeld { holder, waited },
            EngineError::Ledger { table, error } => {
                Self::Ledger { table, cause: ServerError(error) }
            }
            // The library asks for no safeguards: whoever boots has no time for a backup.
            EngineError::Preflight(report) => Self::Refused { findings: report.findings },
            EngineError::NoBackup { message, remedy, .. } => Self::Refused {
                findings: vec![Finding::error("backup", "the target", message, remedy)],
            },
            EngineError::Scratch { reason, remedy } => {
                Self::Unreachable { target: "the scratch".to_owned(), reason, remedy }
            }
            EngineError::Backend(error) => Self::of_backend(error, Vec::new()),
            EngineError::Stopped(signal) => Self::Stopped { signal, applied: Vec::new() },
        }
    }
}

impl Error {
    /// The error of a session, after `applied` was done.
    pub(crate) fn of_backend(error: BackendError, applied: Vec<Version>) -> Self {
        match error {
            BackendError::Unreachable { target, reason, remedy }
            | BackendError::Full { target, reason, remedy } => {
                Self::Unreachable { target, reason, remedy }
            }
            BackendError::Settings { message, remedy }
            | BackendError::Unwritable { message, remedy } => Self::Settings { message, remedy },
            BackendError::Lost(reason)
            | BackendError::Unsettled(reason)
            | BackendError::Overtaken(reason) => {
                Self::Lost { reason: redact_urls(&reason), applied }
            }
            BackendError::Refused(error) => Self::Denied { cause: ServerError(error) },
        }
    }

    pub(crate) fn of_failure(
        failed: FailedMigration,
        error: Box<DatabaseError>,
        applied: Vec<Version>,
    ) -> Self {
        Self::MigrationFailed {
            version: failed.version,
            name: failed.name,
            statement: failed
                .statement
                .and_then(|it| u32::try_from(it).ok())
                .and_then(NonZeroU32::new),
            rolled_back: failed.rolled_back,
            error: Box::new(failed.error),
            applied,
            cause: ServerError(error),
        }
    }
}

fn headline(findings: &[Finding]) -> String {
    let mut errors = findings.iter().filter(|it| it.is_error());
    let Some(first) = errors.next() else { return "see the findings".to_owned() };
    let mut text = first.message.clone();
    match errors.count() {
        0 => {}
        more => text.push_str(&format!(" (and {more} more)")),
    }
    if !first.remedy.is_empty() {
        text.push_str("; ");
        text.push_str(&first.remedy);
    }
    redact_urls(&text)
}

fn holder_text(holder: Option<&LockHolder>) -> String {
    holder.map_or_else(|| "a session that we may not see".to_owned(), ToString::to_string)
}

fn failure(version: &Version, name: &str, error: &StatementError, rolled_back: bool) -> String {
    let StatementError { file, line, column, .. } = error;
    let mut text = format!("migration {version} ({name}) failed at {file}:{line}:{column}: ");
    text.push_str(&error.headline());
    if let Some(detail) = &error.detail {
        text.push_str(&format!(": {}", detail.trim_end_matches('.')));
    }
    text.push_str(if rolled_back {
        "; nothing of it is left: correct the migration or the data, and run again"
    } else {
        "; it is half done: `stopover status` says how far it came, and what to do"
    });
    redact_urls(&text)
}
