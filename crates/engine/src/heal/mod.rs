//! Heals the ledger of edits: before the first step of a plan, under the run lock.
//!
//! A restamp rewrites a checksum and runs nothing. A rerun runs a migration again, in one
//! transaction with its row, and only after it changed nothing on a copy of the target; there and
//! then it must change nothing of the target either, where others have gone on writing. The row
//! keeps the time at which it was first applied: that is what a rollback goes by; when it ran
//! again is in the journal.

mod again;
mod proof;
mod recall;

use stopover_backend::{
    Backend, BackendError, JournalNote, LedgerId, NoteEvent, Session, UnitLimits,
};
use stopover_model::{
    EventSink, Facts, Finding, HealKind, HealWay, Healed, Plan, PlannedHeal, Step,
};

use crate::lock::Locked;
use crate::{EngineError, Request};

pub(crate) use recall::edits;

/// A heal that runs something.
struct Rerun<'a> {
    heal: &'a PlannedHeal,
    step: &'a Step,
}

/// Carries out the heals of a plan, and says what was done.
///
/// # Errors
/// Where a proof fails or cannot be made: nothing is changed then, not even the ledger. Where the
/// target refuses what was proven: the heal that failed is rolled back, and the error says which
/// came before it.
pub(crate) async fn heal<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    plan: &Plan,
    facts: &Facts,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Vec<Finding>, EngineError> {
    if plan.heals.is_empty() {
        return Ok(Vec::new());
    }
    let reruns: Vec<Rerun<'_>> = plan.heals.iter().filter_map(Rerun::of).collect();
    let proof = if reruns.is_empty() {
        None
    } else {
        Some(Box::pin(proof::prove(backend, locked, &reruns, facts, request, sink)).await?)
    };
    locked.prove_pinned(backend, &request.stop).await?;
    ready_journal(locked).await?;
    let proven = proof.as_ref().map_or("", |it| it.told.as_str());
    if let Some(proof) = &proof {
        Box::pin(again::all(locked, &reruns, proof, facts, request)).await?;
    }
    restamp(locked, plan).await?;
    let mut findings: Vec<Finding> = plan.heals.iter().map(|it| told(it, proven)).collect();
    findings.extend(proof.into_iter().flat_map(|it| it.findings));
    Ok(findings)
}

impl<'a> Rerun<'a> {
    fn of(heal: &'a PlannedHeal) -> Option<Self> {
        match &heal.way {
            HealWay::Rerun(step) => Some(Self { heal, step }),
            HealWay::Restamp => None,
        }
    }
}

/// A heal that the journal does not tell of would be a silent one.
async fn ready_journal<S: Session>(locked: &mut Locked<S>) -> Result<(), EngineError> {
    let ledger = locked.ledger().clone();
    let session = locked.session();
    session.update_journal(&ledger).await?;
    session.create_journal(&ledger).await.map_err(|error| match error {
        BackendError::Refused(error) => {
            EngineError::Ledger { table: format!("the journal of {}", ledger.table), error }
        }
        other => EngineError::Backend(other),
    })
}

/// All restamps, in one transaction with their journal lines.
async fn restamp<S: Session>(locked: &mut Locked<S>, plan: &Plan) -> Result<(), BackendError> {
    let heals: Vec<&PlannedHeal> =
        plan.heals.iter().filter(|it| it.kind() == HealKind::Restamp).collect();
    if heals.is_empty() {
        return Ok(());
    }
    let ledger = locked.ledger().clone();
    let session = locked.session();
    session.begin(&UnitLimits::default()).await?;
    let written = rewrite(session, &ledger, &heals).await;
    if written.is_err() {
        session.rollback().await?;
        return written;
    }
    session.commit().await
}

async fn rewrite<S: Session>(
    session: &mut S,
    ledger: &LedgerId,
    heals: &[&PlannedHeal],
) -> Result<(), BackendError> {
    for heal in heals {
        session.restamp(ledger, &heal.version, &heal.name, Some(&heal.after)).await?;
        session.note(ledger, &note(heal, "nothing was run")).await?;
    }
    Ok(())
}

/// The journal's line of a heal.
fn note(heal: &PlannedHeal, how: &str) -> JournalNote {
    JournalNote {
        event: NoteEvent::Healed(heal.kind()),
        version: heal.version.clone(),
        name: heal.name.clone(),
        before: Some(heal.before.clone()),
        after: Some(heal.after.clone()),
        reason: Some(Healed::told(heal.class, &format!("{}; {how}", heal.found))),
        script: Some(heal.text.clone()),
    }
}

/// What a log keeps of a heal: one line that says it all.
fn told(heal: &PlannedHeal, proven: &str) -> Finding {
    let PlannedHeal { version, class, .. } = heal;
    let done = match heal.kind() {
        HealKind::Restamp => {
            "it was healed: the ledger has the file's checksum now, and nothing was run".to_owned()
        }
        HealKind::Rerun => {
            format!("it was healed: it was run again ({proven}), and the ledger has its checksum")
        }
    };
    Finding::warning(
        "healed",
        version.to_string(),
        format!(
            "migration {version} was previously applied but has been modified (class: {class}); \
             {done}"
        ),
        format!(
            "{}; nothing is left to do: `stopover status` shows the heal from now on",
            heal.found
        ),
    )
}
