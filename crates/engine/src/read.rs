//! Reading without writing: `status` and `plan`.

use std::time::Duration;

use stopover_backend::{Backend, Session};
use stopover_model::harness::{Fact, PreflightLimits};
use stopover_model::report::{LedgerEntry, PlanReport, SCHEMA_VERSION, StatusReport};
use stopover_model::{Facts, Finding, Plan, TOOL_VERSION};

use crate::harness::{KnownSchema, in_time};
use crate::{EngineError, Request, adopt, gate, heal, recover};

/// Applied, pending and drift, everything at once. Takes no lock and writes nothing.
///
/// # Errors
/// Where the database cannot be reached or read.
pub async fn status<B: Backend>(
    backend: &B,
    request: &Request<'_>,
) -> Result<StatusReport, EngineError> {
    let (facts, foreseen) = facts(backend, request).await?;
    let mut judged = stopover_planner::judge(request.source, &facts, request.policy);
    judged.findings.extend(foreseen);
    Ok(StatusReport {
        schema_version: SCHEMA_VERSION,
        tool_version: TOOL_VERSION.to_owned(),
        database: facts.database,
        ledger: LedgerEntry { kind: facts.ledger.kind, table: facts.ledger.table },
        applied: judged.applied,
        pending: judged.pending,
        drift: judged.drift,
        healed: facts.healed,
        findings: judged.findings,
    })
}

/// What an apply would do, or every reason why it would refuse. Takes no lock, writes nothing.
///
/// # Errors
/// Where the database cannot be reached or read.
pub async fn plan<B: Backend>(
    backend: &B,
    request: &Request<'_>,
) -> Result<PlanReport, EngineError> {
    let reading = async {
        let mut session = backend.connect().await?;
        plan_in(&mut session, request).await
    };
    tokio::select! {
        read = reading => read,
        signal = request.stop.wait() => Err(EngineError::Stopped(signal)),
    }
}

/// The same in a session.
pub(crate) async fn plan_in<S: Session>(
    session: &mut S,
    request: &Request<'_>,
) -> Result<PlanReport, EngineError> {
    let (facts, foreseen) = seen(session, request).await?;
    let planned = planned(session, &facts, request).await?;
    let table = &facts.ledger.table;
    Ok(match planned {
        Ok(mut plan) => {
            plan.findings.extend(foreseen);
            PlanReport::of_plan(&plan, facts.database, table)
        }
        Err(problems) => {
            PlanReport::of_problems(facts.database, facts.ledger.kind, table, problems)
        }
    })
}

/// The plan, with what the gate says to it; or every reason why there is none.
async fn planned<S: Session>(
    session: &mut S,
    facts: &Facts,
    request: &Request<'_>,
) -> Result<Result<Plan, Vec<Finding>>, EngineError> {
    let planned = stopover_planner::plan(request.source, facts, request.policy, &request.selection);
    let mut plan = match planned {
        Ok(plan) => plan,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut known = KnownSchema::unread(PreflightLimits::default().fact_timeout);
    let passed = Box::pin(gate::pass(session, (&plan, facts), request, &mut known)).await?;
    Ok(passed.map(|passed| {
        plan.findings.extend(passed.findings);
        plan
    }))
}

/// The facts as an apply would see them, and what it would take over first.
pub(crate) async fn facts<B: Backend>(
    backend: &B,
    request: &Request<'_>,
) -> Result<(Facts, Option<Finding>), EngineError> {
    let reading = async {
        let mut session = backend.connect().await?;
        seen(&mut session, request).await
    };
    tokio::select! {
        facts = reading => facts,
        signal = request.stop.wait() => Err(EngineError::Stopped(signal)),
    }
}

/// The same in a session.
async fn seen<S: Session>(
    session: &mut S,
    request: &Request<'_>,
) -> Result<(Facts, Option<Finding>), EngineError> {
    let mut facts = recover::facts(session, &request.facts, request.source).await?;
    heal::edits(session, request, &mut facts).await?;
    let foreseen = adopt::foresee(session, request, &mut facts).await?;
    Ok((facts, foreseen.as_ref().map(adopt::told)))
}

/// The same within a time; what the server refuses to say is a fact that was not read.
pub(crate) async fn within<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    limit: Duration,
) -> Result<Fact<(Facts, Option<Finding>)>, EngineError> {
    let canceller = session.canceller();
    let mut failed = None;
    let reading = async {
        match seen(session, request).await {
            Ok(seen) => Ok(Some(seen)),
            Err(EngineError::Backend(error)) => Err(error),
            // No refusal of the server's: told as it is.
            Err(other) => {
                failed = Some(other);
                Ok(None)
            }
        }
    };
    let read = in_time(&canceller, limit, reading).await?;
    match (failed, read) {
        (Some(failed), _) => Err(failed),
        (None, Fact::Read(Some(seen))) => Ok(Fact::Read(seen)),
        (None, Fact::Unread(unread)) => Ok(Fact::Unread(unread)),
        (None, Fact::Read(None) | Fact::NotHere) => Ok(Fact::NotHere),
    }
}
