//! The receipt: the stored, verifiable result of a rehearsal, which an apply can be made to require.
//!
//! Here are the values, what of them is signed, and what an apply is compared with. Judging whether
//! a receipt fits is the checks', signing and storing are the receipts' room.

mod grounds;
mod schema;
mod seen;
mod signed;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{MigrationStatus, Verdict};
use crate::{Boundary, DatabaseKind, Step, Version};

pub use grounds::{Grounds, LedgerState};
pub use schema::{Apart, RehearsedSchema};
pub use seen::{
    Gate, NoReceipts, ReceiptSeen, Receipts, ReceiptsRead, Requirement, SignatureNeed,
    SignatureSeen, Unreadable,
};
pub use signed::{UnknownForm, signed_bytes};

/// The version of a receipt's form, raised when a field changes its meaning or goes away.
pub const RECEIPT_VERSION: u32 = 1;

/// What a rehearsal proved, and of which plan, on which backup. All its numbers are whole, so that
/// it is written the same wherever it is written again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The version of the receipt's form.
    pub schema_version: u32,
    /// The tool that rehearsed.
    pub tool_version: String,
    /// When the rehearsal began.
    pub rehearsed_at: Timestamp,
    /// What it decided.
    pub verdict: Verdict,
    /// The first line of what it said.
    pub detail: String,
    /// What the plan was made from.
    pub grounds: Grounds,
    /// The migrations of the plan, in order.
    pub migrations: Vec<RehearsedMigration>,
    /// The tables that shut somebody out meanwhile.
    pub tables: Vec<RehearsedTable>,
    /// The backup.
    pub backup: RehearsedBackup,
    /// The schema before the first migration; null where it was not read, as in receipts of older
    /// versions.
    #[serde(default)]
    pub schema: Option<RehearsedSchema>,
    /// What held in the rehearsal.
    pub settings: ReceiptSettings,
    /// Who vouches for it; null where no key was set.
    pub signature: Option<Signature>,
}

/// One migration of a rehearsed plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsedMigration {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// SHA-256 of its file, and of the values that are put into it, hex.
    pub sha256: String,
    /// Whether it is one transaction.
    pub transactional: bool,
    /// What became of it.
    pub status: MigrationStatus,
    /// How long it took, in milliseconds, rounded up; null when it was not run.
    pub predicted_ms: Option<u64>,
}

impl RehearsedMigration {
    /// A step, and what came of it.
    #[must_use]
    pub fn of(step: &Step, status: MigrationStatus, duration_ms: Option<f64>) -> Self {
        Self {
            version: step.version.clone(),
            name: step.name.clone(),
            sha256: step.sha256.hex().to_owned(),
            transactional: step.boundary == Boundary::Transactional,
            status,
            predicted_ms: duration_ms.map(whole_ms),
        }
    }
}

/// One table that shut readers or writers out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsedTable {
    /// Its qualified name.
    pub relation: String,
    /// How long reads were shut out, in milliseconds, rounded up; null where it was not measured.
    pub read_blocked_ms: Option<u64>,
    /// How long writes were shut out, in milliseconds, rounded up; null where it was not measured.
    pub write_blocked_ms: Option<u64>,
}

/// The backup that was rehearsed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsedBackup {
    /// SHA-256 of its bytes, hex; null where it is not known.
    pub sha256: Option<String>,
    /// Its size; null where it is not known.
    pub bytes: Option<u64>,
    /// How old it was when it was rehearsed on; null where it is not known.
    pub age_ms: Option<u64>,
    /// The server version that it was dumped from; null where it does not say.
    pub server_version: Option<String>,
}

/// What held in the rehearsal: for whoever reads the receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptSettings {
    /// Longest wait of a statement for a lock.
    pub lock_timeout_ms: u64,
    /// Longest time for a statement; null for no limit.
    pub statement_timeout_ms: Option<u64>,
    /// Whether the scratch wrote as durably as production.
    pub fsync: bool,
    /// The role that the migrations ran as; null where it is not known.
    pub role: Option<String>,
    /// What was looked at besides: `digest`, `down`, `boot`, `traffic`.
    pub looked_at: Vec<String>,
    /// The limits that were kept, or passed.
    pub limits: Vec<ReceiptLimit>,
}

/// One limit of the rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptLimit {
    /// The setting under `[limits]`.
    pub setting: String,
    /// The table that it is for; null for every table, and for the whole.
    pub table: Option<String>,
    /// What is allowed: milliseconds, of `rewrite_bytes` bytes.
    pub allowed: u64,
}

/// Who vouches for a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// How it was made: `ed25519`.
    pub algorithm: String,
    /// The public half of the key that made it.
    pub public_key: String,
    /// The signature of the receipt's canonical text without this field, hex.
    pub value: String,
}

/// The name of the one kind of signature that there is.
pub const SIGNATURE_ALGORITHM: &str = "ed25519";

/// Milliseconds as a receipt has them: whole, rounded up.
#[must_use]
pub fn whole_ms(ms: f64) -> u64 {
    ms.max(0.0).ceil() as u64
}

impl Receipt {
    /// The name that it is stored under, without a folder: one for each plan and state of the
    /// ledger, so that the newest rehearsal of it takes the place of the one before.
    #[must_use]
    pub fn file_name(&self) -> String {
        let short = |hash: &str| hash.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        let (plan, ledger): (String, String) =
            (short(&self.grounds.plan_hash), short(&self.grounds.ledger.hash));
        format!("{plan}-{ledger}.json")
    }

    /// Whose database it was rehearsed on.
    #[must_use]
    pub const fn database(&self) -> DatabaseKind {
        self.grounds.database
    }
}
