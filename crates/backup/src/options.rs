//! What is backed up, into what, and how it is proven.

use std::path::PathBuf;
use std::time::Duration;

use stopover_backend::CensusDepth;
use stopover_model::report::{BackupCompression, BackupKind};
use stopover_scratch::provider::ScratchRequest;

/// The forms that pg_dump writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupFormat {
    /// A script, compressed by all cores. `zcat FILE | psql` restores it.
    Plain,
    /// An archive in one file. pg_dump compresses it itself, on one core.
    Custom,
    /// An archive in a folder, written and compressed by as many sessions as there are cores.
    Directory,
}

impl BackupFormat {
    /// As reports name it.
    #[must_use]
    pub const fn kind(self) -> BackupKind {
        match self {
            Self::Plain => BackupKind::Plain,
            Self::Custom => BackupKind::Custom,
            Self::Directory => BackupKind::Directory,
        }
    }
}

/// Whether a backup is restored at once, and how closely it is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Proof {
    /// It is not: its manifest lets `verify` do it later.
    #[default]
    Later,
    /// It is restored in a scratch, and compared.
    AtOnce,
}

/// How backups are made.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Where they are put.
    pub folder: PathBuf,
    /// The form; an SQLite file has only one.
    pub format: BackupFormat,
    /// How they are compressed.
    pub compression: BackupCompression,
    /// Only these schemas; empty for the whole database.
    pub schemas: Vec<String>,
    /// Longest wait for a lock of somebody else's.
    pub lock_wait: Duration,
    /// How many are kept, the newest; `None` keeps all.
    pub keep: Option<usize>,
    /// The user's own command, which takes the place of pg_dump.
    pub command: Option<String>,
    /// How closely the source's tables are looked at, for a comparison.
    pub depth: CensusDepth,
    /// Whether it is proven at once.
    pub proof: Proof,
    /// Threads that compress; `None` for as many as there are cores.
    pub threads: Option<usize>,
    /// Where PostgreSQL's programs are looked for, and what a proof's scratch is made on.
    pub scratch: ScratchRequest,
}

impl BackupOptions {
    pub(crate) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(cores).clamp(1, 64)
    }
}
