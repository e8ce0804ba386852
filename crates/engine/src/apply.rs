//! An apply: the run lock, the plan, what stands around its steps, and the steps.

use std::time::Instant;

use stopover_backend::{Backend, BackendError, FactsReader, LedgerId, Session};
use stopover_model::{Direction, Event, EventSink, Facts, Finding, HealKind, Plan, RowState};
use stopover_planner::Selection;

use crate::adopt::History;
use crate::gate::Passed;
use crate::harness::KnownSchema;
use crate::lock::Locked;
use crate::run_plan::{Told, run_plan};
use crate::statement::leaving;
use crate::{
    Applied, Around, Ending, EngineError, Request, Safeguards, adopt, fingerprints, gate, heal,
    recover, safeguards,
};

pub(crate) use crate::steps::{Beside, Progress, Work, steps};

/// Takes the run lock, plans, and carries the plan out.
///
/// # Errors
/// Only before the first migration began: a refused plan (every reason at once), a held lock, a
/// database that cannot be reached, a stop. What happens later is the [`Ending`].
pub async fn apply<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    apply_safely(backend, request, &Safeguards::default(), sink).await
}

/// The same between safeguards, where there is something to do: preflight and backup before
/// anything is written, postflight at the end.
///
/// # Errors
/// As [`apply`]; a preflight that forbids it, and a backup that is not to be had.
pub async fn apply_safely<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    safeguards: &Safeguards<'_>,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let company = Company { beside: None, safeguards };
    applied(backend, request, company, sink).await
}

/// The same, with somebody who looks at the database between two steps.
pub(crate) async fn apply_beside<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    beside: Option<&dyn Beside>,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let company = Company { beside, safeguards: &Safeguards::default() };
    applied(backend, request, company, sink).await
}

/// Who is there while a plan is carried out.
#[derive(Clone, Copy)]
pub(crate) struct Company<'a> {
    pub(crate) beside: Option<&'a dyn Beside>,
    pub(crate) safeguards: &'a Safeguards<'a>,
}

async fn applied<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    company: Company<'_>,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let began = Instant::now();
    let (mut session, ledger) = connected(backend, request).await?;
    if let Some(plan) = unless_something_is_to_do(&mut session, &ledger, request).await? {
        sink.emit(Event::plan_ready(&plan, Direction::Up));
        let (passed, around) = (Passed::default(), Around::default());
        return Ok(Applied::begun(plan, Direction::Up, passed, around).ended(None, began));
    }
    let mut locked = lock(session, ledger, request, sink).await?;
    // What is kept while it waits is large, and its callers keep it beside their own.
    let applied = Box::pin(under_lock(backend, &mut locked, request, company, sink)).await;
    let freed = locked.release().await;
    Ok(applied?.ended(freed, began))
}

/// The plan, where there is nothing in it: one look at the ledger without the run lock is enough to
/// say so. Whoever works meanwhile has not committed yet, and then it is as if we had come before; or
/// has, and then it is in the ledger. Everything else is looked at again under the lock, and judged
/// there: a problem, a dirty migration, another tool's history.
async fn unless_something_is_to_do<S: Session>(
    session: &mut S,
    ledger: &LedgerId,
    request: &Request<'_>,
) -> Result<Option<Plan>, EngineError> {
    if !session.is_tidy(ledger).await? {
        return Ok(None);
    }
    let mut facts = tokio::select! {
        facts = session.facts(&request.facts) => facts?,
        signal = request.stop.wait() => return Err(EngineError::Stopped(signal)),
    };
    let rows = &facts.ledger.rows;
    if rows.is_empty() || rows.iter().any(|row| matches!(row.state, RowState::Dirty(_))) {
        return Ok(None);
    }
    fingerprints::compare(request.source, &mut facts);
    let plan = stopover_planner::plan(request.source, &facts, request.policy, &request.selection);
    Ok(plan.ok().filter(|plan| plan.heals.is_empty() && !runs_something(plan)))
}

/// What would be done, and what it was made from.
struct Planned {
    facts: Facts,
    foreseen: Option<History>,
    plan: Plan,
}

impl Planned {
    /// Whether anything at all is written, be it into the ledger alone.
    fn writes_something(&self) -> bool {
        self.foreseen.is_some() || !self.plan.heals.is_empty() || runs_something(&self.plan)
    }
}

async fn planned<S: Session>(
    locked: &mut Locked<S>,
    request: &Request<'_>,
) -> Result<Planned, EngineError> {
    let mut facts = recover::facts(locked.session(), &request.facts, request.source).await?;
    heal::edits(locked.session(), request, &mut facts).await?;
    let foreseen = adopt::foresee(locked.session(), request, &mut facts).await?;
    let plan = stopover_planner::plan(request.source, &facts, request.policy, &request.selection);
    Ok(Planned { plan: plan.map_err(EngineError::Refused)?, facts, foreseen })
}

async fn under_lock<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    company: Company<'_>,
    sink: &mut dyn EventSink,
) -> Result<Applied, EngineError> {
    let safeguards = company.safeguards;
    let mut known = safeguards.unread_schema();
    let mut made = planned(locked, request).await?;
    let (ground, work) = ((backend, locked.session()), (&made.plan, &made.facts));
    let passed = gate::through(ground, work, request, (safeguards, &mut known), sink);
    let passed = Box::pin(passed).await?;
    if made.writes_something() {
        locked.prove_pinned(backend, &request.stop).await?;
    }
    let mut around = Around::default();
    if runs_something(&made.plan) {
        let looking = (safeguards, &mut known);
        (made, around) = Box::pin(safely(backend, locked, request, looking, made, sink)).await?;
    }
    // Boxed: a heal is rare, and its future large.
    let healed = Box::pin(settle_history(backend, locked, request, &mut made, sink)).await?;
    let Planned { plan, facts, .. } = made;
    let mut applied = Applied::begun(plan, Direction::Up, passed, around);
    applied.findings.splice(..0, healed);
    Box::pin(carry_out(backend, locked, (request, &facts), company, &mut applied, sink)).await?;
    Ok(applied)
}

/// Writes into the ledger what is said of migrations that have run: another tool's history, and edits
/// that are healed.
async fn settle_history<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    made: &mut Planned,
    sink: &mut dyn EventSink,
) -> Result<Vec<Finding>, EngineError> {
    let Planned { facts, foreseen, plan } = made;
    if let Some(history) = foreseen {
        adopt::take_over(locked, facts, history).await?;
        plan.findings.push(adopt::told(history));
    }
    heal::heal(backend, locked, plan, facts, request, sink).await
}

/// Runs the plan, and looks at what it left.
async fn carry_out<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    (request, facts): (&Request<'_>, &Facts),
    company: Company<'_>,
    applied: &mut Applied,
    sink: &mut dyn EventSink,
) -> Result<(), EngineError> {
    let Applied { plan, taken_back, migrations, findings, around, .. } = applied;
    let told = Told { taken_back, migrations, findings };
    let ending = run_plan(backend, locked, (plan, facts, request), company, told, sink).await?;
    let nothing_ran = plan.downs.is_empty() && plan.steps.is_empty();
    applied.ending = if nothing_ran {
        ending
    } else {
        company.safeguards.end(backend, locked, request, (around, ending), sink).await
    };
    Ok(())
}

/// Whether statements of migrations are run. What only writes into the ledger needs no backup.
fn runs_something(plan: &Plan) -> bool {
    !plan.steps.is_empty()
        || !plan.downs.is_empty()
        || plan.heals.iter().any(|it| it.kind() == HealKind::Rerun)
}

/// Looks at the target and makes the backup. The plan is made again behind that: it must be the one
/// that was judged.
async fn safely<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    (safeguards, known): (&Safeguards<'_>, &mut KnownSchema),
    first: Planned,
    sink: &mut dyn EventSink,
) -> Result<(Planned, Around), EngineError> {
    if !safeguards.stand() {
        return Ok((first, Around::default()));
    }
    let mut around = safeguards.look(backend, request, &first.plan, known, sink).await?;
    safeguards.back_up(locked, request, &mut around, sink).await?;
    safeguards.count(backend, request, (&first.plan, Direction::Up), &mut around).await?;
    let second = planned(locked, request).await?;
    if second.plan.hash() != first.plan.hash() {
        return Err(EngineError::Refused(vec![safeguards::changed("the backup")]));
    }
    Ok((second, around))
}

/// A session that holds the run lock.
pub(crate) async fn open<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Locked<B::Session>, EngineError> {
    let (session, ledger) = connected(backend, request).await?;
    lock(session, ledger, request, sink).await
}

/// A session, and the ledger that is meant.
async fn connected<B: Backend>(
    backend: &B,
    request: &Request<'_>,
) -> Result<(B::Session, LedgerId), EngineError> {
    let opening = async {
        let mut session = backend.connect().await?;
        let ledger = session.locate(&request.facts).await?;
        Ok::<_, BackendError>((session, ledger))
    };
    tokio::select! {
        opened = opening => Ok(opened?),
        signal = request.stop.wait() => Err(EngineError::Stopped(signal)),
    }
}

async fn lock<S: Session>(
    session: S,
    ledger: LedgerId,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Locked<S>, EngineError> {
    Locked::acquire(session, ledger, request.limits.lock_wait, &request.stop, sink).await
}

pub(crate) async fn ready_ledger<S: Session>(
    locked: &mut Locked<S>,
    facts: &Facts,
) -> Result<(), EngineError> {
    if !facts.ledger.exists {
        let ledger = locked.ledger().clone();
        locked.session().create_ledger(&ledger).await.map_err(|error| match error {
            BackendError::Refused(error) => {
                EngineError::Ledger { table: facts.ledger.table.clone(), error }
            }
            other => EngineError::Backend(other),
        })?;
    }
    let ledger = locked.ledger().clone();
    Ok(locked.session().update_journal(&ledger).await?)
}

/// A plan that did not come to its end may have left commits for which nobody waited.
pub(crate) async fn on_disk<S: Session>(
    locked: &mut Locked<S>,
    ending: Ending,
    findings: &mut Vec<Finding>,
) -> Ending {
    let lost = match &ending {
        Ending::Complete => return ending,
        Ending::Lost(_) => true,
        Ending::Failed { .. } => locked.session().settle().await.is_err(),
        Ending::Stopped(_) => leaving(locked.session().settle()).await.is_err(),
    };
    if lost {
        findings.push(Finding::warning(
            "not-settled",
            "the server",
            "if the server crashed, the last of the migrations that are said to be applied may be \
             undone by its recovery, together with their ledger rows",
            "run the command again: it sees what is done, and does the rest",
        ));
    }
    ending
}

/// After everything is said to be done, the ledger must say so too.
pub(crate) async fn checked<S: Session>(
    locked: &mut Locked<S>,
    request: &Request<'_>,
    ending: Ending,
    findings: &mut Vec<Finding>,
) -> Ending {
    if !matches!(ending, Ending::Complete) || request.selection != Selection::All {
        return ending;
    }
    let facts = match locked.session().facts(&request.facts).await {
        Ok(facts) => facts,
        Err(error) => return Ending::Lost(error),
    };
    let judged = stopover_planner::judge(request.source, &facts, request.policy);
    for left in judged.pending {
        findings.push(Finding::error(
            "ledger",
            left.version.to_string(),
            format!("migration {} was run, and the ledger does not say so", left.version),
            "a later migration, or somebody else, removed its row: look at the ledger's history",
        ));
    }
    ending
}
