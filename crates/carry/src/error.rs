//! What can go wrong: a statement, or everything.

use stopover_backend::{BackendError, StopSignal};
use stopover_model::{DatabaseError, redact_urls};
use stopover_postgres::{database_error, is_lost};
use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CarryRefusal {
    /// The request makes no sense, or would do harm. Nothing was written.
    #[error("{message}")]
    Refused {
        /// What is wrong with it.
        message: String,
        /// Which decision would lift it.
        remedy: String,
    },
    /// It was asked to stop; the half-copied schemas were dropped, or nothing was written yet.
    #[error("stopped; {left}")]
    Stopped {
        /// By which signal.
        signal: StopSignal,
        /// What is left in the target.
        left: String,
    },
}

impl CarryRefusal {
    pub(crate) fn refused(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), remedy: remedy.into() }
    }
}

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Target,
}

impl Side {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// Nothing more can be carried: the reason, as the outcome tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fatal(pub(crate) String);

impl Fatal {
    pub(crate) fn of(side: Side, error: BackendError) -> Self {
        match error {
            BackendError::Refused(error) => Self::refused(side, &error),
            other => Self(format!("{}: {}", side.name(), redact_urls(&other.to_string()))),
        }
    }

    pub(crate) fn refused(side: Side, error: &DatabaseError) -> Self {
        let code = error.sqlstate.as_deref().unwrap_or("no SQLSTATE");
        Self(format!("{}: {} (SQLSTATE {code})", side.name(), error.message))
    }

    pub(crate) fn lost(side: Side, why: &dyn std::fmt::Display) -> Self {
        let why = redact_urls(&why.to_string());
        Self(format!("{}: the connection was lost: {why}", side.name()))
    }
}

/// What a request came to that was not answered well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    /// The server refused this statement, and goes on.
    Statement(Box<DatabaseError>),
    /// Nothing more can be done.
    Fatal(Fatal),
}

impl From<Fatal> for Trouble {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

impl Trouble {
    /// The driver's error of a request in an open session.
    pub(crate) fn of(side: Side, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) if is_lost(error) => {
                Self::Fatal(Fatal::lost(side, &database_error(db).message))
            }
            Some(db) => Self::refused(side, database_error(db)),
            None => Self::Fatal(Fatal::lost(side, &deepest(error))),
        }
    }

    /// A server's error that left the session open.
    pub(crate) fn refused(side: Side, error: DatabaseError) -> Self {
        let code = error.sqlstate.as_deref().unwrap_or_default();
        if side == Side::Source || ends_everything(code) {
            Self::Fatal(Fatal::refused(side, &error))
        } else {
            Self::Statement(Box::new(error))
        }
    }

    /// As something that ends everything: where no statement of the definitions was run.
    pub(crate) fn fatal(self, side: Side) -> Fatal {
        match self {
            Self::Fatal(fatal) => fatal,
            Self::Statement(error) => Fatal::refused(side, &error),
        }
    }
}

/// Errors that are no statement's own: every other would meet them too. Source of the codes:
/// PostgreSQL's documentation, appendix A.
fn ends_everything(code: &str) -> bool {
    // disk_full, too_many_connections, read_only_sql_transaction
    const CODES: [&str; 3] = ["53100", "53300", "25006"];
    // A library or an extension's file that only this statement asks for: undefined_file,
    // duplicate_file.
    const OWN: [&str; 2] = ["58P01", "58P02"];
    // The server goes down (57P…), the operating system fails (58…).
    let is_down = code.starts_with("57P") || code.starts_with("58");
    CODES.contains(&code) || (is_down && !OWN.contains(&code))
}

/// The innermost cause: the driver's outer texts say only "error communicating with the server".
fn deepest(error: &dyn std::error::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
