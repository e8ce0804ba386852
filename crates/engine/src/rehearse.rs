//! The rehearsal: the same apply, on a scratch that a provider makes and throws away.

use std::time::Instant;

use jiff::Timestamp;
use stopover_backend::{
    Backend, Diagnose, Observer, Offending, PrepareError, PrepareStage, Prepared, ScratchProvider,
    StopSignal, Trace,
};
use stopover_checks::{Measured, limits};
use stopover_model::report::{FailedMigration, RehearsalReport, Verdict};
use stopover_model::{DatabaseError, Event, EventSink, Finding, HealMode, Plan};

use crate::detail::{clip, of_failure, of_findings, rows};
use crate::{Applied, Ending, EngineError, Measure, Request, apply, traced};

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
    report.timings.total_ms = began.elapsed().as_secs_f64() * 1e3;
    Rehearsal { report, ending }
}

/// Situations 1 to 4: there is nothing to run the plan on.
fn unprepared(error: PrepareError, report: &mut RehearsalReport) -> RehearsalEnding {
    let (code, detail) = match error.stage {
        PrepareStage::Fetch => ("no-backup", format!("no backup fetched; {}", error.message)),
        PrepareStage::Unset => ("scratch-unset", format!("scratch_db_url unset {}", error.message)),
        PrepareStage::Settings => ("settings", format!("scratch: {}", error.message)),
        PrepareStage::Reset => ("scratch-reset", format!("scratch reset: {}", error.message)),
        PrepareStage::Restore => ("restore", format!("restore: {}", error.message)),
        PrepareStage::Tool => ("tool", error.message.clone()),
        PrepareStage::Stopped(_) => ("stopped", error.message.clone()),
    };
    let first_line = detail.lines().next().unwrap_or_default().to_owned();
    let subject = error.backup.path.clone();
    report.findings.push(Finding::error(code, subject, first_line, error.remedy.clone()));
    report.detail = match error.remedy.as_str() {
        "" => detail,
        remedy => format!("{detail}\nhint: {remedy}"),
    };
    report.backup = error.backup;
    report.scratch = error.scratch;
    report.timings.fetch_ms = error.fetch_ms;
    match error.stage {
        PrepareStage::Settings => RehearsalEnding::Misconfigured,
        PrepareStage::Tool => RehearsalEnding::Unable,
        PrepareStage::Stopped(signal) => RehearsalEnding::Stopped(signal),
        _ => RehearsalEnding::Judged,
    }
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
    let request = &Request { policy: &policy, ..request.clone() };
    let observer = prepared.backend.observer();
    if let (Some(observer), Some(per_second)) = (&observer, measure.traffic_per_second) {
        observer.stir(per_second);
    }
    let applied = match &observer {
        None => apply(&prepared.backend, request, sink).await,
        Some(observer) => {
            apply(&prepared.backend, request, &mut Overheard { observer: &**observer, sink }).await
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
            let measured = Measured { migrations: &applied.migrations, tables: &report.tables };
            report.findings.extend(limits(measured, &measure.thresholds));
            judge(&prepared.backend, applied, report).await
        }
        Err(EngineError::Refused(findings)) => {
            report.detail = of_findings(&findings);
            report.findings.extend(findings);
            RehearsalEnding::Judged
        }
        Err(EngineError::Stopped(signal)) => RehearsalEnding::Stopped(signal),
        Err(error) => {
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

async fn judge<B: Backend>(
    backend: &B,
    applied: Applied,
    report: &mut RehearsalReport,
) -> RehearsalEnding {
    report.timings.migrate_ms = Some(applied.duration_ms);
    report.migrations = applied.migrations;
    report.findings.extend(applied.findings);
    match applied.ending {
        Ending::Complete => {
            let red: Vec<&Finding> = report.findings.iter().filter(|it| it.is_error()).collect();
            if red.is_empty() {
                report.verdict = Verdict::Green;
                report.detail = green_detail(&applied.plan, applied.duration_ms);
            } else {
                report.detail = of_findings(&report.findings);
            }
            RehearsalEnding::Judged
        }
        Ending::Failed { failed, error } => {
            let offending = offending(backend, &applied.plan, &failed, &error).await;
            let finding = failure_finding(&failed, offending.as_ref());
            report.detail = of_failure(&failed, offending.as_ref());
            report.findings.push(finding);
            RehearsalEnding::Judged
        }
        Ending::Stopped(signal) => {
            report.detail = "stopped by a signal before the rehearsal was done".to_owned();
            RehearsalEnding::Stopped(signal)
        }
        Ending::Lost(error) => {
            report.detail = format!("scratch: {error}");
            report.findings.push(Finding::error(
                "scratch",
                "the scratch",
                error.to_string(),
                "the scratch server went away under the migrations: a full disk or too little \
                 memory are the usual reasons; run the rehearsal again",
            ));
            RehearsalEnding::Unable
        }
    }
}

fn green_detail(plan: &Plan, duration_ms: f64) -> String {
    match plan.steps.len() {
        0 => "nothing to do: every migration of the source is applied in the backup".to_owned(),
        1 => format!("1 migration applied in {duration_ms:.0} ms"),
        count => format!("{count} migrations applied in {duration_ms:.0} ms"),
    }
}

fn failure_finding(failed: &FailedMigration, offending: Option<&Offending>) -> Finding {
    let mut message = format!("migration {}: {}", failed.version, failed.error.headline());
    if let Some(offending) = offending {
        message.push_str(&format!(" ({})", rows(offending)));
    }
    let remedy = if offending.is_some() {
        "correct the data in an earlier migration, or change this one so that it fits the data"
    } else {
        "change the migration"
    };
    let error = &failed.error;
    Finding::error("migration-failed", format!("{}:{}", error.file, error.line), message, remedy)
}

/// Counts the rows that the failing statement fails on, where the error allows it.
async fn offending<B: Backend>(
    backend: &B,
    plan: &Plan,
    failed: &FailedMigration,
    error: &DatabaseError,
) -> Option<Offending> {
    let step = plan.steps.iter().find(|step| step.version == failed.version)?;
    let at = step.statements.iter().position(|it| Some(it.index) == failed.statement)?;
    // Statements of a non-transactional migration stand already: only the failing one is looked at.
    let before = if step.boundary.is_transactional() { &step.statements[..at] } else { &[] };
    let mut session = backend.connect().await.ok()?;
    session.offending(before, &step.statements[at], error).await
}
