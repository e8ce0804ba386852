//! What became of a migration when the run lost its footing: the answer to its commit did not
//! come, or the run lock was not there for a moment.

use stopover_backend::{Backend, BackendError, FactsReader, LockKept, Session};
use stopover_model::{Direction, EventSink, Finding, LedgerRow, RowState, Step};

use crate::Request;
use crate::apply::{Work, open};
use crate::lock::{Locked, freed, may_free_locks};
use crate::step::proves;

/// What the ledger says of a migration whose commit got no answer.
pub(crate) enum Settled {
    /// It is applied, and the rest of the plan is still to be done.
    Applied,
    /// It is applied, and another runner has gone on meanwhile: the plan is no longer true.
    Overtaken,
    /// Nothing of it remains.
    Absent,
    /// The server could not be asked.
    Unknown,
}

/// Asks the ledger, under the lock, in a new session. The old one is given up before: should it
/// live on, it would keep the lock from us.
pub(crate) async fn settle<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    step: &Step,
    later: &[Step],
    work: &Work<'_>,
    sink: &mut dyn EventSink,
) -> Settled {
    let request = work.request;
    locked.hang_up().await;
    let Ok(again) = open(backend, request, sink).await else { return Settled::Unknown };
    *locked = again;
    let Ok(facts) = locked.session().facts(&request.facts).await else { return Settled::Unknown };
    let rows = &facts.ledger.rows;
    let recorded = rows.iter().any(|row| {
        // Of what was taken back no row is left, neither of one that was applied nor of a dirty one.
        row.version == step.version
            && (work.direction == Direction::Down
                || row.state == RowState::Done && proves(step, row.checksum.as_ref()))
    });
    if recorded != (work.direction == Direction::Up) {
        return Settled::Absent;
    }
    if others_worked(rows, later, work.direction) { Settled::Overtaken } else { Settled::Applied }
}

/// What is said of [`Settled::Unknown`].
pub(crate) fn unsettled(step: &Step, lost: &BackendError) -> BackendError {
    BackendError::Unsettled(format!(
        "nobody knows yet whether migration {} is committed: its COMMIT got no answer ({lost}), \
         and the ledger could not be asked since. The next `stopover apply` or `stopover status` \
         reads it there: the row is in the ledger exactly if the migration took effect",
        step.version
    ))
}

/// What is said of [`Settled::Overtaken`].
pub(crate) fn overtaken(step: &Step) -> BackendError {
    BackendError::Overtaken(format!(
        "migration {} is applied; the connection was lost in its commit, and another runner has \
         gone on meanwhile",
        step.version
    ))
}

/// Whether somebody else has done what comes later.
fn others_worked(rows: &[LedgerRow], later: &[Step], direction: Direction) -> bool {
    later.iter().any(|later| {
        let recorded = rows.iter().any(|row| row.version == later.version);
        recorded == (direction == Direction::Up)
    })
}

/// After a step: the run lock is ours, and it was all the time. Where it was not, others may have
/// worked, and the plan may be no longer true.
pub(crate) async fn still_alone<S: Session>(
    locked: &mut Locked<S>,
    step: &Step,
    later: &[Step],
    direction: Direction,
    request: &Request<'_>,
) -> Result<Option<Finding>, BackendError> {
    if !may_free_locks(step) {
        return Ok(None);
    }
    match locked.keep().await? {
        LockKept::Held => return Ok(None),
        LockKept::Gone(_) => {
            return Err(BackendError::Overtaken(format!(
                "migration {} freed the run lock, and another runner has it now",
                step.version
            )));
        }
        LockKept::TakenAgain => {}
    }
    let facts = locked.session().facts(&request.facts).await?;
    if others_worked(&facts.ledger.rows, later, direction) {
        return Err(BackendError::Overtaken(format!(
            "migration {} freed the run lock, and another runner has worked since then",
            step.version
        )));
    }
    Ok(Some(freed(&format!("migration {}", step.version))))
}
