//! Whether the backup of a rehearsal was of the database that is migrated, as far as ledgers tell.

use stopover_model::{Finding, Grounds, LedgerState, ReceiptSeen};

/// What two ledgers tell of whose backup it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kinship {
    /// Another database's.
    Other,
    /// One of them keeps nothing that would tell.
    Untold,
    /// This one's.
    Same,
}

impl Kinship {
    pub(super) fn of(theirs: &LedgerState, ours: &LedgerState) -> Self {
        match (&theirs.history, &ours.history) {
            (Some(theirs), Some(ours)) if theirs == ours => Self::Same,
            (Some(_), Some(_)) => Self::Other,
            _ => Self::Untold,
        }
    }
}

/// A receipt that fits, of a backup that may have been another database's.
pub(super) fn untold(grounds: &Grounds, seen: &ReceiptSeen) -> Option<Finding> {
    let (theirs, ours) = (&seen.receipt.grounds.ledger, &grounds.ledger);
    if Kinship::of(theirs, ours) != Kinship::Untold {
        return None;
    }
    let why = if ours.applied.is_empty() {
        "the ledger has no rows yet".to_owned()
    } else {
        format!("the rows of a ledger of {} keep no times to know a database by", ours.kind)
    };
    Some(Finding::warning(
        "receipt",
        seen.path.clone(),
        format!(
            "it cannot be told whether the rehearsal's backup was of this database: {why}, and \
             every database with the same migrations applied looks alike"
        ),
        "see to it that the backup which is rehearsed on is this database's: keep the receipts of \
         each database in a folder of their own (`receipt` under [env.NAME] in stopover.toml)",
    ))
}
