//! Carries a plan out under the run lock: what is dirty is taken back first, then the steps are gone
//! through. What stands around that (preflight, backup, postflight) is not done here.

use stopover_backend::{Backend, LedgerWriter};
use stopover_model::report::MigrationReport;
use stopover_model::{Direction, Event, EventSink, Facts, Finding, Plan};

use crate::apply::{Company, checked, on_disk, ready_ledger};
use crate::lock::Locked;
use crate::steps::{Progress, Work, steps};
use crate::{Ending, EngineError, Request, Safeguards};

/// Where it is told what becomes of the migrations.
pub(crate) struct Told<'a> {
    pub(crate) taken_back: &'a mut [MigrationReport],
    pub(crate) migrations: &'a mut [MigrationReport],
    pub(crate) findings: &'a mut Vec<Finding>,
}

/// Runs the plan's down scripts, and its steps where those went well.
pub(crate) async fn run_plan<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    (plan, facts, request): (&Plan, &Facts, &Request<'_>),
    company: Company<'_>,
    told: Told<'_>,
    sink: &mut dyn EventSink,
) -> Result<Ending, EngineError> {
    let Told { taken_back, migrations, findings } = told;
    if !plan.downs.is_empty() {
        let mut progress = Progress { migrations: taken_back, findings };
        let work = (plan, facts, request);
        let safeguards = company.safeguards;
        let ending = take_back(backend, locked, work, safeguards, &mut progress, sink).await?;
        if !matches!(ending, Ending::Complete) {
            return Ok(ending);
        }
    }
    let direction = Direction::Up;
    sink.emit(Event::plan_ready(plan, direction));
    let Some(first) = plan.steps.first() else { return Ok(Ending::Complete) };
    ready_ledger(locked, facts).await?;
    // Decisions are kept once, with what is run first.
    if plan.downs.is_empty() {
        company.safeguards.record(locked, first).await?;
    }
    let work = Work { plan, request, direction, beside: company.beside, reason: None };
    let mut progress = Progress { migrations, findings };
    let ending = steps(backend, locked, &work, &mut progress, sink).await;
    let ending = on_disk(locked, ending, progress.findings).await;
    Ok(checked(locked, request, ending, progress.findings).await)
}

/// Runs the down scripts of what is dirty, before anything else. A failure leaves the rest as it is.
async fn take_back<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    (plan, facts, request): (&Plan, &Facts, &Request<'_>),
    safeguards: &Safeguards<'_>,
    progress: &mut Progress<'_>,
    sink: &mut dyn EventSink,
) -> Result<Ending, EngineError> {
    ready_ledger(locked, facts).await?;
    let ledger = locked.ledger().clone();
    locked.session().create_journal(&ledger).await?;
    if let Some(first) = plan.downs.first() {
        safeguards.record(locked, first).await?;
    }
    let downs = Plan {
        ledger: plan.ledger,
        heals: Vec::new(),
        downs: Vec::new(),
        steps: plan.downs.clone(),
        findings: Vec::new(),
    };
    let direction = Direction::Down;
    sink.emit(Event::plan_ready(&downs, direction));
    let reason = safeguards.taking_back.as_deref();
    let work = Work { plan: &downs, request, direction, beside: None, reason };
    let ending = steps(backend, locked, &work, progress, sink).await;
    let ending = on_disk(locked, ending, progress.findings).await;
    if let Ending::Failed { failed, .. } = &ending {
        let version = &failed.version;
        progress.findings.push(Finding::error(
            "dirty",
            version.to_string(),
            format!("the down script of migration {version} failed: the migration is still dirty"),
            format!(
                "look at what it left; correct the down script and run the command again, or settle \
                 it by hand: `stopover repair applied {version}`, `stopover repair pending {version}`"
            ),
        ));
    }
    Ok(ending)
}
