//! Taking migrations back: the same loop as an apply, with down scripts.

use std::time::Instant;

use stopover_backend::{Backend, LedgerWriter, Session};
use stopover_model::{Direction, Event, EventSink, Plan};
use stopover_planner::{DownSelection, plan_down};

use crate::apply::{Progress, Work, on_disk, open, steps};
use crate::gate::Passed;
use crate::lock::Locked;
use crate::safeguards::changed;
use crate::{Applied, EngineError, Request, Safeguards, recover};

/// Takes the run lock and runs down scripts, newest applied first, each with the removal of its
/// ledger row in one transaction.
///
/// # Errors
/// Only before the first down script began: a refused plan (every reason at once), a held lock, a
/// database that cannot be reached, a stop. What happens later is the [`Ending`].
pub async fn rollback<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    selection: &DownSelection,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    rollback_safely(backend, request, selection, &Safeguards::default(), sink).await
}

/// The same behind a backup and a count of rows, where there is something to take back.
///
/// # Errors
/// As [`rollback`]; a backup that is not to be had.
pub async fn rollback_safely<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    selection: &DownSelection,
    safeguards: &Safeguards<'_>,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let began = Instant::now();
    let mut locked = open(backend, request, sink).await?;
    let asked = (selection, safeguards);
    let applied = Box::pin(under_lock(backend, &mut locked, request, asked, sink)).await;
    let freed = locked.release().await;
    Ok(applied?.ended(freed, began))
}

async fn under_lock<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    (selection, safeguards): (&DownSelection, &Safeguards<'_>),
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let mut plan = planned(locked, request, selection).await?;
    let mut around = safeguards.unlooked();
    if !plan.steps.is_empty() && safeguards.stand() {
        locked.prove_pinned(backend, &request.stop).await?;
        safeguards.back_up(locked, request, &mut around, sink).await?;
        safeguards.count_before_rollback(backend, request, &plan, &mut around).await?;
        let again = planned(locked, request, selection).await?;
        if again.hash() != plan.hash() {
            return Err(EngineError::Refused(vec![changed("the backup")]));
        }
        plan = again;
    }
    sink.emit(Event::plan_ready(&plan, Direction::Down));
    let mut applied = Applied::begun(plan, Direction::Down, Passed::default(), around);
    take_back(backend, locked, request, safeguards, &mut applied, sink).await?;
    Ok(applied)
}

/// Runs the down scripts, and looks at what they took.
async fn take_back<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    safeguards: &Safeguards<'_>,
    applied: &mut Applied,
    sink: &mut dyn EventSink,
) -> Result<(), EngineError> {
    let Applied { plan, migrations, findings, around, .. } = applied;
    let Some(first) = plan.steps.first() else { return Ok(()) };
    locked.prove_pinned(backend, &request.stop).await?;
    let ledger = locked.ledger().clone();
    locked.session().create_journal(&ledger).await?;
    safeguards.record(locked, first).await?;
    let direction = Direction::Down;
    let work = Work { plan, request, direction, beside: None, reason: None };
    let mut progress = Progress { migrations, findings };
    let ending = steps(backend, locked, &work, &mut progress, sink).await;
    let ending = on_disk(locked, ending, progress.findings).await;
    applied.ending = safeguards.end_of_rollback(backend, locked, request, (around, ending)).await;
    Ok(())
}

async fn planned<S: Session>(
    locked: &mut Locked<S>,
    request: &Request<'_>,
    selection: &DownSelection,
) -> Result<Plan, EngineError> {
    let facts = recover::facts(locked.session(), &request.facts, request.source).await?;
    plan_down(request.source, &facts, selection).map_err(EngineError::Refused)
}
