//! The service is started on the migrated scratch: it must say that it is well, and the applied set
//! must still be the source set. A service that migrates when it boots changes it. Nor may rows be
//! gone behind it: they are counted once more.

use stopover_backend::{Backend, ProgramEnding, ProgramRun};
use stopover_model::report::{BootReport, RehearsalReport, Verdict};
use stopover_model::{Event, EventSink, Finding, RestorePhase};

use crate::detail::of_findings;
use crate::programs::{Comparison, Programs};
use crate::{Measure, Request};

use super::census::Taking;
use super::command::{Failure, absent, left_behind, still_to_do, stopped, unable, unreachable};
use super::{RehearsalEnding, broken, census};

/// Boots the service where one is named and everything was green until now.
pub(super) async fn after<B: Backend>(
    ending: RehearsalEnding,
    (backend, auditor): (&B, &B),
    request: &Request<'_>,
    measure: &Measure,
    report: &mut RehearsalReport,
    sink: &mut dyn EventSink,
) -> RehearsalEnding {
    let Programs { command, boot: Some(service) } = &measure.programs else { return ending };
    if ending != RehearsalEnding::Judged || report.verdict != Verdict::Green {
        return ending;
    }
    let Some(access) = backend.access() else {
        let refused = unreachable();
        report.verdict = Verdict::Red;
        report.detail = of_findings(std::slice::from_ref(&refused));
        report.findings.push(refused);
        return RehearsalEnding::Misconfigured;
    };
    let before = match census::begin(auditor, request, Taking::anew(measure.census), report).await {
        Ok(before) => before,
        Err(signal) => return stopped(signal, UNWELL, report),
    };
    sink.emit(Event::Phase(RestorePhase::Booting(service.shown())));
    let observer = backend.observer();
    if let Some(observer) = &observer {
        observer.watch().await;
    }
    let run = service.run(&access, &request.stop).await;
    if let Some(observer) = observer {
        // What it saw is the service's own affair. It ends the sessions that the service left: a
        // statement goes on without its client, and whoever counts would wait for its locks.
        observer.finish().await;
    }
    let is_ready = run.ending == ProgramEnding::Well;
    report.boot = Some(BootReport {
        command: service.shown(),
        ready_ms: is_ready.then_some(run.took.as_secs_f64() * 1e3),
        output: run.said.clone(),
    });
    report.findings.extend(left_behind("boot-left", &service.shown(), run.left));
    let compares = command.as_ref().is_none_or(|it| it.comparison == Comparison::Source);
    let ending = if is_ready && compares {
        same_set(backend, request, &run.said, report).await
    } else {
        told(run, report)
    };
    if is_ready {
        let gone = match &before {
            Some(before) => census::booted(auditor, before, request, report).await,
            None => report.findings.iter().filter(|it| it.is_error()).cloned().collect(),
        };
        if let Some(signal) = request.stop.requested() {
            return stopped(signal, "the rows were counted", report);
        }
        lost(gone, before.is_some(), report);
    }
    ending
}

/// What a signal comes before.
const UNWELL: &str = "the service was well";

/// What is gone behind the boot makes it red.
fn lost(gone: Vec<Finding>, is_new: bool, report: &mut RehearsalReport) {
    if gone.is_empty() {
        return;
    }
    if report.verdict == Verdict::Green {
        report.detail = of_findings(&gone);
    }
    report.verdict = Verdict::Red;
    if is_new {
        report.findings.extend(gone);
    }
}

/// How the boot ended.
fn told(run: ProgramRun, report: &mut RehearsalReport) -> RehearsalEnding {
    match run.ending {
        ProgramEnding::Well => RehearsalEnding::Judged,
        ProgramEnding::Failed(how) => {
            failure(how).tell(None, &run.said, report);
            RehearsalEnding::Judged
        }
        ProgramEnding::Absent(what) => {
            absent("the service's program is not there", &what, report);
            RehearsalEnding::Misconfigured
        }
        ProgramEnding::Unable(why) => {
            unable(&why, report);
            RehearsalEnding::Unable
        }
        ProgramEnding::Stopped(signal) => stopped(signal, UNWELL, report),
    }
}

fn failure(how: String) -> Failure {
    Failure { code: "boot-failed", what: "the service did not boot", how }
}

/// What the service did to the ledger.
async fn same_set<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    said: &str,
    report: &mut RehearsalReport,
) -> RehearsalEnding {
    let left = match still_to_do(backend, request).await {
        Ok(left) => left.findings,
        Err(error) => return broken(error, report),
    };
    let problems: Vec<&Finding> = left.iter().filter(|it| it.is_error()).collect();
    if let Some(first) = problems.first() {
        let how = format!(
            "it is well, and the applied set is not the source set any more: {}",
            first.message
        );
        report.findings.extend(problems.into_iter().cloned());
        failure(how).tell(None, said, report);
    }
    RehearsalEnding::Judged
}
