//! Continuous integration: all migrations up on an empty database, down to nothing, and up again.
//!
//! It is a rehearsal on an empty scratch, judged more strictly, with a postflight at its end.

use std::time::{Duration, Instant};

use stopover_backend::{Backend, PrepareError, Prepared, ScratchProvider, Stop};
use stopover_checks::{BuildFacts, build, build_checks};
use stopover_model::report::{CheckEntry, RehearsalReport, Verdict};
use stopover_model::{EventSink, Finding};

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
    let prepared = provider.prepare(&request.stop, sink).await;
    let backend = prepared.as_ref().ok().map(|it| it.backend.clone());
    let mut lent = Lent(Some(prepared));
    let mut rehearsal = rehearse(&mut lent, request, &asked.measure, sink).await;
    let judged = rehearsal.ending == RehearsalEnding::Judged;
    let validated = match &backend {
        Some(backend) if judged && is_up(&rehearsal.report) => {
            Some(validate(backend, request, sink).await)
        }
        _ => None,
    };
    let discarded = provider.discard().await;
    let report = &mut rehearsal.report;
    report.receipt = None;
    report.findings.extend(discarded);
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

/// What a postflight says of the database once everything is applied: errors, and what is worth a
/// look.
async fn validate<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Vec<Finding> {
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
    let not_made = |why: String| {
        vec![Finding::error(
            "postflight",
            "the empty database",
            format!("it could not be validated once all migrations were applied: {why}"),
            "settle what is said of the migrations first",
        )]
    };
    match looked.await {
        Ok(Ok(report)) => report.findings,
        Ok(Err(why)) => not_made(why),
        Err(error) => not_made(error.to_string()),
    }
}
