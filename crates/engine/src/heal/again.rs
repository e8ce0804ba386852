//! Running applied migrations again: each one transaction with its row and its journal line.

use stopover_backend::{BackendError, Durability, JournalNote, LockKept, Session};
use stopover_model::{DatabaseError, Direction, Finding, Silent, StatementError};

use crate::lock::Locked;
use crate::place::located;
use crate::step::{StepContext, StepEnd, carry_out, untouched};
use crate::{EngineError, Request};

use super::{Rerun, note};

/// Runs all of them again on the target, ascending by version.
pub(super) async fn all<S: Session>(
    locked: &mut Locked<S>,
    reruns: &[Rerun<'_>],
    proven: &str,
    request: &Request<'_>,
) -> Result<(), EngineError> {
    for (at, rerun) in reruns.iter().enumerate() {
        let note = note(rerun.heal, proven);
        if let Err(error) = once(locked, rerun, &note, request).await? {
            let before: Vec<String> =
                reruns[..at].iter().map(|it| it.heal.version.to_string()).collect();
            return Err(EngineError::Refused(vec![failed(rerun, &error, &before)]));
        }
    }
    Ok(())
}

/// Runs one again, and leaves nothing of it in the session. The inner error is the server's: it is
/// rolled back then.
pub(super) async fn once<S: Session>(
    locked: &mut Locked<S>,
    rerun: &Rerun<'_>,
    note: &JournalNote,
    request: &Request<'_>,
) -> Result<Result<(), StatementError>, EngineError> {
    let ledger = locked.ledger().clone();
    let context = StepContext {
        ledger: &ledger,
        limits: &request.limits,
        stop: &request.stop,
        next: None,
        durability: Durability::AtOnce,
        direction: Direction::Up,
        again: Some(note),
    };
    let mut report = untouched(rerun.step);
    let session = locked.session();
    let end = carry_out(session, rerun.step, &context, &mut report, &mut Silent).await;
    let ended = match end {
        StepEnd::Applied => Ok(()),
        StepEnd::Failed { statement, error, .. } => {
            let statement = statement.and_then(|at| rerun.step.statements.get(at));
            Err(located(rerun.step, statement.or(rerun.step.statements.last()), &error))
        }
        StepEnd::Stopped(signal) => return Err(EngineError::Stopped(signal)),
        // The next run reads whether it is committed: there is the old state, or the new one.
        StepEnd::Lost(error) | StepEnd::CommitUnknown(error) => {
            return Err(EngineError::Backend(error));
        }
    };
    session.rollback().await?;
    session.reset().await?;
    if let LockKept::Gone(_) = locked.keep().await? {
        return Err(EngineError::Backend(BackendError::Lost(format!(
            "migration {} freed the run lock, and another runner has it now",
            rerun.heal.version
        ))));
    }
    Ok(ended)
}

fn failed(rerun: &Rerun<'_>, error: &StatementError, before: &[String]) -> Finding {
    let version = &rerun.heal.version;
    let others = match before {
        [] => "nothing is changed".to_owned(),
        some => format!("healed before it: {}", stopover_model::detail_list(some)),
    };
    Finding::error(
        "modified",
        version.to_string(),
        format!(
            "re-running {version} failed, though it went well on a copy, and was rolled back; \
             {others}: {} at {}:{}:{}",
            error.headline(),
            error.file,
            error.line,
            error.column
        ),
        "settle what the server says, and run the command again",
    )
}

/// What an error of the backend's says, where it is no server's.
pub(super) fn in_words(error: BackendError) -> String {
    let error: DatabaseError = error.into_database_error();
    error.message
}
