//! A version of which the journal says that it is half done: how that is told, and how it becomes
//! part of what a ledger's rows say.

use crate::{LedgerKind, LedgerRow, Provenance, RowState, Version};

/// A version with a start after which nothing says that it was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The version, as the journal spells it.
    pub version: String,
    /// The name, where the journal knows it.
    pub name: Option<String>,
    /// The highest statement that was begun, from 1.
    pub started: u64,
    /// The highest statement that ended well; 0 where none did.
    pub finished: u64,
    /// How many statements the migration has.
    pub count: u64,
    /// What the server said, where a statement failed.
    pub error: Option<String>,
}

impl Unsettled {
    fn told(&self) -> String {
        let Self { started, finished, count, .. } = self;
        match &self.error {
            Some(error) => format!("statement {started} of {count} failed: {error}"),
            None if finished >= started => {
                format!("it stopped after statement {finished} of {count}")
            }
            None => format!("it was stopped in statement {started} of {count}"),
        }
    }

    /// Puts it among the rows of a ledger of this kind, or marks the row that is there.
    pub fn merge_into(self, rows: &mut Vec<LedgerRow>, kind: LedgerKind) {
        let state = RowState::Dirty(self.told());
        if let Some(row) = rows.iter_mut().find(|row| row.version.to_string() == self.version) {
            // A row that says `done` is stronger than a journal that lost its last line.
            if row.state != RowState::Done {
                row.state = state;
            }
            return;
        }
        rows.push(LedgerRow {
            version: kind.version(&self.version).unwrap_or(Version::Text(self.version)),
            name: self.name,
            applied_at: None,
            checksum: None,
            provenance: Provenance::Applied,
            state,
        });
    }
}
