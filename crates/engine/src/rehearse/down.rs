//! Up, down and up again, on production's own data: does each down script work, how long does it
//! take, and what does it not bring back.
//!
//! Between two migrations somebody looks from beside, on the way up and on the way down; what was
//! there before a migration is held against what its down script leaves. Tables that no script of
//! the migration names are not digested each time: whether one of those was written to is looked at
//! once, at the end of the way down.

use std::mem::take;
use std::sync::{Mutex, PoisonError};

use stopover_backend::{Backend, BackendError, Execute, Pending, Session, StopSignal};
use stopover_checks::{Again, DownEffect, DownTrip, down};
use stopover_model::report::{DownOutcome, DownReport, MigrationStatus, RehearsalReport};
use stopover_model::{EventSink, Finding, SourceSet, Step, Version, detail_list};
use stopover_planner::DownSelection;

use super::census::{Audit, NoCensus};
use super::since::since;
use super::stage::{Own, Round, Stage, touched};
use crate::apply::Beside;
use crate::statement::unless_stopped;
use crate::{Applied, Ending, EngineError, Request, apply, rollback};

/// Looks at the database before each migration.
pub(super) struct Stages<'a, B> {
    auditor: &'a B,
    request: &'a Request<'a>,
    versions: Vec<Version>,
    seen: Mutex<Vec<Result<Stage, String>>>,
}

/// What a stage of the way comes to besides a value.
enum Broken {
    Stopped(StopSignal),
    Failed(String),
}

impl From<BackendError> for Broken {
    fn from(error: BackendError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl<'a, B: Backend> Stages<'a, B> {
    /// Looks at what there is before the first migration. `None` where there is nothing to apply.
    pub(super) async fn begin(
        backend: &B,
        auditor: &'a B,
        request: &'a Request<'a>,
    ) -> Result<Option<Self>, EngineError> {
        let plan = crate::plan(backend, request).await?;
        let versions: Vec<Version> = plan.steps.into_iter().map(|it| it.version).collect();
        let Some(first) = versions.first() else { return Ok(None) };
        let stage = match look(auditor, request, &scripts(request.source, [first])).await {
            Ok(stage) => Ok(stage),
            Err(Broken::Failed(error)) => Err(error),
            Err(Broken::Stopped(signal)) => return Err(EngineError::Stopped(signal)),
        };
        Ok(Some(Self { auditor, request, versions, seen: Mutex::new(vec![stage]) }))
    }

    fn into_stages(self) -> Vec<Result<Stage, String>> {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> Beside for Stages<'_, B> {
    fn after<'s>(&'s self, step: &'s Step) -> Pending<'s, ()> {
        Box::pin(async move {
            let at = self.versions.iter().position(|it| *it == step.version);
            let next = at.and_then(|at| self.versions.get(at + 1));
            let Some(next) = next else { return };
            let scripts = scripts(self.request.source, [&step.version, next]);
            let stage = match look(self.auditor, self.request, &scripts).await {
                Ok(stage) => Ok(stage),
                Err(Broken::Failed(error)) => Err(error),
                // The engine sees the stop by itself.
                Err(Broken::Stopped(_)) => return,
            };
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(stage);
        })
    }
}

async fn look<B: Backend>(
    auditor: &B,
    request: &Request<'_>,
    scripts: &[String],
) -> Result<Stage, Broken> {
    let mut session = auditor.connect().await?;
    let canceller = session.canceller();
    let reading = Stage::read(&mut session, request, scripts);
    let read = unless_stopped(&canceller, reading, &request.stop).await;
    let stage = read.map_err(Broken::Stopped)??;
    session.hang_up().await;
    Ok(stage)
}

/// Up and down scripts of migrations.
fn scripts<'v>(source: &SourceSet, versions: impl IntoIterator<Item = &'v Version>) -> Vec<String> {
    let migrations = versions.into_iter().filter_map(|it| source.get(it));
    let both = migrations.flat_map(|it| [Some(&it.up), it.down.as_ref()]);
    both.flatten().map(|it| it.text.clone()).collect()
}

/// Whether a script has nothing to run: that is how some say that there is no way back.
fn is_empty(text: &str) -> bool {
    text.lines().map(str::trim).all(|it| it.is_empty() || it.starts_with("--"))
}

/// The way down and up again, after everything was applied.
pub(super) struct Trip<'a, B> {
    pub(super) backend: &'a B,
    pub(super) audit: &'a Audit<'a, B>,
    pub(super) request: &'a Request<'a>,
}

impl<B: Backend> Trip<'_, B> {
    /// Goes it, and puts what was found into the report.
    ///
    /// # Errors
    /// A signal that asks to stop.
    pub(super) async fn go(
        &self,
        stages: Stages<'_, B>,
        applied: &Applied,
        report: &mut RehearsalReport,
        sink: &mut dyn EventSink,
    ) -> Result<(), StopSignal> {
        let mut entries = self.entries(applied);
        let mut effects = Vec::new();
        let stages = stages.into_stages();
        let going = self.there_and_back(stages, (&mut entries, &mut effects), report, sink);
        let again = match going.await {
            Ok(again) => again,
            Err(Broken::Stopped(signal)) => return Err(signal),
            Err(Broken::Failed(error)) => {
                report.findings.push(not_tried(&error));
                Again::NotTried
            }
        };
        let trip = DownTrip { migrations: &entries, effects: &effects, again };
        report.findings.extend(down(&trip));
        report.down = Some(entries);
        Ok(())
    }

    /// The migrations that were applied, the newest first.
    fn entries(&self, applied: &Applied) -> Vec<DownReport> {
        let entry = |it: &Version| {
            let migration = self.request.source.get(it);
            let down = migration.and_then(|it| it.down.as_ref());
            let is_there = down.is_some_and(|it| !is_empty(&it.text));
            DownReport {
                version: it.clone(),
                name: migration.map(|it| it.name.clone()).unwrap_or_default(),
                file: down.map(|it| it.path.clone()),
                outcome: (!is_there).then_some(DownOutcome::Irreversible),
                duration_ms: None,
                again_ms: None,
                lost: Vec::new(),
                objects: Vec::new(),
                error: None,
            }
        };
        applied.versions(MigrationStatus::Applied).iter().rev().map(entry).collect()
    }

    async fn there_and_back(
        &self,
        stages: Vec<Result<Stage, String>>,
        (entries, effects): (&mut [DownReport], &mut Vec<DownEffect>),
        report: &mut RehearsalReport,
        sink: &mut dyn EventSink,
    ) -> Result<Again, Broken> {
        let source = self.request.source;
        let newest = entries.first().map(|it| &it.version);
        let top = look(self.audit.auditor, self.request, &scripts(source, newest)).await?;
        let stages: Result<Vec<Stage>, String> = stages.into_iter().collect();
        let mut stages = stages.map_err(Broken::Failed)?;
        if stages.len() != entries.len() {
            return Err(Broken::Failed("not every migration was looked at before it".to_owned()));
        }
        let (mut up, mut down) = (top.clone(), top.clone());
        let mut done = 0;
        while let (Some(before), Some(entry)) = (stages.pop(), entries.get_mut(done)) {
            if entry.outcome == Some(DownOutcome::Irreversible) || !self.back(entry, sink).await? {
                break;
            }
            done += 1;
            let touched = entries[done - 1..].iter().take(2).map(|it| &it.version);
            let touched = scripts(source, touched);
            let now = look(self.audit.auditor, self.request, &touched).await?;
            let mut own = Round { before: &before, up: &up, down: &down, now: &now }.own();
            let allowed = self.allowed(&entries[done - 1].version);
            let (lost, left) = (take(&mut own.gone), take(&mut own.left));
            effects.push(DownEffect { lost, left, allowed });
            report.findings.extend(settle(&mut entries[done - 1], own));
            (up, down) = (before, now);
        }
        if done == entries.len() {
            self.whole(entries, report).await?;
        }
        if done == 0 || entries.iter().any(|it| it.error.is_some()) {
            return Ok(Again::NotTried);
        }
        self.again(entries, top, sink).await
    }

    /// What a migration's directives say that it may lose.
    fn allowed(&self, version: &Version) -> Vec<String> {
        let migration = self.request.source.get(version);
        migration.map(|it| it.directives.allow_data_loss.clone()).unwrap_or_default()
    }

    /// Takes the newest migration back; whether that worked.
    async fn back(&self, entry: &mut DownReport, sink: &mut dyn EventSink) -> Result<bool, Broken> {
        let one = DownSelection::Steps(1);
        let back = rollback(self.backend, self.request, &one, sink).await.map_err(broken)?;
        entry.duration_ms = back.migrations.first().and_then(|it| it.duration_ms);
        let is_it = back.plan.steps.first().is_some_and(|it| it.version == entry.version);
        match back.ending {
            Ending::Complete if is_it => Ok(true),
            Ending::Complete => Err(Broken::Failed(format!(
                "another migration than {} was the newest one",
                entry.version
            ))),
            Ending::Failed { failed, .. } => {
                entry.error = Some(failed.error);
                Ok(false)
            }
            Ending::Stopped(signal) => Err(Broken::Stopped(signal)),
            Ending::Lost(error) => Err(error.into()),
        }
    }

    /// What the whole way lost that no migration's scripts name.
    async fn whole(
        &self,
        entries: &[DownReport],
        report: &mut RehearsalReport,
    ) -> Result<(), Broken> {
        let Some(before) = self.audit.before else { return Ok(()) };
        let changes = since(self.audit.auditor, before, self.request).await;
        let changes = changes.map_err(|it| match it {
            NoCensus::Failed(error) => error.into(),
            NoCensus::Stopped(signal) => Broken::Stopped(signal),
        })?;
        let scripts = scripts(self.request.source, entries.iter().map(|it| &it.version));
        let named = touched(&before.schema, &scripts);
        let known = |relation: &String| {
            named.contains(relation)
                || entries.iter().flat_map(|it| &it.lost).any(|it| it.relation == *relation)
        };
        let others = changes.iter().filter(|it| !known(&it.relation));
        let allowed: Vec<String> =
            entries.iter().flat_map(|it| self.allowed(&it.version)).collect();
        report.findings.extend(others.map(|it| it.finding(&allowed)));
        Ok(())
    }

    /// Applies again what was taken back.
    async fn again(
        &self,
        entries: &mut [DownReport],
        top: Stage,
        sink: &mut dyn EventSink,
    ) -> Result<Again, Broken> {
        let again = apply(self.backend, self.request, sink).await.map_err(broken)?;
        for migration in &again.migrations {
            let entry = entries.iter_mut().find(|it| it.version == migration.version);
            if let Some(entry) = entry.filter(|_| migration.status == MigrationStatus::Applied) {
                entry.again_ms = migration.duration_ms;
            }
        }
        match again.ending {
            Ending::Complete => {}
            Ending::Failed { failed, .. } => return Ok(Again::Failed(failed)),
            Ending::Stopped(signal) => return Err(Broken::Stopped(signal)),
            Ending::Lost(error) => return Err(error.into()),
        }
        let now = look(self.audit.auditor, self.request, &[]).await?;
        let objects = top.objects(&now.schema);
        Ok(if objects.is_empty() { Again::Same } else { Again::Other(objects) })
    }
}

/// What came of a down script; what nobody can tell is said.
fn settle(entry: &mut DownReport, own: Own) -> Option<Finding> {
    let same = own.lost.is_empty() && own.objects.is_empty();
    entry.outcome = match (same, own.unproven.is_empty()) {
        (false, _) => Some(DownOutcome::Lossy),
        (true, true) => Some(DownOutcome::Lossless),
        (true, false) => None,
    };
    entry.lost = own.lost;
    entry.objects = own.objects;
    let tables = detail_list(&own.unproven);
    let message = format!(
        "whether taking migration {} back brings back what was in {tables} cannot be told: newer \
         migrations did not bring back what they changed there",
        entry.version
    );
    let remedy = "mend the down scripts of the newer ones, or rehearse up to this one (--to)";
    let finding = Finding::warning("down-unproven", entry.version.to_string(), message, remedy);
    (!own.unproven.is_empty()).then_some(finding)
}

fn broken(error: EngineError) -> Broken {
    match error {
        EngineError::Stopped(signal) => Broken::Stopped(signal),
        EngineError::Refused(findings) => {
            let messages: Vec<String> =
                findings.into_iter().filter(Finding::is_error).map(|it| it.message).collect();
            Broken::Failed(messages.join("; "))
        }
        other => Broken::Failed(other.to_string()),
    }
}

/// What was asked for and could not be looked at is no pass.
fn not_tried(error: &str) -> Finding {
    Finding::error(
        "down",
        "the down scripts",
        format!("whether the migrations can be taken back could not be tried to its end: {error}"),
        "settle that, and run the rehearsal again",
    )
}
