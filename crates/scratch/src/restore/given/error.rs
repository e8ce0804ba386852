//! Why a given server cannot be made a scratch.

use stopover_model::DatabaseError;
use stopover_postgres::TargetError;
use thiserror::Error;

use crate::restore::error::{Failure, RestoreError, failure};

/// Why a given server cannot be made a scratch. The first line is what an operator acts on.
#[derive(Debug, Error)]
pub enum GivenError {
    /// The URL cannot be read.
    #[error(transparent)]
    Url(#[from] TargetError),
    /// The URL asks for encryption, which this connection does not do.
    #[error("the scratch URL asks for sslmode={mode}, and scratch servers are reached without TLS")]
    Tls {
        /// What it asks for.
        mode: String,
    },
    /// The server does not answer, or refuses the login.
    #[error("the scratch server is unreachable: {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// The role may neither create a database nor is its database marked.
    #[error(
        "{database} is not marked as a scratch, and role \"{role}\" may not create databases: \
         nothing was changed"
    )]
    NotMarked {
        /// The database of the URL.
        database: String,
        /// The role of the URL.
        role: String,
    },
    /// The marked database is the one that the migrations are for.
    #[error("{database} is the target itself: it is never a scratch, marked or not")]
    IsTarget {
        /// The database of the URL.
        database: String,
    },
    /// Whether the marked database is the target cannot be told.
    #[error("nobody can tell whether {database} is the target: the server does not say who it is")]
    MaybeTarget {
        /// The database of the URL.
        database: String,
    },
    /// Somebody else works in the marked database.
    #[error("{database} is in use by another rehearsal")]
    InUse {
        /// The database of the URL.
        database: String,
    },
    /// The role can reach the server's host, which a dump must not.
    #[error("role \"{role}\" can read files or run programs on the scratch server's host")]
    TooPowerful {
        /// The role of the URL.
        role: String,
    },
    /// The server refused a step.
    #[error("{doing}: {}", .error.message)]
    Refused {
        /// The step.
        doing: &'static str,
        /// The server's answer.
        error: Box<DatabaseError>,
    },
    /// The connection broke.
    #[error("connection to the scratch server lost while {doing}: {reason}")]
    Lost {
        /// The step.
        doing: &'static str,
        /// Why.
        reason: String,
    },
    /// The restore into it failed.
    #[error(transparent)]
    Restore(RestoreError),
}

impl GivenError {
    /// An error of the driver.
    pub(super) fn of_driver(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        match failure(error) {
            Failure::Refused(error) => Self::Refused { doing, error },
            Failure::Lost(reason) => Self::Lost { doing, reason },
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Url(_) => "correct scratch_db_url",
            Self::Tls { .. } => "leave sslmode out, and use a socket or a trusted network",
            Self::Unreachable { .. } | Self::Lost { .. } => {
                "check that the scratch server runs and may be reached from here"
            }
            Self::NotMarked { .. } => {
                "give the role CREATEDB, or mark an empty database: `stopover scratch mark`"
            }
            Self::IsTarget { .. } | Self::MaybeTarget { .. } => {
                "name another database in scratch_db_url"
            }
            Self::InUse { .. } => "wait for it, or name another database in scratch_db_url",
            Self::TooPowerful { .. } => {
                "name a role without pg_execute_server_program and its like"
            }
            Self::Refused { .. } => "make the role the owner of the scratch database",
            Self::Restore(_) => "",
        }
    }

    /// An error of our own steps in the shape that an operator knows.
    pub(super) fn of_step(error: RestoreError) -> Self {
        match error {
            RestoreError::Server { doing, error } => Self::Refused { doing, error },
            RestoreError::Connection { doing, reason } => Self::Lost { doing, reason },
            other => Self::Restore(other),
        }
    }
}
