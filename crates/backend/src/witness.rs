//! What a migration that is run again does to rows, seen inside of its own transaction.
//!
//! The copy on which a rerun is proven is of one moment; rows go on being written afterwards. So
//! the tables that it writes to are kept from everybody else first, and looked at before and after
//! it, in the transaction that commits it or does not.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use stopover_model::{LockMode, Mark, Schema, TableCensus};

use crate::{BackendError, CensusScope};

/// A table that others may not write into while a migration is run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedTable {
    /// Its qualified name, as [`TableCensus::relation`] has it.
    pub relation: String,
    /// The lock that keeps them out: what the migration itself takes, or more, so that a lock is
    /// never made stronger while others queue for it. SQLite has one lock for all.
    pub lock: LockMode,
    /// What is at stake.
    pub stake: Stake,
}

/// What of a table a migration may take away, the lesser first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stake {
    /// The next number of its sequence: a row that somebody is about to commit may have one that
    /// is given out again.
    Numbers,
    /// Its rows.
    Rows,
}

/// What is in the database, seen in the open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The schema.
    pub schema: Schema,
    /// The tables that were asked for, digested.
    pub tables: Vec<TableCensus>,
    /// What is lost though it is neither.
    pub marks: Vec<Mark>,
    /// Which table is which.
    pub footing: Footing,
}

/// Which table is which, and how much was written to each in this session: it changes exactly when
/// rows may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footing {
    /// Every table that holds rows of its own, by qualified name.
    pub tables: BTreeMap<String, Stand>,
    /// Every sequence that belongs to a table, by qualified name.
    pub sequences: BTreeMap<String, OwnedSequence>,
}

/// How a table stands, in the words of its backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Which object it is.
    pub object: String,
    /// Where its rows lie, and which of its columns is which.
    pub form: String,
    /// What was written to it so far.
    pub written: String,
}

/// A sequence that belongs to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedSequence {
    /// Which object it is, and where its number lies.
    pub object: String,
    /// The table.
    pub owner: String,
}

impl Footing {
    /// The tables that were written to, made again, or are gone.
    #[must_use]
    pub fn changed_in<'f>(&'f self, after: &Self) -> BTreeSet<&'f str> {
        let changed = self.tables.iter().filter(|(name, stand)| {
            after.tables.get(name.as_str()).is_none_or(|now| now != *stand)
        });
        changed.map(|(name, _)| name.as_str()).collect()
    }
}

/// Sees to it that a migration that is run again takes away nothing that others write.
pub trait Witness {
    /// Keeps everybody else from writing into `tables` until the end of the transaction that was
    /// just opened, with its first request: what was committed before is seen by all that follow.
    fn hold(
        &mut self,
        tables: &[GuardedTable],
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Looks around in the open transaction, as ourselves, whatever a script has put on, and
    /// leaves it as it was.
    fn sight(
        &mut self,
        scope: &CensusScope,
        tables: &[GuardedTable],
    ) -> impl Future<Output = Result<Sight, BackendError>> + Send;

    /// Has everything done that waits for the commit, and says which tables the open transaction
    /// has written to, or made again, since `before`.
    fn written(
        &mut self,
        scope: &CensusScope,
        before: &Footing,
    ) -> impl Future<Output = Result<Vec<GuardedTable>, BackendError>> + Send;

    /// After a rollback: puts forward again what a rollback does not undo, the sequences that the
    /// transaction has set back.
    fn put_forward(
        &mut self,
        before: &[Mark],
    ) -> impl Future<Output = Result<(), BackendError>> + Send;
}
