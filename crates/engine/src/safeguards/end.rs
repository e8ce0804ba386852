//! What follows the last step of an apply or a rollback.

use std::collections::BTreeSet;
use std::time::Duration;

use stopover_backend::{Backend, BackendError, Session};
use stopover_model::{CheckStage, EventSink, Facts, Finding, Schema, Version};

use super::{Around, Safeguards, checked};
use crate::harness::{self, Postflight, in_time};
use crate::lock::Locked;
use crate::{Ending, EngineError, Request};

/// How long a run that was asked to stop takes for the schema's fingerprint.
const IN_LEAVING: Duration = Duration::from_secs(3);

impl Safeguards<'_> {
    /// After the last step: looks at the target again, and keeps its fingerprint for the next
    /// preflight. Where the run did not come to its end, the fingerprint alone.
    pub(crate) async fn end<B: Backend>(
        &self,
        backend: &B,
        locked: &mut Locked<B::Session>,
        request: &Request<'_>,
        (around, ending): (&mut Around, Ending),
        sink: &mut dyn EventSink,
    ) -> Ending {
        if self.is_left(locked, request, (around, &ending)).await {
            return ending;
        }
        let looked = async {
            let schema = match &ending {
                Ending::Complete => self.look_back(backend, locked, request, around, sink).await?,
                _ => None,
            };
            Ok(self.remember(locked, request, around, schema).await?)
        };
        match looked.await {
            Ok(()) => ending,
            Err(EngineError::Stopped(signal)) => Ending::Stopped(signal),
            Err(error) => {
                around.findings.push(Finding::error(
                    "postflight",
                    "the target",
                    format!("it could not be looked at afterwards: {error}"),
                    "run stopover postflight",
                ));
                ending
            }
        }
    }

    /// After a rollback: what it took, and the fingerprint.
    pub(crate) async fn end_of_rollback<B: Backend>(
        &self,
        backend: &B,
        locked: &mut Locked<B::Session>,
        request: &Request<'_>,
        (around, ending): (&mut Around, Ending),
    ) -> Ending {
        if self.is_left(locked, request, (around, &ending)).await {
            return ending;
        }
        match self.count_after_rollback(backend, request, around).await {
            Ok(()) => {}
            Err(EngineError::Stopped(signal)) => return Ending::Stopped(signal),
            Err(error) => around.findings.push(Finding::error(
                "census",
                "rows",
                format!("what the down scripts took could not be counted: {error}"),
                "compare the tables with the backup",
            )),
        }
        match self.remember(locked, request, around, None).await {
            Err(error) => Ending::Lost(error),
            Ok(()) => ending,
        }
    }

    /// Whether nothing is looked at behind such an end: nobody asked for it, the session is gone, or
    /// somebody waits for us to go.
    async fn is_left<S: Session>(
        &self,
        locked: &mut Locked<S>,
        request: &Request<'_>,
        (around, ending): (&mut Around, &Ending),
    ) -> bool {
        if !self.stand() || matches!(ending, Ending::Lost(_)) {
            return true;
        }
        let stopped = matches!(ending, Ending::Stopped(_));
        if stopped {
            self.remember_in_leaving(locked, request, around).await;
        }
        stopped
    }

    /// Makes the postflight; gives the schema that it read.
    async fn look_back<B: Backend>(
        &self,
        backend: &B,
        locked: &mut Locked<B::Session>,
        request: &Request<'_>,
        around: &mut Around,
        sink: &mut dyn EventSink,
    ) -> Result<Option<Schema>, EngineError> {
        let Some(limits) = &self.postflight else { return Ok(None) };
        let left = left(locked, request).await?;
        let before = around.before.as_ref();
        let asked = Postflight { limits: limits.clone(), left, before, ..Postflight::default() };
        let looking = harness::postflight_with_schema(backend, request, &asked);
        let (report, schema) = Box::pin(looking).await?;
        sink.emit(checked(CheckStage::Postflight, report.validation_passed, &report.findings));
        around.postflight = Some(report);
        Ok(schema)
    }

    /// The same where somebody waits for us to go. Where it is not done in time, the next preflight
    /// says that a run was interrupted.
    async fn remember_in_leaving<S: Session>(
        &self,
        locked: &mut Locked<S>,
        request: &Request<'_>,
        around: &mut Around,
    ) {
        let canceller = locked.session().canceller();
        let _ = in_time(&canceller, IN_LEAVING, self.remember(locked, request, around, None)).await;
    }

    /// Keeps the fingerprint of the schema, which is read where nobody has done that since the last
    /// step. Without it the next preflight compares with an older one.
    async fn remember<S: Session>(
        &self,
        locked: &mut Locked<S>,
        request: &Request<'_>,
        around: &mut Around,
        schema: Option<Schema>,
    ) -> Result<(), BackendError> {
        let ledger = locked.ledger().clone();
        let session = locked.session();
        let kept = match schema {
            Some(schema) => harness::keep_schema(session, &ledger, &schema).await,
            None => harness::remember_schema(session, &ledger, &request.facts).await,
        };
        if let Err(BackendError::Refused(error)) = kept {
            around.findings.push(Finding::warning(
                "fingerprint",
                "the journal",
                format!("the schema that this run left could not be recorded: {}", error.message),
                "the next preflight compares with an older one: let this role write the journal",
            ));
            return Ok(());
        }
        kept
    }

    /// What the down scripts took.
    async fn count_after_rollback<B: Backend>(
        &self,
        backend: &B,
        request: &Request<'_>,
        around: &mut Around,
    ) -> Result<(), EngineError> {
        let (Some(limits), Some(before)) = (&self.postflight, &around.before) else {
            return Ok(());
        };
        let rows = Box::pin(harness::counted_again(backend, request, limits, before)).await?;
        around.findings.extend(stopover_checks::taken_by_rollback(&rows));
        Ok(())
    }
}

/// What is left pending on purpose: what a postflight must not complain about.
async fn left<S: Session>(
    locked: &mut Locked<S>,
    request: &Request<'_>,
) -> Result<BTreeSet<Version>, EngineError> {
    if request.selection == stopover_planner::Selection::All {
        return Ok(BTreeSet::new());
    }
    let facts: Facts = locked.session().facts(&request.facts).await?;
    let judged = stopover_planner::judge(request.source, &facts, request.policy);
    Ok(judged.pending.into_iter().map(|it| it.version).collect())
}
