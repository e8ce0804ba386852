//! The proof before a rerun: the same on a copy of the target, and nothing is another then.
//!
//! A migration that was harmless to repeat when it was written is so no more once later ones have
//! built on what it made. Its text cannot tell; production's own data can.

use stopover_backend::{
    Backend, BackendError, Census, CensusDepth, CensusScope, CopyError, Execute, FactsReader,
    GuardedTable, Privileges, Session, TargetCopy, UnitLimits,
};
use stopover_model::{
    DatabaseKind, Event, EventSink, Facts, Finding, Schema, StatementError, Version,
};
use stopover_planner::{Inventory, rerun_changes, unproven_privileges};

use crate::lock::Locked;
use crate::step::again::{Again, Ground};
use crate::{EngineError, Request};

use super::again::{Once, in_words, once};
use super::{Rerun, note, ready_journal};

/// That the reruns change nothing.
pub(super) struct Proof {
    /// What was looked at, and is to be looked at on the target.
    pub(super) scope: CensusScope,
    /// The tables that each of them wrote to.
    pub(super) written: Vec<Vec<GuardedTable>>,
    /// On what, and how much of it: for the journal.
    pub(super) told: String,
    /// What else was found on the way: no errors.
    pub(super) findings: Vec<Finding>,
}

/// Carries the reruns out on a copy, and compares everything before and after each.
pub(super) async fn prove<B: Backend>(
    backend: &B,
    target: &mut Locked<B::Session>,
    reruns: &[Rerun<'_>],
    facts: &Facts,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Proof, EngineError> {
    for rerun in reruns {
        let version = &rerun.heal.version;
        let message = format!("migration {version} is run again on a copy of the target first");
        sink.emit(Event::Found(Finding::note("proof", version.to_string(), message, "")));
    }
    let scope = scope(target, request, facts.database).await?;
    let schema = target.session().schema(&scope).await?;
    // A session that is about to work may wait for as long as the copy takes; one that has only
    // read is as impatient as its server lets it be.
    target.session().limit(&UnitLimits::default()).await?;
    let copy = match backend.copy(&request.stop, sink).await {
        Ok(copy) => copy,
        Err(CopyError::Stopped(signal)) => return Err(EngineError::Stopped(signal)),
        Err(CopyError::Impossible { message, remedy }) => {
            return Err(EngineError::Refused(unproven(reruns, &message, &remedy)));
        }
    };
    let ended = tokio::select! {
        ended = Box::pin(on_copy(&copy, &schema, reruns, facts, request, sink)) => ended,
        signal = request.stop.wait() => Err(EngineError::Stopped(signal)),
    };
    let findings = copy.discard().await;
    let (told, written) = ended?;
    Ok(Proof { scope, written, told, findings })
}

async fn on_copy<B: Backend>(
    copy: &TargetCopy<B>,
    target: &Schema,
    reruns: &[Rerun<'_>],
    facts: &Facts,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<(String, Vec<Vec<GuardedTable>>), EngineError> {
    let broken = |error: EngineError| match error {
        EngineError::Backend(error) => {
            let message = format!("{}: {}", copy.described, in_words(error));
            EngineError::Refused(unproven(reruns, &message, "run the command again"))
        }
        other => other,
    };
    let mut locked = open(copy, request, sink).await.map_err(broken)?;
    let kind = facts.database;
    let role = locked.session().facts(&request.facts).await.map_err(|it| broken(it.into()))?.role;
    let first = inventory(&mut locked, request, kind).await.map_err(|it| broken(it.into()))?;
    let scope = scope(&mut locked, request, kind).await.map_err(|it| broken(it.into()))?;
    let mut written = Vec::with_capacity(reruns.len());
    for rerun in reruns {
        let version = &rerun.heal.version;
        let note = note(rerun.heal, "on a copy");
        let again = Again::new(&note, &scope, Ground::Copy);
        let ended = Box::pin(once(&mut locked, rerun, again, request)).await.map_err(broken)?;
        written.push(proven(version, ended)?);
        let now = inventory(&mut locked, request, kind).await.map_err(|it| broken(it.into()))?;
        let changes = rerun_changes(version, &first, &now, request.source, facts);
        if !changes.is_empty() {
            return Err(not_as_it_was(version, changes));
        }
        let again = unproven_privileges(&first, &now, target, role == facts.role);
        if !again.is_empty() {
            let finding = refused(version, unseen(version, &again, &role));
            return Err(EngineError::Refused(vec![finding]));
        }
    }
    locked.release().await;
    let told = format!(
        "proven on {}: the schema, and {} in {}, are the same before and after",
        copy.described,
        counted(first.rows(), "row"),
        counted(first.tables.len() as u64, "table"),
    );
    Ok((told, written))
}

/// What a rerun that went well on the copy wrote to.
fn proven(version: &Version, ended: Once) -> Result<Vec<GuardedTable>, EngineError> {
    match ended {
        Once::Failed(error) => {
            let message = failed(version, &error);
            Err(EngineError::Refused(vec![refused(version, message)]))
        }
        Once::Done(tables) | Once::Unguarded(tables) => Ok(tables),
        Once::Changed(changes, _) => Err(not_as_it_was(version, changes)),
    }
}

/// Refuses a rerun that changed something.
fn not_as_it_was(version: &Version, changes: Vec<String>) -> EngineError {
    let findings = changes.into_iter().map(|it| refused(version, it));
    EngineError::Refused(findings.collect())
}

fn failed(version: &Version, error: &StatementError) -> String {
    format!(
        "re-running {version} fails on a copy: {} at {}:{}:{}",
        error.headline(),
        error.file,
        error.line,
        error.column
    )
}

fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A session on the copy, with everything that a heal makes for itself in place.
async fn open<B: Backend>(
    copy: &TargetCopy<B>,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Locked<B::Session>, EngineError> {
    let mut locked = crate::apply::open(&copy.backend, request, sink).await?;
    ready_journal(&mut locked).await?;
    Ok(locked)
}

/// What a rerun makes again on a copy where owners and grants are not those of the target.
fn unseen(version: &Version, again: &[String], role: &str) -> String {
    format!(
        "re-running {version} would drop and make again {}, and the copy does not show who would \
         own it on the target and what would be granted on it: there, {role} runs it, or roles of \
         the target are missing",
        stopover_model::detail_list(again)
    )
}

/// Everything but the ledger in use and its journal: those of other tools, and of other services
/// in the same database, are to stay as they are like any other table.
async fn scope<S: Session>(
    locked: &mut Locked<S>,
    request: &Request<'_>,
    database: DatabaseKind,
) -> Result<CensusScope, BackendError> {
    let ledger = locked.ledger().clone();
    let CensusScope { mut except, .. } = locked.session().bookkeeping(&request.facts).await?;
    except.retain(|(schema, table)| {
        // SQLite has no schemas: only the name counts there.
        let here = database == DatabaseKind::Sqlite || *schema == ledger.schema;
        (here && *table == ledger.table) || table.ends_with("migration_journal")
    });
    // A table that is made again has lost what was granted on it.
    Ok(CensusScope { except, privileges: Privileges::Included })
}

async fn inventory<S: Session>(
    locked: &mut Locked<S>,
    request: &Request<'_>,
    database: DatabaseKind,
) -> Result<Inventory, BackendError> {
    let scope = scope(locked, request, database).await?;
    let session = locked.session();
    let schema = session.schema(&scope).await?;
    let tables = session.tables(&scope, CensusDepth::Digests).await?;
    let marks = session.marks(&scope).await?;
    Ok(Inventory { schema, tables, marks })
}

fn refused(version: &Version, message: String) -> Finding {
    Finding::error(
        "modified",
        version.to_string(),
        message,
        format!(
            "nothing was changed; take {version} off the list of idempotent migrations, restore \
             its file as it was applied, and make the change in a new migration; an edit that \
             changes nothing is recorded by `stopover repair accept {version}`"
        ),
    )
}

/// The refusal of every rerun where there is no proof.
fn unproven(reruns: &[Rerun<'_>], reason: &str, remedy: &str) -> Vec<Finding> {
    let finding = |rerun: &Rerun<'_>| {
        let version = &rerun.heal.version;
        Finding::error(
            "modified",
            version.to_string(),
            format!(
                "migration {version} was previously applied but has been modified (class: {}), \
                 and is not run again without a proof on a copy: {reason}",
                rerun.heal.class
            ),
            format!(
                "{remedy}; or restore {} as it was applied, or record the edit with `stopover \
                 repair accept {version}`",
                rerun.heal.path
            ),
        )
    };
    reruns.iter().map(finding).collect()
}
