//! Backups of the target, made before something is written to it, and the proof that they restore.
//!
//! pg_dump writes, all cores compress, and a file gets its name only when it is whole and on the
//! disk. What the source held in the same moment is written beside it, so that a restore can be
//! compared with it at once, or later. When a backup is made is the engine's to decide; what a
//! rehearsal does with one is `stopover-scratch`'s.

mod command;
mod compress;
mod error;
mod finish;
mod options;
mod pg_dump;
mod postgres;
mod process;
mod shelf;
mod shell;
mod sqlite;
mod unpacked;
mod verify;

pub use compress::{Codec, Packed, pack};
pub use error::BackupError;
pub use options::{BackupFormat, BackupOptions, Proof};
pub use postgres::PostgresBackups;
pub use shelf::{LATEST, manifest_of};
pub use shell::check_command;
pub use sqlite::SqliteBackups;
pub use unpacked::{UnpackedFile, is_sqlite};
pub use verify::{read_manifest, verify};
