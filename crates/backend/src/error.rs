//! What can go wrong between the engine and a database.

use stopover_model::DatabaseError;
use thiserror::Error;

/// A database could not do what was asked.
#[derive(Debug, Clone, Error)]
pub enum BackendError {
    /// No session could be opened.
    #[error("cannot connect to {target}: {reason}")]
    Unreachable {
        /// Host, port and database; never a password.
        target: String,
        /// Why.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The server has no connection left for this role.
    #[error("cannot connect to {target}: {reason}")]
    Full {
        /// Host, port and database; never a password.
        target: String,
        /// What the server said.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// An open session broke off: nobody knows what the last request did.
    #[error("the connection to the server was lost: {0}")]
    Lost(String),
    /// The answer to a commit did not come, and the ledger could not be asked since.
    #[error("{0}")]
    Unsettled(String),
    /// Somebody else has worked meanwhile, or may have: the plan is no longer true.
    #[error("{0}")]
    Overtaken(String),
    /// The server refused a statement.
    #[error("{}", .0.message)]
    Refused(Box<DatabaseError>),
    /// The operating system lets nobody of ours write the database.
    #[error("{message}")]
    Unwritable {
        /// What cannot be written, and why.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The settings do not fit this database.
    #[error("{message}")]
    Settings {
        /// What does not fit.
        message: String,
        /// What to do.
        remedy: String,
    },
}

impl BackendError {
    /// The server's error, where it is one.
    #[must_use]
    pub fn refused(&self) -> Option<&DatabaseError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the server refused with this SQLSTATE.
    #[must_use]
    pub fn is(&self, sqlstate: &str) -> bool {
        self.refused().is_some_and(|error| error.is(sqlstate))
    }

    /// As the fields of a server's error: local where it is not the server's.
    #[must_use]
    pub fn into_database_error(self) -> DatabaseError {
        match self {
            Self::Refused(error) => *error,
            other => DatabaseError::local(other.to_string()),
        }
    }
}
