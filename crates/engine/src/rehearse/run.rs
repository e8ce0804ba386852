//! The migrations on the scratch, by the same apply as anywhere, with somebody who looks from beside;
//! and what is made of what was seen.

use stopover_backend::{Backend, Observer, Trace};
use stopover_checks::{Measured, limits};
use stopover_model::report::RehearsalReport;
use stopover_model::{Event, EventSink, Finding};

use super::command::Ground;
use super::down::{Stages, Trip};
use super::verdict::judge;
use super::{RehearsalEnding, broken, census, receipt};
use crate::apply::{Beside, apply_beside};
use crate::{Applied, DownTrial, Ending, EngineError, Measure, Request, traced};

/// Runs them, and judges.
pub(super) async fn run<B: Backend>(
    ground: &Ground<'_, B>,
    request: &Request<'_>,
    measure: &Measure,
    report: &mut RehearsalReport,
    sink: &mut dyn EventSink,
) -> RehearsalEnding {
    let stages = match measure.down {
        DownTrial::LeftOut => Ok(None),
        DownTrial::Tried => Stages::begin(ground.backend, ground.audit.auditor, request).await,
    };
    let stages = match stages {
        Ok(stages) => stages,
        Err(error) => return broken(error, report),
    };
    let beside = stages.as_ref().map(|it| it as &dyn Beside);
    let (applied, trace) = observed(ground.backend, (request, beside), measure, report, sink).await;
    let applied = match applied {
        Ok(applied) => weighed(applied, trace, ground, (request, measure), report).await,
        Err(error) => return broken(error, report),
    };
    let carried_out = matches!(applied.ending, Ending::Complete | Ending::Failed { .. });
    if let (Some(signal), true) = (request.stop.requested(), carried_out) {
        return RehearsalEnding::Stopped(signal);
    }
    if let (Some(stages), Ending::Complete) = (stages, &applied.ending) {
        let trip = Trip { backend: ground.backend, audit: &ground.audit, request };
        if let Err(signal) = trip.go(stages, &applied, report, sink).await {
            return RehearsalEnding::Stopped(signal);
        }
    }
    judge(ground.backend, applied, report).await
}

/// The apply, and what was seen of it.
async fn observed<B: Backend>(
    backend: &B,
    (request, beside): (&Request<'_>, Option<&dyn Beside>),
    measure: &Measure,
    report: &mut RehearsalReport,
    sink: &mut dyn EventSink,
) -> (Result<Applied, EngineError>, Trace) {
    let Some(observer) = backend.observer() else {
        if measure.traffic_per_second.is_some() {
            report.findings.push(no_traffic());
        }
        return (apply_beside(backend, request, beside, sink).await, Trace::default());
    };
    if let Some(per_second) = measure.traffic_per_second {
        observer.stir(per_second);
    }
    let overheard = &mut Overheard { observer: &*observer, sink };
    let applied = apply_beside(backend, request, beside, overheard).await;
    (applied, observer.finish().await)
}

/// Puts what was seen and counted into the report.
async fn weighed<B: Backend>(
    mut applied: Applied,
    trace: Trace,
    ground: &Ground<'_, B>,
    (request, measure): (&Request<'_>, &Measure),
    report: &mut RehearsalReport,
) -> Applied {
    traced::fill(&mut applied.migrations, &trace);
    report.tables = trace.tables;
    report.findings.extend(trace.findings);
    let measured =
        Measured { migrations: &applied.migrations, command: None, tables: &report.tables };
    report.findings.extend(limits(measured, &measure.thresholds));
    if let Some(before) = ground.audit.before {
        census::end(ground.audit.auditor, before, &applied, request, report).await;
    }
    let schema = ground.audit.before.map(|it| &it.schema);
    report.receipt = receipt::begun(&applied, schema, (&request.limits, measure), report);
    applied
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
