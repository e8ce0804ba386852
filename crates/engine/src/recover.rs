//! Reads the facts, and finds out what became of migrations that were interrupted.

use stopover_backend::{BackendError, FactsRequest, LedgerId, Session, UnitLimits};
use stopover_model::{
    Facts, PlannedStatement, Recovery, RowState, SourceSet, StatementState, Step,
};
use stopover_planner::{interrupted_step, question, verdict};

use crate::fingerprints;

/// Everything that the planner needs to know. Reads only.
pub(crate) async fn facts<S: Session>(
    session: &mut S,
    request: &FactsRequest,
    source: &SourceSet,
) -> Result<Facts, BackendError> {
    let mut facts = session.facts(request).await?;
    fingerprints::compare(source, &mut facts);
    let dirty = |row: &&stopover_model::LedgerRow| matches!(row.state, RowState::Dirty(_));
    let versions: Vec<_> =
        facts.ledger.rows.iter().filter(dirty).map(|row| row.version.clone()).collect();
    if versions.is_empty() {
        return Ok(facts);
    }
    let ledger = session.locate(request).await?;
    for version in versions {
        let step = source.get(&version).and_then(|it| interrupted_step(it, &facts));
        facts.recoveries.extend(match step {
            Some(step) => Some(recovery(session, &ledger, &step).await?),
            None => None,
        });
    }
    Ok(facts)
}

async fn recovery<S: Session>(
    session: &mut S,
    ledger: &LedgerId,
    step: &Step,
) -> Result<Recovery, BackendError> {
    let interrupted = session.interrupted(ledger, &step.version).await?;
    let state = match question(step, &interrupted) {
        Some(statement) => Some(state(session, step, statement).await?),
        None => None,
    };
    Ok(verdict(step, &interrupted, state))
}

/// Asks the catalog, as the session would be when the statement runs: with the script's own
/// settings, a search path above all. They are given up afterwards.
async fn state<S: Session>(
    session: &mut S,
    step: &Step,
    statement: &PlannedStatement,
) -> Result<StatementState, BackendError> {
    session.begin(&UnitLimits::default()).await?;
    let answer = async {
        let earlier = step.statements.iter().take_while(|it| it.index < statement.index);
        for setting in earlier.filter(|it| it.is_session_setting()) {
            session.execute(setting, &mut drop).await?;
        }
        session.state_of(statement).await
    };
    let answer = answer.await;
    session.rollback().await?;
    match answer {
        // A setting that the server refuses now leaves the question open.
        Err(BackendError::Refused(error)) => Ok(StatementState::Unknown(error.message)),
        other => other,
    }
}
