//! The gate between a plan and its first step: whether a rehearsal lets it through.
//!
//! It stands where the plan is made, under the run lock: what is judged is the plan that is carried
//! out, and the ledger that it was made from.

use jiff::Timestamp;
use stopover_backend::{Backend, Session};
use stopover_checks::{Asked, prediction, receipt};
use stopover_model::harness::Fact;
use stopover_model::report::Safeguard;
use stopover_model::{
    EventSink, Facts, Finding, Grounds, HealMode, Plan, Policy, ReceiptSeen, RehearsedSchema,
    Severity,
};

use crate::harness::KnownSchema;
use crate::statement::unless_stopped;
use crate::{EngineError, Request, Safeguards};

/// A plan that may be carried out, as far as rehearsals are concerned.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// What it was made from; `None` where nothing is to do.
    pub(crate) grounds: Option<Grounds>,
    /// The receipt of its rehearsal, where one is at hand.
    pub(crate) receipt: Option<ReceiptSeen>,
    /// Warnings.
    pub(crate) findings: Vec<Finding>,
}

/// Lets a plan through, or says everything that forbids it: where a rehearsal is required and none
/// fits. The target's schema is asked for where there is a receipt to compare it with.
///
/// # Errors
/// Where the session is lost, and where a signal asks to stop.
pub(crate) async fn pass<S: Session>(
    session: &mut S,
    (plan, facts): (&Plan, &Facts),
    request: &Request<'_>,
    known: &mut KnownSchema,
) -> Result<Result<Passed, Vec<Finding>>, EngineError> {
    if plan.steps.is_empty() && plan.downs.is_empty() {
        return Ok(Ok(Passed::default()));
    }
    let grounds = Grounds::of(hash(plan, facts, request), facts);
    let gate = &request.gate;
    let read = gate.receipts.read();
    let mut findings = Vec::new();
    if let Some(requirement) = &gate.requirement {
        let schema = match read.seen.is_empty() {
            true => Fact::NotHere,
            false => schema(session, request, known).await?,
        };
        let (grounds, schema) = (&grounds, &schema);
        let (signatures, now) = (gate.signatures, Timestamp::now());
        findings = receipt(&Asked { plan, grounds, schema, requirement, signatures, now }, &read);
    }
    if findings.iter().any(Finding::is_error) {
        return Ok(Err(findings));
    }
    let receipt = prediction(&grounds, gate.signatures, &read).cloned();
    Ok(Ok(Passed { grounds: Some(grounds), receipt, findings }))
}

/// The schema as a receipt has it, or why it could not be read.
async fn schema<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    known: &mut KnownSchema,
) -> Result<Fact<RehearsedSchema>, EngineError> {
    let canceller = session.canceller();
    let reading = Box::pin(known.read(session, &request.facts));
    let read = unless_stopped(&canceller, reading, &request.stop).await;
    Ok(read.map_err(EngineError::Stopped)??.map(RehearsedSchema::of))
}

/// Lets a plan through that was rehearsed as it must be. One that was not is refused by the preflight,
/// which tells of it among everything else that it finds; a decision that lifts the preflight lifts
/// this as well.
pub(crate) async fn through<B: Backend>(
    (backend, session): (&B, &mut B::Session),
    (plan, facts): (&Plan, &Facts),
    request: &Request<'_>,
    (safeguards, known): (&Safeguards<'_>, &mut KnownSchema),
    sink: &mut dyn EventSink,
) -> Result<Passed, EngineError> {
    let findings = match pass(session, (plan, facts), request, known).await? {
        Ok(passed) => return Ok(passed),
        Err(findings) => findings,
    };
    if safeguards.lifts(Safeguard::Preflight) {
        return Ok(overridden(plan, facts, request, findings));
    }
    if safeguards.preflight.is_some() {
        safeguards.look(backend, request, plan, known, sink).await?;
    }
    Err(EngineError::Refused(findings))
}

/// Of a plan that somebody has decided to carry out all the same: what stands against it is told as a
/// warning.
fn overridden(plan: &Plan, facts: &Facts, request: &Request<'_>, findings: Vec<Finding>) -> Passed {
    let warning = |it: Finding| Finding { severity: Severity::Warning, ..it };
    Passed {
        grounds: Some(Grounds::of(hash(plan, facts, request), facts)),
        receipt: None,
        findings: findings.into_iter().map(warning).collect(),
    }
}

/// The hash that the plan has on the target. On a scratch nothing is healed, and what would be is
/// part of the target's plan.
fn hash(plan: &Plan, facts: &Facts, request: &Request<'_>) -> String {
    if request.policy.heal.mode != HealMode::Report {
        return plan.hash();
    }
    let mut policy: Policy = request.policy.clone();
    policy.heal.mode = HealMode::Heal;
    let planned = stopover_planner::plan(request.source, facts, &policy, &request.selection);
    planned.as_ref().unwrap_or(plan).hash()
}
