//! What is written down about a base.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stopover_model::Finding;

use super::hash::hex;
use crate::restore::Restored;

/// The file with it, which is written last.
pub(super) const RECORD: &str = "base.json";

/// What a restore came to, as far as a rehearsal has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restoration {
    /// The role that owns the database.
    pub(crate) owner: String,
    /// Of the backup.
    pub(crate) sha256: String,
    /// Of the backup, as it lies on disk.
    pub(crate) bytes: u64,
    /// How long it took.
    pub(crate) restore_ms: u64,
    /// The server that it was dumped from.
    pub(crate) server_version: Option<String>,
    /// The pg_dump that wrote it.
    pub(crate) dump_version: Option<String>,
    /// What was changed or left out.
    pub(crate) findings: Vec<Finding>,
}

impl From<Restored> for Restoration {
    fn from(it: Restored) -> Self {
        Self {
            owner: it.owner,
            sha256: it.sha256,
            bytes: it.bytes,
            restore_ms: u64::try_from(it.duration.as_millis()).unwrap_or(u64::MAX),
            server_version: it.server_version,
            dump_version: it.dump_version,
            findings: it.findings,
        }
    }
}

/// A base's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// [`super::setup::FORMAT`].
    pub(super) format: u32,
    /// What it was made with.
    pub(super) setup: String,
    /// The server's version.
    pub(super) server_version: String,
    /// The backup as its user named it.
    pub(super) backup: String,
    /// When it was made.
    pub(super) made_at: Timestamp,
    /// The system's run that it was made in: until the next one its files are whole even where
    /// they have not reached the disk.
    pub(super) boot: Option<String>,
    /// Its files' bytes.
    pub(super) bytes: u64,
    /// SHA-256 of its list of files.
    pub(super) files_sha256: String,
    /// What the restore came to.
    pub(super) restoration: Restoration,
}

impl Record {
    /// Reads the record of a base's folder; an error says what is wrong, for people.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let text = match fs::read_to_string(folder.join(RECORD)) {
            Ok(text) => text,
            Err(error) => return Err(format!("{RECORD} cannot be read: {error}")),
        };
        serde_json::from_str(&text).map_err(|error| format!("{RECORD} is not a record: {error}"))
    }

    /// Tells this base from every other one: also from one that is made of the same backup with the
    /// same settings, whose objects may have other identifiers.
    pub(super) fn identity(&self) -> String {
        let Self { setup, made_at, files_sha256, restoration, .. } = self;
        let text = format!("{setup} {} {made_at} {files_sha256}", restoration.sha256);
        hex(&Sha256::digest(text))
    }

    pub(super) fn text(&self) -> String {
        // Plain data: nothing can fail here, and an empty record would not be read as one.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
