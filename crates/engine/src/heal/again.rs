//! Running applied migrations again: each one transaction with its row and its journal line.

use stopover_backend::{BackendError, Durability, GuardedTable, LockKept, Session, Stake};
use stopover_model::{
    DatabaseError, Direction, Facts, Finding, Silent, StatementError, Step, Version,
};
use stopover_planner::{Inventory, rerun_changes};

use crate::lock::Locked;
use crate::place::located;
use crate::step::again::{Again, Doubt, Ground, Seen};
use crate::step::{StepContext, StepEnd, carry_out, untouched};
use crate::{EngineError, Request};

use super::proof::Proof;
use super::{Rerun, note};

/// How often one is tried on the target: a table may be written to that was not on the copy, or
/// somebody may change the schema at the same moment.
const TRIES: usize = 3;

/// What came of one.
pub(super) enum Once {
    /// It was run, wrote to these tables, and changed nothing.
    Done(Vec<GuardedTable>),
    /// The server refused a statement.
    Failed(StatementError),
    /// It wrote to these tables, from which nobody was kept; it is rolled back.
    Unguarded(Vec<GuardedTable>),
    /// It changed this; it is rolled back.
    Changed(Vec<String>, Doubt),
}

/// Runs all of them again on the target, ascending by version.
pub(super) async fn all<S: Session>(
    locked: &mut Locked<S>,
    reruns: &[Rerun<'_>],
    proof: &Proof,
    facts: &Facts,
    request: &Request<'_>,
) -> Result<(), EngineError> {
    for (at, (rerun, written)) in reruns.iter().zip(&proof.written).enumerate() {
        let target = Target { rerun, proof, facts, request };
        if let Err(refusal) = target.heal(locked, written.clone()).await? {
            let before: Vec<String> =
                reruns[..at].iter().map(|it| it.heal.version.to_string()).collect();
            return Err(EngineError::Refused(refusal.findings(rerun, &before)));
        }
    }
    Ok(())
}

/// One, on the target.
struct Target<'a> {
    rerun: &'a Rerun<'a>,
    proof: &'a Proof,
    facts: &'a Facts,
    request: &'a Request<'a>,
}

impl Target<'_> {
    /// Runs it again, while others are kept from what it wrote to on the copy.
    async fn heal<S: Session>(
        &self,
        locked: &mut Locked<S>,
        mut guarded: Vec<GuardedTable>,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let version = &self.rerun.heal.version;
        let compare = |before: &Inventory, after: &Inventory| {
            rerun_changes(version, before, after, self.request.source, self.facts)
        };
        let note = note(self.rerun.heal, &self.proof.told);
        for left in (0..TRIES).rev() {
            let ground = Ground::Target(&guarded, &compare);
            let again = Again::new(&note, &self.proof.scope, ground);
            match Box::pin(once(locked, self.rerun, again, self.request)).await? {
                Once::Done(_) => return Ok(Ok(())),
                Once::Failed(error) => return Ok(Err(Refusal::Failed(Box::new(error)))),
                Once::Changed(changes, doubt) if left == 0 || doubt == Doubt::No => {
                    return Ok(Err(Refusal::Changes(changes)));
                }
                Once::Unguarded(written) if left == 0 => {
                    return Ok(Err(Refusal::Strays(written)));
                }
                Once::Changed(..) => {}
                Once::Unguarded(written) => guarded = merged(guarded, written),
            }
        }
        Ok(Ok(()))
    }
}

/// All of both, by name; the stronger lock, and the greater stake.
fn merged(one: Vec<GuardedTable>, other: Vec<GuardedTable>) -> Vec<GuardedTable> {
    let mut all: Vec<GuardedTable> = Vec::with_capacity(one.len() + other.len());
    for table in one.into_iter().chain(other) {
        match all.iter_mut().find(|it| it.relation == table.relation) {
            Some(known) => {
                known.lock = known.lock.max(table.lock);
                known.stake = known.stake.max(table.stake);
            }
            None => all.push(table),
        }
    }
    all.sort_by(|a, b| a.relation.cmp(&b.relation));
    all
}

/// Runs one again, and leaves nothing of it in the session.
pub(super) async fn once<S: Session>(
    locked: &mut Locked<S>,
    rerun: &Rerun<'_>,
    again: Again<'_>,
    request: &Request<'_>,
) -> Result<Once, EngineError> {
    if !rerun.step.boundary.is_transactional() {
        return Err(unguardable(&rerun.heal.version));
    }
    let ledger = locked.ledger().clone();
    let context = StepContext {
        ledger: &ledger,
        limits: &request.limits,
        stop: &request.stop,
        next: None,
        durability: Durability::AtOnce,
        direction: Direction::Up,
        reason: None,
        again: Some(&again),
    };
    let mut report = untouched(rerun.step);
    let session = locked.session();
    let end = carry_out(session, rerun.step, &context, &mut report, &mut Silent).await;
    let failed = failure(rerun.step, end)?;
    session.rollback().await?;
    session.reset().await?;
    if let LockKept::Gone(_) = locked.keep().await? {
        return Err(EngineError::Backend(BackendError::Lost(format!(
            "migration {} freed the run lock, and another runner has it now",
            rerun.heal.version
        ))));
    }
    Ok(match (failed, again.into_seen()) {
        (None, Seen::Same(written)) => Once::Done(written),
        (_, Seen::Unguarded(written)) => Once::Unguarded(written),
        (_, Seen::Other(changes, doubt)) => Once::Changed(changes, doubt),
        (Some(error), _) => Once::Failed(error),
        (None, Seen::Nothing) => Once::Done(Vec::new()),
    })
}

/// The plan refuses it: nothing would hold others off, and half of it could stay.
fn unguardable(version: &Version) -> EngineError {
    EngineError::Refused(vec![Finding::error(
        "modified",
        version.to_string(),
        "it runs without a transaction, and cannot be run again".to_owned(),
        "restore its file as it was applied",
    )])
}

/// What the server refused, where it came to that.
fn failure(step: &Step, end: StepEnd) -> Result<Option<StatementError>, EngineError> {
    match end {
        StepEnd::Applied => Ok(None),
        StepEnd::Failed { statement, error, .. } => {
            let statement = statement.and_then(|at| step.statements.get(at));
            Ok(Some(located(step, statement.or(step.statements.last()), &error)))
        }
        StepEnd::Stopped(signal) => Err(EngineError::Stopped(signal)),
        // The next run reads whether it is committed: there is the old state, or the new one.
        StepEnd::Lost(error) | StepEnd::CommitUnknown(error) => Err(EngineError::Backend(error)),
    }
}

/// Why one was not run again on the target, though it was proven on a copy.
enum Refusal {
    /// The server refused it.
    Failed(Box<StatementError>),
    /// It would have changed what was written since.
    Changes(Vec<String>),
    /// It wrote to other tables each time.
    Strays(Vec<GuardedTable>),
}

impl Refusal {
    fn findings(self, rerun: &Rerun<'_>, before: &[String]) -> Vec<Finding> {
        let version = &rerun.heal.version;
        let others = match before {
            [] => "nothing is changed".to_owned(),
            some => format!("healed before it: {}", stopover_model::detail_list(some)),
        };
        let finding = |message: String, remedy: &str| {
            Finding::error("modified", version.to_string(), message, remedy)
        };
        match self {
            Self::Failed(error) => vec![finding(
                failed_here(version, &error, &others),
                "settle what the server says, and run the command again",
            )],
            Self::Changes(changes) => {
                let remedy = keeps_nothing(version);
                let told = |it: String| finding(changed_here(&it, &others), &remedy);
                changes.into_iter().map(told).collect()
            }
            Self::Strays(written) => vec![finding(
                strayed(version, written, &others),
                "run the command again when fewer others write",
            )],
        }
    }
}

fn failed_here(version: &Version, error: &StatementError, others: &str) -> String {
    format!(
        "re-running {version} failed, though it went well on a copy, and was rolled back; \
         {others}: {} at {}:{}:{}",
        error.headline(),
        error.file,
        error.line,
        error.column
    )
}

fn changed_here(change: &str, others: &str) -> String {
    format!(
        "{change}: on the copy it changed nothing, and others have written to the target since, or \
         its event triggers do; it was rolled back, and {others}"
    )
}

fn keeps_nothing(version: &Version) -> String {
    format!(
        "take {version} off the list of idempotent migrations: it does not keep what is written \
         meanwhile; restore its file as it was applied, or record the edit with `stopover repair \
         accept {version}`"
    )
}

fn strayed(version: &Version, written: Vec<GuardedTable>, others: &str) -> String {
    let written = written.into_iter().filter(|it| it.stake == Stake::Rows);
    let tables: Vec<String> = written.map(|it| it.relation).collect();
    format!(
        "re-running {version} writes to other tables each time ({}), and was rolled back; {others}",
        stopover_model::detail_list(&tables)
    )
}

/// What an error of the backend's says, where it is no server's.
pub(super) fn in_words(error: BackendError) -> String {
    let error: DatabaseError = error.into_database_error();
    error.message
}
