//! Why a restore is red. The first line of each text is what an operator acts on.

use std::fmt;
use std::io;

use stopover_model::{DatabaseError, redact_urls};
use stopover_postgres::{database_error, is_lost};
use thiserror::Error;

use super::extension::MissingExtension;
use crate::backup::BackupError;

/// Where in the dump the reading stood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The table whose data was being read, as the dump writes it.
    pub table: Option<String>,
    /// Rows of that table before the place.
    pub rows: u64,
    /// The byte in the decompressed dump.
    pub byte: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.table {
            Some(table) => write!(out, "in the data of table {table}, after {} rows", self.rows),
            None => write!(out, "at byte {} of the dump, between tables' data", self.byte),
        }
    }
}

/// Why a restore is red.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The backup cannot be used at all.
    #[error(transparent)]
    Backup(BackupError),
    /// The backup ends before it is complete.
    #[error("truncated: {what}; it breaks off {place}; make the backup again")]
    Truncated {
        /// Which file ends where.
        what: String,
        /// Where in the dump that is.
        place: Place,
    },
    /// The backup's bytes are not those that were written.
    #[error("corrupt: {what}; noticed {place}; take another copy of the backup")]
    Corrupt {
        /// What does not fit, and where in the file.
        what: String,
        /// Where in the dump that is.
        place: Place,
    },
    /// It is no dump of pg_dump.
    #[error("not a dump: {what}")]
    NotADump {
        /// What it lacks.
        what: String,
    },
    /// The dump asks for something that is never done.
    #[error("refused: line {line} of the dump: {what}")]
    Refused {
        /// The line in the decompressed dump, from 1.
        line: u64,
        /// What it asks for, why that is refused, and what to do.
        what: String,
    },
    /// The dump and the server, or the archive and pg_restore, do not fit.
    #[error("version: {what}")]
    Version {
        /// Which versions, and what to do.
        what: String,
    },
    /// A role that the dump needs cannot be made.
    #[error("role: \"{role}\" cannot be made for the dump: {}", .error.message)]
    Role {
        /// Its name.
        role: String,
        /// The server's answer.
        error: Box<DatabaseError>,
    },
    /// Extensions that the dump needs are not installed.
    #[error("extension: not installed for this server: {}", list(.missing))]
    Extension {
        /// All of them.
        missing: Vec<MissingExtension>,
    },
    /// The scratch server's disk is full.
    #[error("disk full: the scratch server has no space left: {}", .error.message)]
    DiskFull {
        /// The server's answer.
        error: Box<DatabaseError>,
    },
    /// A statement of the dump failed.
    #[error("line {line} of the dump: {}{}\n  statement: {statement}", .error.message, .explanation.map(|it| format!(" ({it})")).unwrap_or_default())]
    Sql {
        /// The statement's beginning.
        statement: String,
        /// Its line in the decompressed dump, from 1.
        line: u64,
        /// The server's answer.
        error: Box<DatabaseError>,
        /// What it means for a restore, where that is known.
        explanation: Option<&'static str>,
    },
    /// Something of our own on the scratch server failed.
    #[error("scratch server: {doing}: {}", .error.message)]
    Server {
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        error: Box<DatabaseError>,
    },
    /// A program or a thread of ours failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The connection to the scratch server broke.
    #[error("connection to the scratch server lost while {doing}: {reason}")]
    Connection {
        /// What was being done.
        doing: &'static str,
        /// Why.
        reason: String,
    },
}

fn list(missing: &[MissingExtension]) -> String {
    let names: Vec<&str> = missing.iter().map(|it| it.name.as_str()).collect();
    let packages: Vec<&str> = missing.iter().filter_map(|it| it.package.as_deref()).collect();
    if packages.is_empty() {
        format!("{}; install them for the scratch server's version", names.join(", "))
    } else {
        format!("{}; install {}", names.join(", "), packages.join(" "))
    }
}

impl RestoreError {
    /// What a stream's error means, given where the reader stood.
    pub(super) fn of_backup(error: BackupError, place: Place) -> Self {
        match error {
            BackupError::Truncated { path, at, what } => {
                Self::Truncated { what: format!("{path} ends at byte {at}: {what}"), place }
            }
            BackupError::Corrupt { path, at, what } => {
                Self::Corrupt { what: format!("{path} at byte {at}: {what}"), place }
            }
            other => Self::Backup(other),
        }
    }

    /// An error of the driver while something of our own was done.
    pub(super) fn of_server(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        match failure(error) {
            Failure::Refused(error) if is_disk_full(&error) => Self::DiskFull { error },
            Failure::Refused(error) => Self::Server { doing, error },
            Failure::Lost(reason) => Self::Connection { doing, reason },
        }
    }

    /// The line of the dump that it is about.
    pub(super) fn line(&self) -> Option<u64> {
        match self {
            Self::Sql { line, .. } | Self::Refused { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Whether damage in the backup would explain it.
    pub(super) fn may_come_of_damage(&self) -> bool {
        matches!(self, Self::Sql { .. } | Self::Refused { .. } | Self::NotADump { .. })
    }
}

/// An error of the driver: the server's answer, or none.
pub(super) enum Failure {
    Refused(Box<DatabaseError>),
    Lost(String),
}

pub(super) fn failure(error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(db) if is_lost(error) => Failure::Lost(redact_urls(db.message())),
        Some(db) => Failure::Refused(Box::new(database_error(db))),
        None => {
            let mut inner: &dyn std::error::Error = error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            Failure::Lost(inner.to_string())
        }
    }
}

pub(super) fn is_disk_full(error: &DatabaseError) -> bool {
    error.is(stopover_model::sqlstate::DISK_FULL)
}
