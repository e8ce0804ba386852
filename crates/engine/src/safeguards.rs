//! What stands around the steps of an apply: preflight and backup before the first, postflight after
//! the last. A rollback has the backup.
//!
//! All of it happens under the run lock, around one plan: what preflight has judged, and what the
//! backup was made before, is what is carried out. A backup takes its time, and who does not ask
//! for our lock can write meanwhile: the plan is made again behind it, and must be the same.

mod end;

use std::time::Duration;

use stopover_backend::{
    Backed, Backend, BackendError, BackupFailure, BackupMaker, JournalNote, LockKept, NoteEvent,
    Session,
};
use stopover_model::harness::{PostflightLimits, PreflightLimits, Unread};
use stopover_model::report::{BackupMade, Override, PostflightReport, PreflightReport, Safeguard};
use stopover_model::{CheckStage, Direction, Event, EventSink, Finding, Plan, Step};

use crate::harness::{self, Before, KnownSchema, Preflight};
use crate::lock::{Locked, freed};
use crate::{EngineError, Request};

/// How often the run lock is looked after while a backup is made: a server may end sessions that
/// are idle.
const LOOK_AFTER: Duration = Duration::from_secs(10);

/// What stands around the steps; nothing by default, as in a rehearsal.
#[derive(Debug, Default)]
pub struct Safeguards<'a> {
    /// How the target is looked at before; `None`: it is not.
    pub preflight: Option<Preflight>,
    /// Who makes the backup; `None`: none is made.
    pub backup: Option<&'a dyn BackupMaker>,
    /// How the target is looked at afterwards; `None`: it is not.
    pub postflight: Option<PostflightLimits>,
    /// Decisions that lift one of them, for the report and the journal.
    pub overrides: Vec<Override>,
    /// Who asked that down scripts of dirty migrations are run, and why: kept in the journal.
    pub taking_back: Option<String>,
}

/// What the safeguards came to.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// What was found before.
    pub preflight: Option<PreflightReport>,
    /// The backup.
    pub backup: Option<BackupMade>,
    /// What was found afterwards.
    pub postflight: Option<PostflightReport>,
    /// Decisions that lifted one of them.
    pub overrides: Vec<Override>,
    /// What was found on the way.
    pub(crate) findings: Vec<Finding>,
    before: Option<Before>,
}

impl Safeguards<'_> {
    /// Whether a decision lifts this one.
    pub(crate) fn lifts(&self, safeguard: Safeguard) -> bool {
        self.overrides.iter().any(|it| it.safeguard == safeguard)
    }

    /// Whether there is any.
    pub(crate) fn stand(&self) -> bool {
        self.preflight.is_some() || self.backup.is_some() || self.postflight.is_some()
    }

    /// What is known before anybody looked.
    pub(crate) fn unlooked(&self) -> Around {
        Around { overrides: self.overrides.clone(), ..Around::default() }
    }

    /// What is known of the target's schema before anybody looked.
    pub(crate) fn unread_schema(&self) -> KnownSchema {
        let asked = self.preflight.as_ref().map(|it| it.limits.fact_timeout);
        KnownSchema::unread(asked.unwrap_or_else(|| PreflightLimits::default().fact_timeout))
    }

    /// Looks at the target before an apply of `plan`.
    pub(crate) async fn look<B: Backend>(
        &self,
        backend: &B,
        request: &Request<'_>,
        plan: &Plan,
        known: &mut KnownSchema,
        sink: &mut dyn EventSink,
    ) -> Result<Around, EngineError> {
        let mut around = self.unlooked();
        if let Some(asked) = &self.preflight {
            let looking = harness::preflight_knowing(backend, request, asked, known);
            let report = Box::pin(looking).await?;
            sink.emit(checked(CheckStage::Preflight, report.preflight_passed, &report.findings));
            if !report.preflight_passed && !self.lifts(Safeguard::Preflight) {
                return Err(EngineError::Preflight(Box::new(report)));
            }
            if report.plan_hash.as_ref().is_some_and(|it| *it != plan.hash()) {
                return Err(EngineError::Refused(vec![changed("the preflight")]));
            }
            around.preflight = Some(report);
        }
        Ok(around)
    }

    /// Counts what is there, for the postflight. Behind the backup: what is locked for long has
    /// ended that within its own time. What cannot be counted could not be missed afterwards:
    /// nothing is run then, unless the preflight is overridden.
    pub(crate) async fn count<B: Backend>(
        &self,
        backend: &B,
        request: &Request<'_>,
        (plan, direction): (&Plan, Direction),
        around: &mut Around,
    ) -> Result<(), EngineError> {
        let Some(limits) = &self.postflight else { return Ok(()) };
        let before = harness::before(backend, request, limits, (plan, direction));
        let before = Box::pin(before).await?;
        if let Some(why) = before.uncounted() {
            let finding = uncounted(why, self.lifts(Safeguard::Preflight));
            if finding.is_error() {
                return Err(EngineError::Refused(vec![finding]));
            }
            around.findings.push(finding);
        }
        around.before = Some(before);
        Ok(())
    }

    /// The same before a rollback. What cannot be counted is an error of the report, and stops
    /// nothing: the way back must be open, and the backup has everything.
    pub(crate) async fn count_before_rollback<B: Backend>(
        &self,
        backend: &B,
        request: &Request<'_>,
        plan: &Plan,
        around: &mut Around,
    ) -> Result<(), EngineError> {
        let Some(limits) = &self.postflight else { return Ok(()) };
        let before = harness::before(backend, request, limits, (plan, Direction::Down));
        around.before = Some(Box::pin(before).await?);
        Ok(())
    }

    /// Makes the backup. The run lock is ours all the while.
    pub(crate) async fn back_up<S: Session>(
        &self,
        locked: &mut Locked<S>,
        request: &Request<'_>,
        around: &mut Around,
        sink: &mut dyn EventSink,
    ) -> Result<(), EngineError> {
        let Some(maker) = self.backup else { return Ok(()) };
        let mut making = maker.make(&request.stop, sink);
        let mut tick = tokio::time::interval(LOOK_AFTER);
        let made = loop {
            tokio::select! {
                made = &mut making => break made,
                _ = tick.tick() => ours(locked.keep().await)?,
            }
        };
        drop(making);
        match made {
            Ok(Backed { made, findings }) => {
                around.backup = made;
                around.findings.extend(findings);
                ours(locked.keep().await)
            }
            Err(BackupFailure::Stopped(signal)) => Err(EngineError::Stopped(signal)),
            Err(BackupFailure::Impossible { message, remedy, findings }) => {
                let preflight = around.preflight.take().map(Box::new);
                Err(EngineError::NoBackup { message, remedy, findings, preflight })
            }
        }
    }

    /// Writes the decisions into the journal: whoever reads it later finds who decided, and why.
    pub(crate) async fn record<S: Session>(
        &self,
        locked: &mut Locked<S>,
        step: &Step,
    ) -> Result<(), EngineError> {
        let ledger = locked.ledger().clone();
        if self.overrides.is_empty() {
            return Ok(());
        }
        let session = locked.session();
        // Beside a ledger of another tool's there may be none yet.
        session.create_journal(&ledger).await?;
        for decision in &self.overrides {
            let note = JournalNote {
                event: NoteEvent::Overridden(decision.safeguard),
                version: step.version.clone(),
                name: step.name.clone(),
                before: None,
                after: None,
                reason: Some(decision.told()),
                script: None,
            };
            session.note(&ledger, &note).await?;
        }
        Ok(())
    }
}

/// That the plan is another one than that which was judged.
pub(crate) fn changed(meanwhile: &str) -> Finding {
    Finding::error(
        "plan-changed",
        "the plan",
        format!("somebody changed the ledger, or the source, during {meanwhile}: nothing was run"),
        "see who writes the ledger without the run lock, then run the command again",
    )
}

/// That rows could not be counted before the first statement.
fn uncounted(why: &Unread, is_lifted: bool) -> Finding {
    let message = format!("could not be counted: {}", why.why);
    let remedy = format!(
        "{}; nothing was run. To go on without knowing whether rows are lost: --force --reason",
        why.remedy
    );
    if is_lifted {
        Finding::warning("census", "rows", message, "what was lost cannot be told afterwards")
    } else {
        Finding::error("census", "rows", message, remedy)
    }
}

fn checked(stage: CheckStage, passed: bool, findings: &[Finding]) -> Event {
    let errors = findings.iter().filter(|it| it.is_error()).cloned().collect();
    Event::Checked { stage, passed, errors }
}

fn ours(kept: Result<LockKept, BackendError>) -> Result<(), EngineError> {
    match kept? {
        LockKept::Held => Ok(()),
        LockKept::TakenAgain | LockKept::Gone(_) => {
            let finding = freed("somebody");
            Err(EngineError::Backend(BackendError::Overtaken(finding.message)))
        }
    }
}
