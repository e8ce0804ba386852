//! `repair`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{TOOL_VERSION, Version};

use super::{LedgerEntry, SCHEMA_VERSION};

/// What a repair decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepairAction {
    /// The ledger takes over the source's checksum and name.
    Accept,
    /// It is applied, whatever the ledger says.
    Applied,
    /// It is not applied, whatever the ledger says: it runs again, from its beginning.
    Pending,
}

/// The document of `repair`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepairReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// The ledger.
    pub ledger: LedgerEntry,
    /// The decision.
    pub action: RepairAction,
    /// The migration.
    pub version: Version,
    /// Its name in the source, else in the ledger.
    pub name: Option<String>,
    /// The name in the ledger before.
    pub name_before: Option<String>,
    /// The checksum in the ledger before.
    pub checksum_before: Option<String>,
    /// The checksum in the ledger now.
    pub checksum_after: Option<String>,
    /// Whether anything had to be changed.
    pub changed: bool,
    /// Why, in the words of whoever decided.
    pub reason: Option<String>,
}

impl RepairReport {
    /// A report of a repair that has changed nothing yet.
    #[must_use]
    pub fn begun(ledger: LedgerEntry, action: RepairAction, version: Version) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            ledger,
            action,
            version,
            name: None,
            name_before: None,
            checksum_before: None,
            checksum_after: None,
            changed: false,
            reason: None,
        }
    }
}
