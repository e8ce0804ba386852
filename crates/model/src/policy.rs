//! How drift is judged: settings of an environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::HealPolicy;

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

/// Whether an apply takes over golang-migrate's counter by itself, where there is no ledger yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AutoAdopt {
    /// It refuses, and names `adopt`.
    #[default]
    Off,
    /// It does, where there is one counter and it is clean.
    On,
}

/// What becomes of migrations that were begun and are not known to have finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DirtyWay {
    /// They go on where the catalog shows how far they came, and are refused otherwise.
    #[default]
    GoOn,
    /// Their down scripts are run first; they are pending then, and run from their beginning.
    TakeBack,
}

/// How each kind of drift is judged. What is not named here is always refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Pending with a version lower than the highest applied.
    pub out_of_order: OutOfOrder,
    /// Applied and not in the source.
    pub orphan: OrphanPolicy,
    /// No history on a database with tables.
    pub empty_ledger: EmptyLedger,
    /// Applied, and edited since. Settings have it beside the policies, as `heal`.
    #[serde(skip)]
    #[schemars(skip)]
    pub heal: HealPolicy,
    /// No ledger, and golang-migrate's counter. A setting beside the policies, as `auto_adopt`.
    #[serde(skip)]
    #[schemars(skip)]
    pub auto_adopt: AutoAdopt,
    /// Begun, and not known to have finished. A decision for one run, and no setting.
    #[serde(skip)]
    #[schemars(skip)]
    pub dirty: DirtyWay,
}
