//! A whole transaction in one request: the session's thread goes from statement to statement
//! without being asked for each, and tells on the way.
//!
//! In WAL mode a commit that may wait for a later one (`Durability::Later`) does not wait for the
//! disk: `synchronous = NORMAL`, under which the order of commits is kept, and a crash of the
//! machine can only take the last ones, whole (<https://sqlite.org/wal.html>, "Performance
//! Considerations"). With a rollback journal every commit waits.

use std::time::{Duration, Instant};

use stopover_backend::{BackendError, Done, Durability, LedgerId, Unit, UnitEnd, UnitLimits};
use stopover_model::{DatabaseError, NewLedgerRow, PlannedStatement};
use tokio::sync::mpsc::UnboundedSender;

use crate::error::request_error;
use crate::execute::{begin, commit, execute, rollback};
use crate::held::Held;
use crate::ledger;

/// A statement that ended well: its position from 0, what it said, how long it took.
pub(crate) type Told = (usize, Done, Duration);

/// A unit that another thread can keep.
pub(crate) struct Kept {
    limits: UnitLimits,
    durability: Durability,
    statements: Vec<PlannedStatement>,
    ledger: LedgerId,
    row: NewLedgerRow,
}

impl Kept {
    pub(crate) fn of(unit: &Unit<'_>) -> Self {
        Self {
            limits: unit.limits,
            durability: unit.durability,
            statements: unit.statements.to_vec(),
            ledger: unit.ledger.clone(),
            row: unit.row.clone(),
        }
    }

    /// Carries it out. After a failure the transaction is rolled back already.
    pub(crate) fn carry_out(mut self, held: &mut Held, tell: &UnboundedSender<Told>) -> UnitEnd {
        let began = Instant::now();
        let failed = |statement, took, error| UnitEnd::Failed { statement, took, error };
        if let Err(error) = self.begin(held) {
            return failed(None, Duration::ZERO, error);
        }
        for (at, statement) in self.statements.iter().enumerate() {
            let started = Instant::now();
            match one(held, statement) {
                // Nobody listens where the caller went away: it is carried out, or rolled back.
                Ok(done) => drop(tell.send((at, done, started.elapsed()))),
                Err(error) => return failed(Some(at), started.elapsed(), rolled_back(held, error)),
            }
        }
        self.row.duration_ms.get_or_insert(began.elapsed().as_secs_f64() * 1e3);
        let ended = ledger::record(held, &self.ledger, &self.row).and_then(|()| commit(held));
        match ended {
            Ok(()) => UnitEnd::Committed,
            Err(error @ BackendError::Lost(_)) => UnitEnd::Unknown(error),
            Err(error) => failed(None, Duration::ZERO, rolled_back(held, error)),
        }
    }

    fn begin(&self, held: &mut Held) -> Result<(), BackendError> {
        let connection = held.writing()?;
        let set = || {
            let mode: String =
                connection.query_row("PRAGMA main.journal_mode", [], |row| row.get(0))?;
            let is_later = self.durability == Durability::Later && mode == "wal";
            let level = if is_later { "NORMAL" } else { "FULL" };
            connection.pragma_update(Some("main"), "synchronous", level)
        };
        set().map_err(|error| request_error(&error))?;
        begin(held, self.limits)
    }
}

fn one(held: &mut Held, statement: &PlannedStatement) -> Result<Done, BackendError> {
    if held.waiting.is_ended() {
        let error = DatabaseError::local("cancelled between two statements");
        return Err(BackendError::Refused(Box::new(error)));
    }
    execute(held, statement)
}

/// The error that counts: that of the statement, unless not even the rollback was possible.
fn rolled_back(held: &mut Held, error: BackendError) -> BackendError {
    rollback(held).err().unwrap_or(error)
}

/// Commits that did not wait for the disk are on it afterwards.
pub(crate) fn settle(held: &mut Held) -> Result<(), BackendError> {
    held.start();
    let Some(connection) = held.open_connection() else { return Ok(()) };
    // A checkpoint begins with the `-wal` on the disk; how far it comes does not matter. With a
    // rollback journal there is nothing to do.
    connection
        .query_row("PRAGMA main.wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .map_err(|error| request_error(&error))
}
