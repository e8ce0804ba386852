//! `receipt`, and what an apply says of the rehearsal before it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Receipt, ReceiptSeen, SignatureSeen, TOOL_VERSION, Version};

use super::SCHEMA_VERSION;

/// Whether a receipt's signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// It has none.
    Missing,
    /// It has one, and no public key is set that could tell.
    NotVerified,
    /// It is good.
    Good,
    /// It is not.
    Bad,
}

impl From<&SignatureSeen> for SignatureState {
    fn from(seen: &SignatureSeen) -> Self {
        match seen {
            SignatureSeen::Missing => Self::Missing,
            SignatureSeen::NotVerified => Self::NotVerified,
            SignatureSeen::Good => Self::Good,
            SignatureSeen::Bad(_) => Self::Bad,
        }
    }
}

/// The receipt of the plan that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptUsed {
    /// Where it was found.
    pub path: String,
    /// When the rehearsal began.
    pub rehearsed_at: Timestamp,
    /// Who vouches for it.
    pub signature: SignatureState,
}

impl From<&ReceiptSeen> for ReceiptUsed {
    fn from(seen: &ReceiptSeen) -> Self {
        Self {
            path: seen.path.clone(),
            rehearsed_at: seen.receipt.rehearsed_at,
            signature: (&seen.signature).into(),
        }
    }
}

/// How long a migration took, and how long it was to take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimedMigration {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// How long it took; null when it was not run.
    pub duration_ms: Option<f64>,
    /// How long it took in the rehearsal; null where there is no receipt of the same plan.
    pub predicted_ms: Option<f64>,
}

/// The document of `receipt verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// The receipt's file.
    pub path: String,
    /// Whether its signature is good.
    pub signature: SignatureState,
    /// The receipt itself.
    pub receipt: Receipt,
    /// Everything that was found; an error among them means that it is not to be believed.
    pub findings: Vec<Finding>,
}

impl ReceiptReport {
    /// What was found of a receipt.
    #[must_use]
    pub fn of(seen: &ReceiptSeen, findings: Vec<Finding>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            path: seen.path.clone(),
            signature: (&seen.signature).into(),
            receipt: seen.receipt.clone(),
            findings,
        }
    }
}

/// The document of `receipt keygen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// The file that the private key was written to.
    pub path: String,
    /// The public key: what the setting `receipt_public_key` takes.
    pub public_key: String,
}
