//! Taking over another tool's history, seen from the engine.

use std::future::Future;

use stopover_model::LedgerRow;

use crate::{BackendError, LedgerId};

/// A counter of golang-migrate's: everything up to a version is said to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// The table's name, as people write it.
    pub table: String,
    /// What it says: versions, and whether each is dirty. One row at most is usual.
    pub rows: Vec<CounterRow>,
}

/// One row of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterRow {
    /// The version.
    pub version: i64,
    /// Whether its migration was started and did not finish.
    pub dirty: bool,
}

/// Reads counters, and writes what was taken over.
pub trait Adopt {
    /// Every counter that is there, with its rows. Writes nothing.
    fn counters(&mut self) -> impl Future<Output = Result<Vec<Counter>, BackendError>> + Send;

    /// Writes rows into our own ledger and the journal beside it, in the transaction that is open.
    fn take_over(
        &mut self,
        ledger: &LedgerId,
        rows: &[LedgerRow],
        from: &str,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Drops a counter's table.
    fn drop_counter(
        &mut self,
        counter: &Counter,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;
}
