//! `adopt`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Provenance, TOOL_VERSION, Version};

use super::{LedgerEntry, SCHEMA_VERSION};

/// One migration that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptedEntry {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: Option<String>,
    /// The checksum that our ledger has now; null where what ran is not known.
    pub checksum: Option<String>,
    /// `assumed` where only a counter speaks for it.
    pub provenance: Provenance,
}

/// The document of `adopt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// The table that the history was taken from.
    pub from: String,
    /// Our ledger.
    pub ledger: LedgerEntry,
    /// What was taken over now, ascending.
    pub adopted: Vec<AdoptedEntry>,
    /// How many were in our ledger already.
    pub already: usize,
    /// Whether the other tool's table was dropped.
    pub dropped: bool,
    /// Whether the target's schema was proven to be what the migrations make.
    pub proven: bool,
    /// What the proof found besides: warnings and notes.
    pub findings: Vec<Finding>,
}

impl AdoptReport {
    /// A report of an adoption that has taken over nothing yet.
    #[must_use]
    pub fn begun(from: String, ledger: LedgerEntry) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            from,
            ledger,
            adopted: Vec::new(),
            already: 0,
            dropped: false,
            proven: false,
            findings: Vec::new(),
        }
    }
}
