//! `apply` and `rollback`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, StatementError, TOOL_VERSION, Version, redact_urls};

use super::{
    BackupMade, PostflightReport, PreflightReport, ReceiptUsed, SCHEMA_VERSION, TimedMigration,
};

/// The migration that failed, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedMigration {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// Position of the failing statement, from 1; null where it was not a statement that failed.
    pub statement: Option<usize>,
    /// Whether the failed migration left no trace (false: a non-transactional one stopped midway).
    pub rolled_back: bool,
    /// The error.
    pub error: StatementError,
}

/// What stands around the steps of an apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Safeguard {
    /// The look at the target before.
    Preflight,
    /// The backup.
    Backup,
    /// The look at the target afterwards.
    Postflight,
}

impl Safeguard {
    /// As the report and the journal spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Backup => "backup",
            Self::Postflight => "postflight",
        }
    }
}

/// A decision that lifted a safeguard of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Override {
    /// Which.
    pub safeguard: Safeguard,
    /// Who decided: the user, and the machine.
    pub by: String,
    /// Why; null where nothing was said.
    pub reason: Option<String>,
}

impl Override {
    /// Who decided and why, as one line without passwords.
    #[must_use]
    pub fn told(&self) -> String {
        redact_urls(&match &self.reason {
            Some(reason) => format!("by {}: {reason}", self.by),
            None => format!("by {}, who gave no reason", self.by),
        })
    }
}

/// The document of `apply`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApplyReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// Edits that this run healed, before anything else, in order.
    pub healed: Vec<Version>,
    /// Applied by this run, in order.
    pub applied: Vec<Version>,
    /// Reverted by this run, in order.
    pub reverted: Vec<Version>,
    /// What failed; null when nothing did.
    pub failed: Option<FailedMigration>,
    /// In the plan and not begun.
    pub untouched: Vec<Version>,
    /// The backup made beforehand; null when none was made.
    pub backup: Option<BackupMade>,
    /// Each migration of the plan: how long it took, and how long it was to take.
    pub migrations: Vec<TimedMigration>,
    /// The receipt of this plan's rehearsal; null where none was found.
    pub receipt: Option<ReceiptUsed>,
    /// What was found before; null where nobody looked.
    pub preflight: Option<PreflightReport>,
    /// What was found afterwards; null where nobody looked.
    pub postflight: Option<PostflightReport>,
    /// Decisions that lifted a safeguard.
    pub overrides: Vec<Override>,
    /// How long the whole took.
    pub duration_ms: f64,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl Default for ApplyReport {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            healed: Vec::new(),
            applied: Vec::new(),
            reverted: Vec::new(),
            failed: None,
            untouched: Vec::new(),
            backup: None,
            migrations: Vec::new(),
            receipt: None,
            preflight: None,
            postflight: None,
            overrides: Vec::new(),
            duration_ms: 0.0,
            findings: Vec::new(),
        }
    }
}
