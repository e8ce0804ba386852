//! `cache`: what is kept so that rehearsals start faster.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::TOOL_VERSION;

use super::SCHEMA_VERSION;

/// How a scratch was made from a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BaseCopy {
    /// It shares the base's blocks: the first write to each costs more than on a copy.
    Clone,
    /// It is a copy like any other.
    Copy,
}

/// One base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaseEntry {
    /// What `stopover cache drop` takes.
    pub key: String,
    /// The backup that it is a restore of, as it was named then.
    pub backup: String,
    /// SHA-256 of that backup, hex; null where the base cannot be read.
    pub backup_sha256: Option<String>,
    /// Size of that backup; null where the base cannot be read.
    pub backup_bytes: Option<u64>,
    /// The server's version; null where the base cannot be read.
    pub server_version: Option<String>,
    /// When it was made; null where the base cannot be read.
    pub made_at: Option<Timestamp>,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// Its size.
    pub bytes: u64,
    /// Whether a rehearsal is copying it at this moment.
    pub in_use: bool,
}

/// One prepared empty data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateEntry {
    /// What `stopover cache drop` takes.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was made.
    pub made_at: Option<Timestamp>,
}

/// The document of `cache`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// The cache folder.
    pub folder: String,
    /// What all bases together may take.
    pub limit_bytes: u64,
    /// What all bases together take.
    pub bytes: u64,
    /// The bases, the one that was used last first.
    pub bases: Vec<BaseEntry>,
    /// Prepared empty data folders.
    pub templates: Vec<TemplateEntry>,
    /// Keys of what this command threw away.
    pub dropped: Vec<String>,
    /// Keys of what was to be thrown away and stays, because it is in use.
    pub in_use: Vec<String>,
}

impl CacheReport {
    /// A report of an empty cache.
    #[must_use]
    pub fn of(folder: String, limit_bytes: u64) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            folder,
            limit_bytes,
            bytes: 0,
            bases: Vec::new(),
            templates: Vec::new(),
            dropped: Vec::new(),
            in_use: Vec::new(),
        }
    }
}
