//! Continuous integration: all migrations up on an empty database, down to nothing, and up again.
//!
//! It is a rehearsal on an empty scratch, judged more strictly, with a postflight at its end.

use std::time::{Duration, Instant};

use stopover_backend::{Backend, PrepareError, Prepared, ScratchProvider, Stop};
use stopover_checks::{BuildFacts, build, build_checks};
use stopover_model::report::{CheckEntry, DownReport, RehearsalReport, Verdict};
use stopover_model::{EmptyLedger, Event, EventSink, Finding, Silent, Version};
use stopover_planner::Selection;

use crate::detail::{clip, of_findings};
use crate::harness::{Postflight, postflight};
use crate::{Ending, EngineError, Measure, Rehearsal, RehearsalEnding, Request, apply, rehearse};

/// What is asked of the migrations.
#[derive(Debug, Clone)]
pub struct Build {
    /// What is measured; whether they are taken back is among it.
    pub measure: Measure,
    /// Longest time for one migration.
    pub limit: Duration,
    /// Longest time for trying what lies below a migration that cannot be taken back: each time the
    /// migrations up to there are applied on another empty database.
    pub below: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Built {
    /// The rehearsal on the empty database, with its findings judged anew.
    pub rehearsal: Rehearsal,
    /// Every check, and what became of it.
    pub checks: Vec<CheckEntry>,
}

/// The scratch of a rehearsal that somebody else throws away.
struct Lent<B>(Option<Result<Prepared<B>, PrepareError>>);

impl<B: Backend> ScratchProvider for Lent<B> {
    type Backend = B;

    async fn prepare(
        &mut self,
        _stop: &Stop,
        _sink: &mut dyn EventSink,
    ) -> Result<Prepared<B>, PrepareError> {
        match self.0.take() {
            Some(prepared) => prepared,
            None => std::future::pending().await,
        }
    }

    async fn discard(&mut self) -> Vec<Finding> {
        Vec::new()
    }
}

/// Builds the database of `request`'s source on the empty scratch of `provider`, and throws it away.
pub async fn ci<P>(
    provider: &mut P,
    request: &Request<'_>,
    asked: &Build,
    sink: &mut dyn EventSink,
) -> Built
where
    P: ScratchProvider,
    P::Backend: Clone,
{
    let began = Instant::now();
    // An empty database without a ledger is what this is about, also when a way down has left
    // something behind.
    let mut policy = request.policy.clone();
    policy.empty_ledger = EmptyLedger::Allow;
    let request = &Request { policy: &policy, ..request.clone() };
    let (mut rehearsal, backend) = on_empty(provider, request, &asked.measure, sink).await;
    let judged = rehearsal.ending == RehearsalEnding::Judged;
    let validated = match &backend {
        Some(backend) if judged && is_up(&rehearsal.report) => {
            Some(validate(backend, request, sink).await)
        }
        _ => None,
    };
    let report = &mut rehearsal.report;
    report.receipt = None;
    report.findings.extend(provider.discard().await);
    let validated = match validated {
        // What the way down has left stands in the way: another database has only gone up.
        Some(Err(_)) => Some(validate_anew(provider, request, report).await),
        other => other,
    };
    let validated = validated.map(|it| it.unwrap_or_else(|why| not_validated(&why)));
    if judged && is_up(report) {
        below(provider, request, asked, report, sink).await;
    }
    let migrations = std::mem::take(&mut report.migrations);
    let down = report.down.take();
    let facts = BuildFacts { migrations: &migrations, down: down.as_deref(), limit: asked.limit };
    report.findings = build(facts, std::mem::take(&mut report.findings));
    let checks = build_checks(facts, &report.findings, validated.as_deref());
    report.findings.extend(validated.into_iter().flatten());
    (report.migrations, report.down) = (migrations, down);
    if judged {
        verdict(report);
    }
    report.timings.total_ms = began.elapsed().as_secs_f64() * 1e3;
    Built { rehearsal, checks }
}

/// A rehearsal on a scratch of `provider`, which stands until it is discarded.
async fn on_empty<P>(
    provider: &mut P,
    request: &Request<'_>,
    measure: &Measure,
    sink: &mut dyn EventSink,
) -> (Rehearsal, Option<P::Backend>)
where
    P: ScratchProvider,
    P::Backend: Clone,
{
    let prepared = provider.prepare(&request.stop, sink).await;
    let backend = prepared.as_ref().ok().map(|it| it.backend.clone());
    let rehearsal = rehearse(&mut Lent(Some(prepared)), request, measure, sink).await;
    (rehearsal, backend)
}

/// What lies below a migration that cannot be taken back is not reached from the top: it is tried on
/// another empty database that ends there, as long as there is time.
async fn below<P>(
    provider: &mut P,
    request: &Request<'_>,
    asked: &Build,
    report: &mut RehearsalReport,
    sink: &mut dyn EventSink,
) where
    P: ScratchProvider,
    P::Backend: Clone,
{
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    while let Some(top) = report.down.as_deref().and_then(untried).cloned() {
        let this = Instant::now();
        if began.elapsed() + longest > asked.below || request.stop.requested().is_some() {
            return;
        }
        let message = format!("trying what lies below on another empty database, up to {top}");
        sink.emit(Event::Found(Finding::note("ci-below", top.to_string(), message, "")));
        let selection = Selection::UpTo(top.clone());
        let request = &Request { selection, ..request.clone() };
        let (part, _) = on_empty(provider, request, &asked.measure, &mut Silent).await;
        report.findings.extend(provider.discard().await);
        let part = part.report;
        tracing::debug!(%top, detail = %part.detail, "what lies below was tried");
        let known = report.down.as_deref_mut().unwrap_or_default();
        for entry in part.down.into_iter().flatten() {
            if let Some(same) = known.iter_mut().find(|it| it.version == entry.version) {
                *same = entry;
            }
        }
        // Nothing has become of it: it will not the next time either.
        if untried(known) == Some(&top) {
            // Without the reason, it would read as if there had been no time for it.
            report.findings.extend(part.findings.into_iter().filter(Finding::is_error));
            return;
        }
        let told = part.findings.into_iter().filter(|it| OF_THE_WAY_DOWN.contains(&&*it.code));
        report.findings.extend(told);
        longest = longest.max(this.elapsed());
    }
}

/// Codes of what is found on the way down and up again.
const OF_THE_WAY_DOWN: [&str; 7] = [
    "down-failed",
    "down-lossy",
    "down-idle",
    "down-unproven",
    "up-again-failed",
    "up-again-other",
    "down",
];

/// The newest migration of which nobody knows whether it can be taken back.
fn untried(down: &[DownReport]) -> Option<&Version> {
    let mut all = down.iter();
    let unknown =
        |it: &&DownReport| it.duration_ms.is_none() && it.outcome.is_none() && it.error.is_none();
    all.find(unknown).map(|it| &it.version)
}

/// Whether every migration was applied once.
fn is_up(report: &RehearsalReport) -> bool {
    !report.findings.iter().any(|it| it.is_error() && it.code == "migration-failed")
}

/// Green where nothing found is an error.
fn verdict(report: &mut RehearsalReport) {
    let red = report.findings.iter().any(Finding::is_error);
    let was_red = report.verdict == Verdict::Red;
    report.verdict = if red { Verdict::Red } else { Verdict::Green };
    if red {
        let failed = report.findings.iter().any(|it| it.code == "migration-failed");
        if !failed {
            report.detail = clip(&of_findings(&report.findings));
        }
    } else if was_red {
        let count = report.migrations.len();
        report.detail = format!("{count} migrations up, down and up again");
    }
}

/// What a postflight says of the database once everything is applied; why it says nothing.
async fn validate<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<Vec<Finding>, String> {
    let looked = async {
        // Where the way down stopped midway, everything is to be there again.
        let applied = apply(backend, request, sink).await?;
        match applied.ending {
            Ending::Complete => {}
            Ending::Failed { failed, .. } => return Ok(Err(failed.error.headline())),
            Ending::Stopped(signal) => return Err(EngineError::Stopped(signal)),
            Ending::Lost(error) => return Err(error.into()),
        }
        Ok::<_, EngineError>(Ok(postflight(backend, request, &Postflight::default()).await?))
    };
    match looked.await {
        Ok(Ok(report)) => Ok(report.findings),
        Ok(Err(why)) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

async fn validate_anew<P: ScratchProvider>(
    provider: &mut P,
    request: &Request<'_>,
    report: &mut RehearsalReport,
) -> Result<Vec<Finding>, String> {
    let validated = match provider.prepare(&request.stop, &mut Silent).await {
        Ok(prepared) => validate(&prepared.backend, request, &mut Silent).await,
        Err(error) => Err(error.message),
    };
    report.findings.extend(provider.discard().await);
    validated
}

fn not_validated(why: &str) -> Vec<Finding> {
    vec![Finding::error(
        "postflight",
        "the empty database",
        format!("it could not be validated once all migrations were applied: {why}"),
        "settle what is said of the migrations first",
    )]
}
