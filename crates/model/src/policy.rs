//! How drift is judged: settings of an environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a migration with a version below the highest applied one is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutOfOrder {
    /// Applied without a word.
    Allow,
    /// Applied, with a warning.
    #[default]
    Warn,
    /// Refused.
    Refuse,
}

/// What a version is that is applied and not in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrphanPolicy {
    /// A warning.
    Warn,
    /// Refused.
    #[default]
    Refuse,
}

/// What an empty ledger on a database that has tables is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmptyLedger {
    /// Every migration is taken for pending.
    Allow,
    /// Refused: the history must be adopted first.
    #[default]
    Refuse,
}

/// How each kind of drift is judged. What is not named here is always refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Pending with a version lower than the highest applied.
    pub out_of_order: OutOfOrder,
    /// Applied and not in the source.
    pub orphan: OrphanPolicy,
    /// No history on a database with tables.
    pub empty_ledger: EmptyLedger,
}
