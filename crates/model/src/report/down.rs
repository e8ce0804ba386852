//! What taking the migrations back came to, in a rehearsal that was asked to try it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{StatementError, Version};

/// What a migration's down script leaves of what was there before the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DownOutcome {
    /// Everything is as it was.
    Lossless,
    /// Rows, values or objects that were there are not there any more.
    Lossy,
    /// There is no down script, or an empty one.
    Irreversible,
}

/// What a table lost on the way up and down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DownLoss {
    /// Its qualified name.
    pub relation: String,
    /// Rows before the migration; null where the table was not there.
    pub rows_before: Option<u64>,
    /// Rows after its down script; null where the table is not there.
    pub rows_after: Option<u64>,
    /// Columns that were there before, and are gone or hold other values; empty where nobody
    /// compared them.
    pub columns: Vec<String>,
}

/// One migration, taken back and applied again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DownReport {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// The file with the down script; null where there is none.
    pub file: Option<String>,
    /// What it leaves; null where it was not run to its end, or where that could not be compared.
    pub outcome: Option<DownOutcome>,
    /// How long the down script took; null where it was not run.
    pub duration_ms: Option<f64>,
    /// How long it took to apply the migration again; null where that was not done.
    pub again_ms: Option<f64>,
    /// Tables that are not as they were.
    pub lost: Vec<DownLoss>,
    /// Objects of the schema that are not as they were before the migration, as `kind identity`.
    pub objects: Vec<String>,
    /// The down script's error; null where it had none.
    pub error: Option<StatementError>,
}
