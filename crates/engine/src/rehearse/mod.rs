//! The rehearsal: the same apply, on a scratch that a provider makes and throws away.

mod after;
mod boot;
mod census;
mod command;
mod compared;
mod down;
mod named;
mod recalled;
mod receipt;
mod renamed;
mod run;
mod since;
mod stage;
mod unprepared;
mod verdict;

pub(crate) use compared::{fates_of, names_after};
pub(crate) use named::bare;
pub(crate) use renamed::{follow as follow_renames, words as script_words};

use std::time::Instant;

use jiff::Timestamp;
use stopover_backend::{Backend, CensusShelf, Prepared, ScratchProvider, StopSignal};
use stopover_model::report::RehearsalReport;
use stopover_model::{EventSink, Finding, Gate, HealMode};

use crate::detail::{clip, of_findings};
use crate::{EngineError, Measure, Request};

use unprepared::unprepared;

/// What the front end must know besides the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalEnding {
    /// A verdict was reached.
    Judged,
    /// The settings do not fit: no verdict could be reached.
    Misconfigured,
    /// The tool could not do its work on this machine.
    Unable,
    /// A signal stopped it.
    Stopped(StopSignal),
}

/// A rehearsal that was carried out, or as far as it came.
#[derive(Debug)]
pub struct Rehearsal {
    /// The report.
    pub report: RehearsalReport,
    /// How it ended.
    pub ending: RehearsalEnding,
}

/// Restores the backup, runs the plan on it, judges what came of it and what was measured, and throws
/// the scratch away.
///
/// Never an error: whatever goes wrong is in the report, and makes it red.
pub async fn rehearse<P: ScratchProvider>(
    provider: &mut P,
    request: &Request<'_>,
    measure: &Measure,
    sink: &mut dyn EventSink,
) -> Rehearsal {
    let began = Instant::now();
    let mut report = RehearsalReport::begun(Timestamp::now());
    let ending = match provider.prepare(&request.stop, sink).await {
        Ok(prepared) => {
            let shelf = provider.census_shelf();
            let began_with = (prepared, shelf.as_deref());
            on_scratch(began_with, request, measure, &mut report, sink).await
        }
        Err(error) => unprepared(error, &mut report),
    };
    report.findings.extend(provider.discard().await);
    report.detail = clip(&report.detail);
    receipt::close(&mut report, ending);
    report.timings.total_ms = began.elapsed().as_secs_f64() * 1e3;
    Rehearsal { report, ending }
}

/// Situations 5 to 7, and green.
async fn on_scratch<B: Backend>(
    (prepared, shelf): (Prepared<B>, Option<&dyn CensusShelf>),
    request: &Request<'_>,
    measure: &Measure,
    report: &mut RehearsalReport,
    sink: &mut dyn EventSink,
) -> RehearsalEnding {
    report.backup = prepared.backup;
    report.scratch = Some(prepared.scratch);
    report.findings = prepared.findings;
    report.timings.fetch_ms = prepared.fetch_ms;
    report.timings.restore_ms = prepared.restore_ms;
    report.timings.base_ms = prepared.base_ms;
    // Nobody needs a copy's ledger to be healed; what would become of the target's is told.
    let mut policy = request.policy.clone();
    if policy.heal.mode == HealMode::Heal {
        policy.heal.mode = HealMode::Report;
    }
    let request = &Request { policy: &policy, gate: Gate::default(), ..request.clone() };
    let auditor = prepared.auditor.as_ref().unwrap_or(&prepared.backend);
    let taking = census::Taking { depth: measure.census, shelf };
    let before = match census::begin(auditor, request, taking, report).await {
        Ok(before) => before,
        Err(signal) => return RehearsalEnding::Stopped(signal),
    };
    let sides = (&prepared.backend, auditor);
    let audit = census::Audit { auditor, before: before.as_ref() };
    let ground = command::Ground { backend: &prepared.backend, audit };
    if let Some(command) = &measure.programs.command {
        let ending = command::migrate(ground, command, request, measure, report, sink).await;
        return boot::after(ending, sides, request, measure, report, sink).await;
    }
    let ending = run::run(&ground, request, measure, report, sink).await;
    boot::after(ending, sides, request, measure, report, sink).await
}

/// Nothing was run: what keeps it from being run is told.
fn broken(error: EngineError, report: &mut RehearsalReport) -> RehearsalEnding {
    match error {
        EngineError::Refused(findings) => {
            report.detail = of_findings(&findings);
            report.findings.extend(findings);
            RehearsalEnding::Judged
        }
        EngineError::Stopped(signal) => RehearsalEnding::Stopped(signal),
        error => {
            report.detail = format!("scratch: {error}");
            report.findings.push(Finding::error(
                "scratch",
                "the scratch",
                error.to_string(),
                "look at the scratch server's log; run the rehearsal again",
            ));
            RehearsalEnding::Unable
        }
    }
}
