//! Receipts as an apply finds them, and what it asks of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Receipt;

/// What is known of a receipt's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureSeen {
    /// It has none.
    Missing,
    /// It has one, and no public key is set that could tell whether it is good.
    NotVerified,
    /// It was made by the key that is trusted, over what the receipt says.
    Good,
    /// It was not; why.
    Bad(String),
}

/// A receipt that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptSeen {
    /// Where.
    pub path: String,
    /// What it says.
    pub receipt: Receipt,
    /// Who says so.
    pub signature: SignatureSeen,
}

/// A file where a receipt was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiptsRead {
    /// The file or folder that was looked in.
    pub place: String,
    /// The receipts there.
    pub seen: Vec<ReceiptSeen>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// Knows receipts. They are only asked for where a migration is pending.
pub trait Receipts: fmt::Debug + Send + Sync {
    /// Reads all of them. What cannot be read is told, not left out.
    fn read(&self) -> ReceiptsRead;
}

/// No receipts.
#[derive(Debug, Clone, Copy)]
pub struct NoReceipts;

impl Receipts for NoReceipts {
    fn read(&self) -> ReceiptsRead {
        ReceiptsRead::default()
    }
}

/// Whether a receipt must be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SignatureNeed {
    /// No public key is set.
    #[default]
    None,
    /// By the key whose public half is set.
    Good,
}

/// What an apply asks of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// How long ago it may have begun.
    pub max_age: Duration,
    /// How old the backup may have been then; `None` for any age.
    pub backup_max_age: Option<Duration>,
}

/// What an apply knows of rehearsals, and whether it needs one.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Where receipts come from.
    pub receipts: Arc<dyn Receipts>,
    /// Whether only signed ones count.
    pub signatures: SignatureNeed,
    /// What is required; `None`: nothing is, and a receipt only tells what was predicted.
    pub requirement: Option<Requirement>,
}

impl Default for Gate {
    /// No receipts, and none required.
    fn default() -> Self {
        Self { receipts: Arc::new(NoReceipts), signatures: SignatureNeed::None, requirement: None }
    }
}
