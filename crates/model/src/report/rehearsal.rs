//! `rehearse`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Receipt, StatementError, TOOL_VERSION, Version};

use super::{BaseCopy, BootReport, CommandReport, DownReport, SCHEMA_VERSION, TableReport};

/// What a rehearsal decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing stands against an apply.
    Green,
    /// Something does: `detail` and `findings` say what.
    Red,
}

/// The backup that was rehearsed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupReport {
    /// The file or folder; `-` is standard input.
    pub path: String,
    /// SHA-256 of the file's bytes (of a folder: of its files' names and hashes), hex.
    pub sha256: Option<String>,
    /// Its size as it lies on disk.
    pub bytes: Option<u64>,
    /// How old it is.
    pub age_ms: Option<u64>,
    /// The server version that it was dumped from.
    pub server_version: Option<String>,
    /// The pg_dump version that wrote it.
    pub dump_version: Option<String>,
    /// Whether it was proven whole; null while that is not known.
    pub complete: Option<bool>,
}

/// The scratch that the rehearsal ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScratchReport {
    /// `private` for a server of our own, `given` for one named by a URL.
    pub kind: String,
    /// Its version.
    pub server_version: String,
    /// Whether a base was there, so that nothing had to be restored.
    pub base_reused: bool,
    /// How the scratch was made from the base; null where it was not.
    pub base_copy: Option<BaseCopy>,
    /// Whether it wrote durably: timings with false are faster than production's.
    pub fsync: bool,
    /// The role that the migrations ran as.
    pub role: Option<String>,
}

/// What became of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MigrationStatus {
    /// It was applied.
    Applied,
    /// It failed.
    Failed,
    /// It was not begun, because one before it failed.
    Untouched,
}

/// A lock that a statement took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockReport {
    /// The mode, as `pg_locks` spells it.
    pub mode: String,
    /// The relation.
    pub relation: String,
    /// When it was taken, or queued for: milliseconds since the observer began.
    pub from_ms: Option<f64>,
    /// From acquisition to the transaction's end.
    pub held_ms: Option<f64>,
}

/// One statement, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementReport {
    /// Position in the migration, from 1.
    pub index: usize,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in that line, from 1, in characters.
    pub column: usize,
    /// PostgreSQL's command tag.
    pub tag: String,
    /// How its text begins: one line, at most 160 characters, passwords redacted.
    pub text: String,
    /// When it began: milliseconds since the observer began; null where nobody observed it.
    pub from_ms: Option<f64>,
    /// How long it took; null when it was not run.
    pub duration_ms: Option<f64>,
    /// Rows that it touched.
    pub rows: Option<u64>,
    /// WAL that it wrote; null where it was not measured.
    pub wal_bytes: Option<u64>,
    /// What it wrote into temporary files; null where it was not measured.
    pub temp_bytes: Option<u64>,
    /// Locks that it took; null where they were not observed. Those on relations that its own
    /// transaction made are left out: nobody can wait for them.
    pub locks: Option<Vec<LockReport>>,
    /// Tables that it rewrote; null where that was not observed.
    pub rewrites: Option<Vec<String>>,
    /// Indexes that it built, those of a rewritten table left out; null where that was not
    /// observed.
    pub indexes: Option<Vec<String>>,
    /// Tables that were there before and that it read from their beginning, to check a constraint,
    /// to build an index or for itself; null where the server's statistics leave that open.
    pub scans: Option<Vec<String>>,
    /// Its error; null when it had none.
    pub error: Option<StatementError>,
}

/// One migration, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MigrationReport {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// Its file, as errors name it.
    pub file: String,
    /// What became of it.
    pub status: MigrationStatus,
    /// Whether it ran in one transaction.
    pub transactional: bool,
    /// How long it took; null when it was not run.
    pub duration_ms: Option<f64>,
    /// WAL that it wrote; null where it was not measured.
    pub wal_bytes: Option<u64>,
    /// Its statements.
    pub statements: Vec<StatementReport>,
}

/// Fingerprints of the schema around the migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaPair {
    /// Before; null where it was not taken.
    pub before: Option<String>,
    /// After; null where it was not taken.
    pub after: Option<String>,
}

/// Where the time went; null for a part that did not happen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timings {
    /// Getting the backup.
    pub fetch_ms: Option<f64>,
    /// Starting the scratch and restoring into it; null where a base was there.
    pub restore_ms: Option<f64>,
    /// Starting the scratch from a base; where there was none, keeping one for the next time.
    pub base_ms: Option<f64>,
    /// Running the migrations.
    pub migrate_ms: Option<f64>,
    /// Counting rows and reading the schema, before the migrations and after them.
    pub census_ms: Option<f64>,
    /// All of it.
    pub total_ms: f64,
}

/// The document of `rehearse`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsalReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When the rehearsal began.
    pub timestamp: jiff::Timestamp,
    /// Green or red.
    pub verdict: Verdict,
    /// What to read first: at most 4,096 bytes, the first line says what to act on.
    pub detail: String,
    /// The backup.
    pub backup: BackupReport,
    /// The scratch; null when none was started.
    pub scratch: Option<ScratchReport>,
    /// The migrations of the plan; empty when there was no plan. Where a command ran them: those
    /// that it applied, by the ledger, without their statements.
    pub migrations: Vec<MigrationReport>,
    /// The user's own tool, where it ran the migrations; null where the engine did.
    pub command: Option<CommandReport>,
    /// The service that was started on the migrated scratch; null where none was.
    pub boot: Option<BootReport>,
    /// The tables; empty where nobody looked.
    pub tables: Vec<TableReport>,
    /// Taking the migrations back, the newest first; null where nobody asked for it, or where the
    /// migrations did not come to their end.
    pub down: Option<Vec<DownReport>>,
    /// The schema's fingerprints.
    pub schema: SchemaPair,
    /// Where the time went.
    pub timings: Timings,
    /// The receipt; null where there is none: no verdict was reached, there was no plan, or nothing
    /// was to do.
    pub receipt: Option<Receipt>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl RehearsalReport {
    /// A report that knows nothing yet but when it began: red until something proves otherwise.
    #[must_use]
    pub fn begun(timestamp: jiff::Timestamp) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp,
            verdict: Verdict::Red,
            detail: String::new(),
            backup: BackupReport::default(),
            scratch: None,
            migrations: Vec::new(),
            command: None,
            boot: None,
            tables: Vec::new(),
            down: None,
            schema: SchemaPair::default(),
            timings: Timings::default(),
            receipt: None,
            findings: Vec::new(),
        }
    }
}
