//! What can be wrong with a backup before or while its bytes are read.

use std::io;

use thiserror::Error;

/// Why a backup cannot be used.
///
/// The first line of the text is what an operator acts on: what, where, what to do. Offsets count
/// bytes of the file as it lies on disk, from 0.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is no such file or folder.
    #[error("{path}: no such file or folder: fetch the backup first, or name another one")]
    Missing {
        /// As it was named.
        path: String,
    },
    /// It is there, but the operating system refuses it.
    #[error("{path}: cannot be read at byte {at}: {source}")]
    Unreadable {
        /// As it was named.
        path: String,
        /// Where reading stopped.
        at: u64,
        /// The operating system's answer.
        source: io::Error,
    },
    /// It holds nothing.
    #[error("{path}: empty: whatever made it wrote nothing; make the backup again")]
    Empty {
        /// As it was named.
        path: String,
    },
    /// It is something else than a dump.
    #[error("{path}: not a PostgreSQL dump: {what}")]
    NotADump {
        /// As it was named.
        path: String,
        /// What it is, and what to do.
        what: String,
    },
    /// It is a backup of a kind that is not read (yet).
    #[error("{path}: {what}")]
    Unsupported {
        /// As it was named.
        path: String,
        /// What it is, and what to do.
        what: String,
    },
    /// It ends before it is complete.
    #[error("truncated: {path} ends at byte {at}: {what}")]
    Truncated {
        /// As it was named.
        path: String,
        /// Where it ends.
        at: u64,
        /// What is missing.
        what: String,
    },
    /// Its bytes are not those that were written.
    #[error("corrupt: {path} at byte {at}: {what}")]
    Corrupt {
        /// As it was named.
        path: String,
        /// Where it was noticed: the damage lies there or before.
        at: u64,
        /// What does not fit.
        what: String,
    },
}
