//! The rehearsal: the same apply, on a scratch that a provider makes and throws away.

mod boot;
mod census;
mod command;
mod compared;
mod down;
mod named;
mod receipt;
mod renamed;
mod stage;
mod unprepared;
mod verdict;

use std::time::Instant;

use jiff::Timestamp;
use stopover_backend::{Backend, Observer, Prepared, ScratchProvider, StopSignal, Trace};
use stopover_checks::{Measured, limits};
use stopover_model::report::RehearsalReport;
use stopover_model::{Event, EventSink, Finding, Gate, HealMode};

use crate::apply::{Beside, apply_beside};
use crate::detail::{clip, of_findings};
use crate::{DownTrial, Ending, EngineError, Measure, Request, traced};

use unprepared::unprepared;
use verdict::judge;

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
        Ok(prepared) => on_scratch(prepared, request, measure, &mut report, sink).await,
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
    prepared: Prepared<B>,
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
    let before = match census::begin(auditor, request, measure.census, report).await {
        Ok(before) => before,
        Err(signal) => return RehearsalEnding::Stopped(signal),
    };
    if let Some(command) = &measure.programs.command {
        let audit = census::Audit { auditor, before: before.as_ref() };
        let ground = command::Ground { backend: &prepared.backend, audit };
        let ending = command::migrate(ground, command, request, measure, report, sink).await;
        return boot::after(ending, &prepared.backend, request, measure, report, sink).await;
    }
    let stages = match measure.down {
        DownTrial::LeftOut => Ok(None),
        DownTrial::Tried => down::Stages::begin(&prepared.backend, auditor, request).await,
    };
    let stages = match stages {
        Ok(stages) => stages,
        Err(error) => return broken(error, report),
    };
    let beside = stages.as_ref().map(|it| it as &dyn Beside);
    let observer = prepared.backend.observer();
    if let (Some(observer), Some(per_second)) = (&observer, measure.traffic_per_second) {
        observer.stir(per_second);
    }
    if observer.is_none() && measure.traffic_per_second.is_some() {
        report.findings.push(no_traffic());
    }
    let applied = match &observer {
        None => apply_beside(&prepared.backend, request, beside, sink).await,
        Some(observer) => {
            let sink = &mut Overheard { observer: &**observer, sink };
            apply_beside(&prepared.backend, request, beside, sink).await
        }
    };
    let trace = match observer {
        None => Trace::default(),
        Some(observer) => observer.finish().await,
    };
    match applied {
        Ok(mut applied) => {
            traced::fill(&mut applied.migrations, &trace);
            report.tables = trace.tables;
            report.findings.extend(trace.findings);
            let measured =
                Measured { migrations: &applied.migrations, command: None, tables: &report.tables };
            report.findings.extend(limits(measured, &measure.thresholds));
            if let Some(before) = &before {
                census::end(auditor, before, &applied, request, report).await;
            }
            let carried_out = matches!(applied.ending, Ending::Complete | Ending::Failed { .. });
            if let (Some(signal), true) = (request.stop.requested(), carried_out) {
                return RehearsalEnding::Stopped(signal);
            }
            report.receipt = receipt::begun(&applied, &request.limits, measure, report);
            if let (Some(stages), Ending::Complete) = (stages, &applied.ending) {
                let audit = census::Audit { auditor, before: before.as_ref() };
                let trip = down::Trip { backend: &prepared.backend, audit, request };
                if let Err(signal) = trip.go(stages, &applied, report, sink).await {
                    return RehearsalEnding::Stopped(signal);
                }
            }
            let ending = judge(&prepared.backend, applied, report).await;
            boot::after(ending, &prepared.backend, request, measure, report, sink).await
        }
        Err(error) => broken(error, report),
    }
}

/// Readers and writers that were asked for, on a database where there are none.
fn no_traffic() -> Finding {
    Finding::note(
        "traffic",
        "the scratch",
        "no readers and writers ran beside the migrations: nobody observes this kind of database",
        "leave --traffic out",
    )
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

/// Passes on what happens, after the observer has heard it.
struct Overheard<'a> {
    observer: &'a dyn Observer,
    sink: &'a mut dyn EventSink,
}

impl EventSink for Overheard<'_> {
    fn emit(&mut self, event: Event) {
        self.observer.hear(&event);
        self.sink.emit(event);
    }
}
