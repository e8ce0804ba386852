//! Scratch databases: private PostgreSQL servers and the restore of backups into them.
//!
//! What a rehearsal is: which migrations run, what is measured, what is judged, is not decided
//! here; this crate only provides the place where that happens and takes it away again.

pub mod backup;
pub mod base;
pub mod binaries;
mod blocks;
pub mod cache;
pub mod copies;
pub mod fetch;
pub mod program;
pub mod provider;
pub mod restore;
pub mod server;
pub mod sweep;
mod watch;
