//! The one loop there is: the steps of a plan, one after the other.

use stopover_backend::{Backend, BackendError, Durability, Execute, Opening, Pending};
use stopover_model::report::{FailedMigration, MigrationReport, MigrationStatus};
use stopover_model::{DatabaseError, Direction, Event, EventSink, Finding, Plan, Step};

use crate::lock::{Locked, may_free_locks};
use crate::place::located;
use crate::settle::{Settled, overtaken, settle, still_alone, unsettled};
use crate::step::{StepContext, StepEnd, carry_out, limits_of};
use crate::{Ending, Request};

/// A plan that is being carried out.
pub(crate) struct Work<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) request: &'a Request<'a>,
    pub(crate) direction: Direction,
    pub(crate) beside: Option<&'a dyn Beside>,
    /// Who asked for down scripts, and why, where the journal is to know it.
    pub(crate) reason: Option<&'a str>,
}

/// Looks at the database from beside while nothing of the plan runs.
pub(crate) trait Beside: Send + Sync {
    /// A step is done, and another one follows.
    fn after<'a>(&'a self, step: &'a Step) -> Pending<'a, ()>;
}

/// How far it has come.
pub(crate) struct Progress<'a> {
    pub(crate) migrations: &'a mut [MigrationReport],
    pub(crate) findings: &'a mut Vec<Finding>,
}

pub(crate) async fn steps<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    work: &Work<'_>,
    progress: &mut Progress<'_>,
    sink: &mut dyn EventSink,
) -> Ending {
    for (at, report) in (0..work.plan.steps.len()).zip(progress.migrations.iter_mut()) {
        match Box::pin(one(backend, locked, work, at, report, sink)).await {
            Ok(freed) => progress.findings.extend(freed),
            Err(ending) => return ending,
        }
        if let (Some(beside), true) = (work.beside, at + 1 < work.plan.steps.len()) {
            beside.after(&work.plan.steps[at]).await;
        }
    }
    Ending::Complete
}

/// One step, from its first word to the state that the next one finds.
async fn one<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    work: &Work<'_>,
    at: usize,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> Result<Option<Finding>, Ending> {
    let Work { plan, request, direction, .. } = work;
    let step = &plan.steps[at];
    if let Some(signal) = request.stop.requested() {
        return Err(Ending::Stopped(signal));
    }
    sink.emit(started(step, at, plan));
    let ledger = locked.ledger().clone();
    let context = StepContext {
        ledger: &ledger,
        limits: &request.limits,
        stop: &request.stop,
        durability: durability(&plan.steps, at),
        next: next(&plan.steps, at, work),
        direction: *direction,
        reason: work.reason,
        again: None,
    };
    let mut end = carry_out(locked.session(), step, &context, report, sink).await;
    if let StepEnd::CommitUnknown(error) = end {
        end = settled(backend, locked, work, at, (report, error), sink).await?;
    }
    if let Some(ending) = judged(step, report, end, sink) {
        return Err(ending);
    }
    let duration_ms = *report.duration_ms.get_or_insert(0.0);
    sink.emit(Event::MigrationFinished {
        direction: *direction,
        version: step.version.clone(),
        name: step.name.clone(),
        duration_ms,
    });
    locked.session().reset().await.map_err(Ending::Lost)?;
    let later = plan.steps.get(at + 1..).unwrap_or_default();
    still_alone(locked, step, later, *direction, request).await.map_err(Ending::Lost)
}

/// What became of a commit whose answer was lost.
async fn settled<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    work: &Work<'_>,
    at: usize,
    (report, lost): (&mut MigrationReport, BackendError),
    sink: &mut dyn EventSink,
) -> Result<StepEnd, Ending> {
    let (step, later) = (&work.plan.steps[at], work.plan.steps.get(at + 1..).unwrap_or_default());
    match settle(backend, locked, step, later, work, sink).await {
        Settled::Applied => Ok(StepEnd::Applied),
        Settled::Absent => Ok(StepEnd::Lost(lost)),
        Settled::Overtaken => {
            report.status = MigrationStatus::Applied;
            Err(Ending::Lost(overtaken(step)))
        }
        Settled::Unknown => {
            report.status = MigrationStatus::Failed;
            Err(Ending::Lost(unsettled(step, &lost)))
        }
    }
}

/// Writes the end of a step into its report; whatever is not its success ends the work.
fn judged(
    step: &Step,
    report: &mut MigrationReport,
    end: StepEnd,
    sink: &mut dyn EventSink,
) -> Option<Ending> {
    match end {
        StepEnd::Applied => {
            report.status = MigrationStatus::Applied;
            None
        }
        StepEnd::Failed { statement, error, rolled_back } => {
            report.status = MigrationStatus::Failed;
            Some(failed(step, statement, error, rolled_back, sink))
        }
        StepEnd::Stopped(signal) => {
            broken_off(step, report);
            Some(Ending::Stopped(signal))
        }
        StepEnd::Lost(error) | StepEnd::CommitUnknown(error) => {
            broken_off(step, report);
            Some(Ending::Lost(error))
        }
    }
}

/// Tells of a failure, with its place in the file.
fn failed(
    step: &Step,
    statement: Option<usize>,
    error: Box<DatabaseError>,
    rolled_back: bool,
    sink: &mut dyn EventSink,
) -> Ending {
    let statement = statement.and_then(|at| step.statements.get(at));
    let failed = FailedMigration {
        version: step.version.clone(),
        name: step.name.clone(),
        statement: statement.map(|it| it.index),
        rolled_back,
        error: located(step, statement.or(step.statements.last()), &error),
    };
    sink.emit(Event::MigrationFailed {
        version: step.version.clone(),
        name: step.name.clone(),
        error: failed.error.clone(),
    });
    Ending::Failed { failed: Box::new(failed), error }
}

/// Of a transactional migration that was broken off nothing is left.
fn broken_off(step: &Step, report: &mut MigrationReport) {
    if !step.boundary.is_transactional() {
        report.status = MigrationStatus::Failed;
    }
}

/// A commit that another transactional migration follows need not wait for the disk: the next one
/// takes it along, and a crash between them loses both rows and changes, which the next run sees.
fn durability(steps: &[Step], at: usize) -> Durability {
    match steps.get(at + 1) {
        Some(next) if next.boundary.is_transactional() => Durability::Later,
        _ => Durability::AtOnce,
    }
}

/// How the step behind that at `at` begins, where nothing has to be asked between the two.
fn next(steps: &[Step], at: usize, work: &Work<'_>) -> Option<Opening> {
    let step = steps.get(at + 1).filter(|it| it.boundary.is_transactional())?;
    let asked = may_free_locks(steps.get(at)?)
        || work.direction == Direction::Down
        || work.beside.is_some();
    (!asked).then(|| Opening {
        limits: limits_of(step, &work.request.limits),
        durability: durability(steps, at + 1),
    })
}

fn started(step: &Step, at: usize, plan: &Plan) -> Event {
    Event::MigrationStarted {
        version: step.version.clone(),
        name: step.name.clone(),
        position: at + 1,
        of: plan.steps.len(),
        statements: step.statements.len(),
        transactional: step.boundary.is_transactional(),
    }
}
