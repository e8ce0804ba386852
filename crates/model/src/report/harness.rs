//! `preflight` and `postflight`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DatabaseKind, Finding, SchemaChange, TOOL_VERSION, Version};

use super::SCHEMA_VERSION;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It was made, and found nothing to act on.
    Clean,
    /// It was made, and found an error or a warning.
    Found,
    /// It could not be made, whole or in part: an error says why.
    CouldNotRun,
    /// There is no such thing in this database, or it was not asked for.
    NotApplicable,
}

/// A check of a preflight or a postflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckEntry {
    /// Its code: that of its findings.
    pub code: String,
    /// What became of it.
    pub outcome: CheckOutcome,
}

/// A table that the plan touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TouchedTable {
    /// Its qualified name.
    pub relation: String,
    /// The strongest lock that the plan takes on it, as `pg_locks` spells it.
    pub lock: String,
    /// Its size, with indexes; null where it is not known.
    pub bytes: Option<u64>,
}

/// The document of `preflight`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreflightReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When it began.
    pub timestamp: jiff::Timestamp,
    /// Whether an apply may begin: computed from the findings, and from nothing else.
    pub preflight_passed: bool,
    /// Whose database it is.
    pub database: DatabaseKind,
    /// The server's version; null where it could not be reached.
    pub server_version: Option<String>,
    /// The plan's hash; null where there is no plan.
    pub plan_hash: Option<String>,
    /// Versions that an apply would apply, ascending; null where there is no plan.
    pub pending: Option<Vec<Version>>,
    /// Tables that the plan touches, as far as its text tells; null where that is not known.
    pub tables: Option<Vec<TouchedTable>>,
    /// Every check, and what became of it.
    pub checks: Vec<CheckEntry>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl PreflightReport {
    /// A report that knows nothing yet but when it began: not passed until [`Self::judged`].
    #[must_use]
    pub fn begun(timestamp: jiff::Timestamp, database: DatabaseKind) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp,
            preflight_passed: false,
            database,
            server_version: None,
            plan_hash: None,
            pending: None,
            tables: None,
            checks: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The same with the verdict that its findings give.
    #[must_use]
    pub fn judged(mut self) -> Self {
        self.preflight_passed = !self.findings.iter().any(Finding::is_error);
        self
    }
}

/// Rows of one foreign key whose parent is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrphanEntry {
    /// The foreign key.
    pub constraint: String,
    /// The table that has them.
    pub relation: String,
    /// The table that their parents are missing in.
    pub parent: String,
    /// How many.
    pub count: u64,
    /// Up to five of them.
    pub samples: Vec<String>,
    /// The statement that lists them.
    pub list: String,
    /// The statement that deletes them.
    pub delete: String,
}

/// The document of `postflight`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PostflightReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When it began.
    pub timestamp: jiff::Timestamp,
    /// Whose database it is.
    pub database: DatabaseKind,
    /// SHA-256 of the canonical schema, hex; null where it could not be read.
    pub schema_checksum: Option<String>,
    /// How many migrations the ledger says to be applied; null where it could not be read.
    pub migrations_applied: Option<usize>,
    /// How many of them are dirty; null where that could not be read.
    pub dirty_migrations: Option<usize>,
    /// Whether everything is as it should be: computed from the findings, and from nothing else.
    pub validation_passed: bool,
    /// Rows whose parent is missing.
    pub orphans: Vec<OrphanEntry>,
    /// Objects that are not what was expected, where it is known what was.
    pub schema_changes: Vec<SchemaChange>,
    /// Every check, and what became of it.
    pub checks: Vec<CheckEntry>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl PostflightReport {
    /// A report that knows nothing yet but when it began: not passed until [`Self::judged`].
    #[must_use]
    pub fn begun(timestamp: jiff::Timestamp, database: DatabaseKind) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp,
            database,
            schema_checksum: None,
            migrations_applied: None,
            dirty_migrations: None,
            validation_passed: false,
            orphans: Vec::new(),
            schema_changes: Vec::new(),
            checks: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The same with the verdict that its findings give.
    #[must_use]
    pub fn judged(mut self) -> Self {
        self.validation_passed = !self.findings.iter().any(Finding::is_error);
        self
    }
}
