//! Taking migrations back: the same loop as an apply, with down scripts.

use std::time::Instant;

use stopover_backend::{Backend, LedgerWriter};
use stopover_model::report::MigrationReport;
use stopover_model::{Direction, Event, EventSink};
use stopover_planner::{DownSelection, plan_down};

use crate::apply::{Progress, Work, on_disk, open, steps};
use crate::lock::Locked;
use crate::step::untouched;
use crate::{Applied, Ending, EngineError, Request, recover};

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
    let began = Instant::now();
    let mut locked = open(backend, request, sink).await?;
    let applied = under_lock(backend, &mut locked, request, selection, sink).await;
    let freed = locked.release().await;
    let mut applied = applied?;
    applied.tell_once(freed);
    applied.duration_ms = began.elapsed().as_secs_f64() * 1e3;
    Ok(applied)
}

async fn under_lock<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    selection: &DownSelection,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let facts = recover::facts(locked.session(), &request.facts, request.source).await?;
    let plan = plan_down(request.source, &facts, selection).map_err(EngineError::Refused)?;
    sink.emit(Event::PlanReady {
        migrations: plan.steps.len(),
        statements: plan.statement_count(),
        direction: Direction::Down,
    });
    let mut migrations: Vec<MigrationReport> = plan.steps.iter().map(untouched).collect();
    let mut findings = plan.findings.clone();
    let ending = if plan.steps.is_empty() {
        Ending::Complete
    } else {
        locked.prove_pinned(backend, &request.stop).await?;
        let ledger = locked.ledger().clone();
        locked.session().create_journal(&ledger).await?;
        let work = Work { plan: &plan, request, direction: Direction::Down, beside: None };
        let mut progress = Progress { migrations: &mut migrations, findings: &mut findings };
        let ending = steps(backend, locked, &work, &mut progress, sink).await;
        on_disk(locked, ending, &mut findings).await
    };
    let direction = Direction::Down;
    let (grounds, receipt, duration_ms) = (None, None, 0.0);
    Ok(Applied { plan, grounds, receipt, direction, migrations, ending, findings, duration_ms })
}
