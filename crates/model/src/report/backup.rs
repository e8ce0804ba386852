//! `backup` and `verify`: what was written, and what a restore of it shows.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Schema, TOOL_VERSION, TableCensus};

use super::{BackupReport, SCHEMA_VERSION, ScratchReport, Verdict};

/// What a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// A script of pg_dump's.
    Plain,
    /// An archive of pg_dump's in one file.
    Custom,
    /// An archive of pg_dump's in a folder.
    Directory,
    /// An SQLite file.
    Sqlite,
    /// What a command of the user's makes.
    Command,
}

/// How a backup is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupCompression {
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// Not at all.
    None,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupMade {
    /// The file or folder; null where a command of the user's made it elsewhere.
    pub path: Option<String>,
    /// SHA-256 of it (of a folder: of its files' names and hashes), hex; null where it is not here.
    pub sha256: Option<String>,
    /// Its size as it lies on disk; null where it is not here.
    pub bytes: Option<u64>,
    /// How long it took.
    pub duration_ms: f64,
    /// What it is.
    pub kind: BackupKind,
    /// How it is compressed; null where that is not known.
    pub compression: Option<BackupCompression>,
    /// What was compressed; null where that was not seen.
    pub content_bytes: Option<u64>,
    /// The server's version; null where nobody asked it.
    pub server_version: Option<String>,
    /// pg_dump's version; null where it did not run.
    pub dump_version: Option<String>,
    /// The exit status of pg_dump, or of the command; null where no program ran.
    pub exit_status: Option<i32>,
    /// The last lines of what the program said, without passwords.
    pub output: Vec<String>,
    /// What the source held in the backup's moment, for `verify`; null where nothing was written.
    pub manifest: Option<String>,
    /// Tables whose rows were counted in the backup's moment; null where they were not.
    pub tables: Option<u64>,
    /// Their rows; null where they were not counted.
    pub rows: Option<u64>,
    /// Whether a restore of it held what the source held; null where nobody tried.
    pub proven: Option<bool>,
}

impl BackupMade {
    /// A backup of which nothing else is known yet.
    #[must_use]
    pub const fn of(kind: BackupKind) -> Self {
        Self {
            path: None,
            sha256: None,
            bytes: None,
            duration_ms: 0.0,
            kind,
            compression: None,
            content_bytes: None,
            server_version: None,
            dump_version: None,
            exit_status: None,
            output: Vec::new(),
            manifest: None,
            tables: None,
            rows: None,
            proven: None,
        }
    }
}

/// What the source held in the moment of the backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceCensus {
    /// The tables, with their rows counted.
    pub tables: Vec<TableCensus>,
    /// The canonical schema, ledgers included.
    pub schema: Schema,
}

/// The file beside a backup that `verify` compares with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupManifest {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When the backup began.
    pub timestamp: Timestamp,
    /// The database, without a password.
    pub database: String,
    /// The schemas that it is of; empty for the whole database.
    pub schemas: Vec<String>,
    /// The backup.
    pub backup: BackupMade,
    /// What the source held; null where it could not be counted.
    pub source: Option<SourceCensus>,
}

impl BackupManifest {
    /// A manifest of this backup.
    #[must_use]
    pub fn of(timestamp: Timestamp, database: String, backup: BackupMade) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp,
            database,
            schemas: Vec::new(),
            backup,
            source: None,
        }
    }
}

/// The document of `backup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupDocument {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When it began.
    pub timestamp: Timestamp,
    /// The database, without a password.
    pub database: String,
    /// The backup; null where none was made.
    pub backup: Option<BackupMade>,
    /// What a restore of it showed; null where nobody tried.
    pub verification: Option<Verification>,
    /// Older backups that were removed.
    pub removed: Vec<String>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl BackupDocument {
    /// A document that knows nothing yet but what it is about.
    #[must_use]
    pub fn begun(timestamp: Timestamp, database: String) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp,
            database,
            backup: None,
            verification: None,
            removed: Vec::new(),
            findings: Vec::new(),
        }
    }
}

/// One table of the source and of a restored backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedTable {
    /// Its qualified name.
    pub relation: String,
    /// Rows in the source, in the moment of the backup; null where it was not there, or not counted.
    pub rows_from: Option<u64>,
    /// Rows in the restored backup; null where it is not there.
    pub rows_to: Option<u64>,
    /// Whether the digests of the rows are the same; null where they were not taken.
    pub digest_equal: Option<bool>,
}

/// What a restore of a backup showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Green where it was restored whole and holds what the source held.
    pub verdict: Verdict,
    /// The backup, as it was read.
    pub backup: BackupReport,
    /// The scratch; null where none was started.
    pub scratch: Option<ScratchReport>,
    /// Every table.
    pub tables: Vec<VerifiedTable>,
    /// The source's schema checksum; null where it is not known.
    pub schema_from: Option<String>,
    /// The restored schema's checksum; null where it was not read.
    pub schema_to: Option<String>,
    /// How long it took.
    pub duration_ms: f64,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Red until something proves otherwise.
    #[must_use]
    pub fn begun() -> Self {
        Self {
            verdict: Verdict::Red,
            backup: BackupReport::default(),
            scratch: None,
            tables: Vec::new(),
            schema_from: None,
            schema_to: None,
            duration_ms: 0.0,
            findings: Vec::new(),
        }
    }

    /// Decides: green where nothing was found that is an error.
    #[must_use]
    pub fn judged(mut self) -> Self {
        let red = self.findings.iter().any(Finding::is_error);
        self.verdict = if red { Verdict::Red } else { Verdict::Green };
        self
    }
}

/// The document of `verify`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When it began.
    pub timestamp: Timestamp,
    /// What was found.
    #[serde(flatten)]
    pub verification: Verification,
}

impl VerifyReport {
    /// The document of a verification.
    #[must_use]
    pub fn of(timestamp: Timestamp, verification: Verification) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp,
            verification,
        }
    }
}
