//! The whole of it: a request in, a report out. What is half done when it ends early is cleared
//! away here.

use std::time::{Duration, Instant};

use stopover_backend::StopSignal;
use stopover_model::report::{CarriedSchema, CarriedState, CarryOutcome, CarryReport};
use stopover_model::{CarryPhase, Event, EventSink, Finding};
use tokio::time::{sleep, timeout};

use crate::callback;
use crate::compare::Compared;
use crate::error::{CarryRefusal, Fatal, Side};
use crate::line::Line;
use crate::names;
use crate::request::CarryRequest;
use crate::run::{End, Ground};
use crate::target;
use crate::teller::Teller;
use crate::work::Done;

/// Longest time for clearing away.
const CLEARING: Duration = Duration::from_secs(120);

/// Copies the named schemas, and says how it ended. Whatever can go wrong with the databases is an
/// outcome of the report.
///
/// # Errors
/// Where the request is refused, or it was asked to stop.
pub async fn carry(
    request: &CarryRequest,
    sink: &mut dyn EventSink,
) -> Result<CarryReport, CarryRefusal> {
    names::check(&request.schemas, &request.reserved)?;
    let teller = Teller::new(sink);
    let carrying = Carrying {
        request,
        teller: &teller,
        badge: format!("stopover-carry-{:08x}", rand::random::<u32>()),
        begun: Instant::now(),
    };
    carrying.run().await
}

/// One run.
struct Carrying<'a> {
    request: &'a CarryRequest,
    teller: &'a Teller<'a>,
    /// What its sessions are called on the servers.
    badge: String,
    begun: Instant,
}

/// How the limits let something end.
enum Limited<T> {
    Done(T),
    TimeOut,
    Stopped(StopSignal),
}

impl Carrying<'_> {
    async fn run(&self) -> Result<CarryReport, CarryRefusal> {
        let request = self.request;
        let mut report = CarryReport::new(request.from.describe(), request.to.describe());
        let state =
            |name: &String| CarriedSchema { name: name.clone(), state: CarriedState::Untouched };
        report.schemas = request.schemas.iter().map(state).collect();
        let outcome = self.outcome(&mut report).await?;
        report.outcome = outcome.to_string();
        report.duration_ms = self.begun.elapsed().as_secs_f64() * 1_000.0;
        report.findings.extend(finding(&outcome, &report));
        self.call(&outcome, &mut report).await;
        Ok(report)
    }

    /// Ends what takes longer than it may, or is to stop.
    async fn limited<T>(&self, work: impl Future<Output = T>) -> Limited<T> {
        let limit = async {
            match self.request.timeout {
                Some(limit) => sleep(limit.saturating_sub(self.begun.elapsed())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => Limited::Done(done),
            signal = self.request.stop.wait() => Limited::Stopped(signal),
            () = limit => Limited::TimeOut,
        }
    }

    async fn outcome(&self, report: &mut CarryReport) -> Result<CarryOutcome, CarryRefusal> {
        let looking = Ground::look(self.request, &self.badge, self.teller);
        let ground = match self.limited(looking).await {
            Limited::Done(Ok(ground)) => ground,
            Limited::Done(Err(End::Refused(refusal))) => return Err(refusal),
            Limited::Done(Err(End::Fatal(Fatal(reason)))) => {
                return Ok(CarryOutcome::Failed(reason));
            }
            Limited::TimeOut => return Ok(CarryOutcome::TimeoutSkipped),
            Limited::Stopped(signal) => {
                let left = "nothing was written".to_owned();
                return Err(CarryRefusal::Stopped { signal, left });
            }
        };
        for schema in &mut report.schemas {
            if ground.missing.contains(&schema.name) {
                schema.state = CarriedState::MissingInSource;
                report.findings.push(missing(&schema.name));
            }
        }
        if ground.present.is_empty() {
            return Ok(CarryOutcome::Success);
        }
        let copied = self.limited(ground.copy(self.request, &self.badge, self.teller)).await;
        let half = if ground.is_written() { ground.present.clone() } else { Vec::new() };
        drop(ground);
        match copied {
            Limited::Done(Ok((compared, done))) => Ok(told(report, compared, &done)),
            Limited::Done(Err(Fatal(reason))) => {
                let cleared = self.clear(&half, report).await;
                Ok(CarryOutcome::Failed(with(reason, cleared)))
            }
            Limited::TimeOut => Ok(match self.clear(&half, report).await {
                Ok(()) => CarryOutcome::TimeoutSkipped,
                Err(left) => CarryOutcome::Failed(with("the time is over".to_owned(), Err(left))),
            }),
            Limited::Stopped(signal) => {
                let left = match self.clear(&half, report).await {
                    Ok(()) if half.is_empty() => "nothing was written".to_owned(),
                    Ok(()) => "the half-copied schemas were dropped".to_owned(),
                    Err(Fatal(reason)) => {
                        format!("half-copied schemas are left in the target: {reason}")
                    }
                };
                Err(CarryRefusal::Stopped { signal, left })
            }
        }
    }

    /// Drops what is half copied, whatever of this run is still at work there.
    async fn clear(&self, present: &[String], report: &mut CarryReport) -> Result<(), Fatal> {
        if present.is_empty() {
            return Ok(());
        }
        self.teller.tell(Event::Carrying(CarryPhase::Dropping));
        let clearing = async {
            let desk = Line::open(&self.request.to, Side::Target, &self.badge).await?;
            target::end_sessions(&desk, &self.badge).await?;
            target::reserve(&desk).await?;
            target::drop_schemas(&desk, present).await.map_err(|it| it.fatal(Side::Target))
        };
        let cleared = timeout(CLEARING, clearing)
            .await
            .unwrap_or_else(|_| Err(Fatal("target: it takes too long to drop them".to_owned())));
        let state = if cleared.is_ok() { CarriedState::Dropped } else { CarriedState::HalfCopied };
        for schema in &mut report.schemas {
            if present.contains(&schema.name) {
                schema.state = state;
            }
        }
        if let Err(Fatal(reason)) = &cleared {
            report.findings.push(Finding::error(
                "carry-half-copied",
                present.join(", "),
                format!("half-copied schemas may be left in the target: {reason}"),
                "run the same carry again, which drops and rebuilds them, or drop them",
            ));
        }
        cleared
    }

    /// Tells the outcome to whoever wants to know. A failure stays what it is, told or not.
    async fn call(&self, outcome: &CarryOutcome, report: &mut CarryReport) {
        let Some(callback) = &self.request.callback else { return };
        self.teller.tell(Event::Carrying(CarryPhase::Calling));
        let told = tokio::select! {
            told = callback::tell(callback, report) => told,
            _ = self.request.stop.wait() => callback::interrupted(callback, report),
        };
        if !told.acknowledged {
            report.findings.push(Finding::error(
                "carry-unacknowledged",
                told.url.clone(),
                format!(
                    "nobody acknowledged the outcome {:?}, told {} times: {}",
                    told.outcome,
                    told.attempts,
                    told.error.as_deref().unwrap_or("no answer")
                ),
                "see whether the other side knows how it ended; running the carry again is safe",
            ));
            if !matches!(outcome, CarryOutcome::Failed(_)) {
                report.outcome = CarryOutcome::Unknown.to_string();
            }
        }
        report.callback = Some(told);
        report.duration_ms = self.begun.elapsed().as_secs_f64() * 1_000.0;
    }
}

/// Puts what came of the copying into the report.
fn told(report: &mut CarryReport, compared: Compared, done: &Done) -> CarryOutcome {
    let Compared { errors, objects, tables, findings, unaccounted } = compared;
    for schema in &mut report.schemas {
        if schema.state == CarriedState::Untouched {
            let plain = format!(" {}.", schema.name);
            let quoted = format!(" \"{}\".", schema.name.replace('"', "\"\""));
            let is_hurt = errors.iter().any(|error| {
                let mut all = error.lost.iter().chain([&error.object]);
                all.any(|it| it.contains(&plain) || it.contains(&quoted))
            });
            schema.state = if !unaccounted.is_empty() {
                CarriedState::HalfCopied
            } else if is_hurt {
                CarriedState::Partial
            } else {
                CarriedState::Complete
            };
        }
    }
    let count = errors.len();
    report.errors = errors;
    report.objects = Some(objects);
    report.tables = tables;
    report.passes = done.passes;
    report.findings.extend(findings);
    match (unaccounted.first(), count) {
        (Some(first), _) => {
            let more = match unaccounted.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more like it"),
            };
            CarryOutcome::Failed(format!("the copy is not what the source is: {first}{more}"))
        }
        (None, 0) => CarryOutcome::Success,
        (None, count) => CarryOutcome::Partial(count),
    }
}

fn with(reason: String, cleared: Result<(), Fatal>) -> String {
    match cleared {
        Ok(()) => reason,
        Err(Fatal(left)) => {
            format!("{reason}; and the half-copied schemas could not be dropped: {left}")
        }
    }
}

fn missing(name: &str) -> Finding {
    Finding::warning(
        "carry-missing",
        name,
        "the schema is not in the source; the target's, if there is one, was left as it is",
        "see that the name is spelled as in the catalog and that --from is the right database",
    )
}

/// The outcome as a finding; none where all went well.
fn finding(outcome: &CarryOutcome, report: &CarryReport) -> Option<Finding> {
    let lost = report.objects.map_or(0, |it| it.lost);
    Some(match outcome {
        CarryOutcome::Success | CarryOutcome::Unknown => return None,
        CarryOutcome::Partial(errors) => Finding::warning(
            "carry-partial",
            format!("{errors} statements"),
            format!("they failed in the last pass; {lost} objects are not in the target"),
            "mend what they refer to, in the source or upstream, and carry again",
        ),
        CarryOutcome::Failed(reason) => Finding::error(
            "carry-failed",
            &*report.to,
            reason,
            "mend it and run the same carry again: it drops and rebuilds the schemas",
        ),
        CarryOutcome::TimeoutSkipped => Finding::warning(
            "carry-timeout",
            &*report.to,
            "the time was over; nothing half-copied is left in the target",
            "carry again with a longer --timeout",
        ),
    })
}
