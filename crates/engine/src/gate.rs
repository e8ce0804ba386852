//! The gate between a plan and its first step: whether a rehearsal lets it through.
//!
//! It stands where the plan is made, under the run lock: what is judged is the plan that is carried
//! out, and the ledger that it was made from.

use jiff::Timestamp;
use stopover_backend::Backend;
use stopover_checks::{Asked, prediction, receipt};
use stopover_model::report::Safeguard;
use stopover_model::{
    EventSink, Facts, Finding, Grounds, HealMode, Plan, Policy, ReceiptSeen, Severity,
};

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

/// Lets a plan through, or says everything that forbids it.
///
/// # Errors
/// Where a rehearsal is required and none fits.
pub(crate) fn pass(
    plan: &Plan,
    facts: &Facts,
    request: &Request<'_>,
) -> Result<Passed, Vec<Finding>> {
    if plan.steps.is_empty() {
        return Ok(Passed::default());
    }
    let grounds = Grounds::of(hash(plan, facts, request), facts);
    let gate = &request.gate;
    let read = gate.receipts.read();
    let findings = gate.requirement.as_ref().map_or_else(Vec::new, |requirement| {
        let (signatures, now) = (gate.signatures, Timestamp::now());
        receipt(&Asked { plan, grounds: &grounds, requirement, signatures, now }, &read)
    });
    if findings.iter().any(Finding::is_error) {
        return Err(findings);
    }
    let receipt = prediction(&grounds, gate.signatures, &read).cloned();
    Ok(Passed { grounds: Some(grounds), receipt, findings })
}

/// Lets a plan through that was rehearsed as it must be. One that was not is refused by the preflight,
/// which tells of it among everything else that it finds; a decision that lifts the preflight lifts
/// this as well.
pub(crate) async fn through<B: Backend>(
    backend: &B,
    (plan, facts): (&Plan, &Facts),
    request: &Request<'_>,
    safeguards: &Safeguards<'_>,
    sink: &mut dyn EventSink,
) -> Result<Passed, EngineError> {
    let findings = match pass(plan, facts, request) {
        Ok(passed) => return Ok(passed),
        Err(findings) => findings,
    };
    if safeguards.lifts(Safeguard::Preflight) {
        return Ok(overridden(plan, facts, request, findings));
    }
    if safeguards.preflight.is_some() {
        safeguards.look(backend, request, plan, sink).await?;
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
