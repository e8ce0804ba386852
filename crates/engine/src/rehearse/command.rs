//! The migrations are run by the user's own tool, and looked at from outside.
//!
//! The engine decides what has to hold before and after: no drift, and an applied set that equals
//! the source set. In between it only hears how the tool ended.

mod ended;

use stopover_backend::{Backend, Leftovers, ProgramEnding, ProgramRun, Trace};
use stopover_checks::{Measured, limits};
use stopover_model::report::{
    CommandReport, DriftKind, MigrationReport, MigrationStatus, RehearsalReport, TableReport,
    Verdict,
};
use stopover_model::{
    EmptyLedger, Event, EventSink, Finding, Plan, Policy, RestorePhase, Severity, Version, units,
};
use stopover_planner::Selection;

use crate::detail::of_findings;
use crate::programs::{Comparison, MigratingCommand};
use crate::read::facts;
use crate::step::untouched;
use crate::{EngineError, Measure, Request};

use super::census::Audit;
use super::{RehearsalEnding, broken};

pub(super) use ended::{Failure, absent, stopped, unable};

/// Where the command works, and what is known of it.
pub(super) struct Ground<'a, B> {
    pub(super) backend: &'a B,
    pub(super) audit: Audit<'a, B>,
}

/// Runs the command, and judges what came of it.
pub(super) async fn migrate<B: Backend>(
    ground: Ground<'_, B>,
    command: &MigratingCommand,
    request: &Request<'_>,
    measure: &Measure,
    report: &mut RehearsalReport,
    sink: &mut dyn EventSink,
) -> RehearsalEnding {
    let plan = match drift_first(ground.backend, command, request).await {
        Ok(plan) => plan,
        Err(error) => return broken(error, report),
    };
    let (run, trace) = match carried_out(ground.backend, command, request, sink).await {
        Ok(run) => run,
        Err(refused) => {
            report.detail = of_findings(std::slice::from_ref(&refused));
            report.findings.push(refused);
            return RehearsalEnding::Misconfigured;
        }
    };
    take_up(command, &run, trace, measure, report);
    report.migrations = plan.iter().flat_map(|it| &it.steps).map(untouched).collect();
    match run.ending {
        ProgramEnding::Well => {
            if let Err(error) = compared(&ground, command, request, report).await {
                return broken(error, report);
            }
            if let Some(signal) = request.stop.requested() {
                // What was not counted is no verdict.
                return stopped(signal, "the rows were counted", report);
            }
            verdict(plan.as_ref(), &run, report);
            RehearsalEnding::Judged
        }
        ProgramEnding::Failed(how) => {
            let done = done_before(ground.backend, command, request, report).await;
            let failure = Failure { code: "command-failed", what: "the command failed", how };
            failure.tell(done.as_deref(), &run.said, report);
            RehearsalEnding::Judged
        }
        ProgramEnding::Absent(what) => {
            absent("the command's program is not there", &what, report);
            RehearsalEnding::Misconfigured
        }
        ProgramEnding::Unable(why) => {
            unable(&why, report);
            RehearsalEnding::Unable
        }
        ProgramEnding::Stopped(signal) => stopped(signal, "the command was done", report),
    }
}

/// The ledger and the rows, after a command that ended well.
async fn compared<B: Backend>(
    ground: &Ground<'_, B>,
    command: &MigratingCommand,
    request: &Request<'_>,
    report: &mut RehearsalReport,
) -> Result<(), EngineError> {
    if command.comparison == Comparison::Source {
        let left = still_to_do(ground.backend, request).await?;
        left.mark(&mut report.migrations);
        report.findings.extend(left.findings);
    }
    let migrations = report.migrations.clone();
    ground.audit.end(&migrations, request, report).await;
    decided(&command.comparison, &mut report.findings);
    report.findings.extend(idle(&command.comparison, report));
    Ok(())
}

/// What the ledger says of the migrations after a command that failed: a tool commits them one by one.
async fn done_before<B: Backend>(
    backend: &B,
    command: &MigratingCommand,
    request: &Request<'_>,
    report: &mut RehearsalReport,
) -> Option<String> {
    if command.comparison != Comparison::Source || report.migrations.is_empty() {
        return None;
    }
    let Ok(left) = still_to_do(backend, request).await else {
        return Some("which migrations it applied before could not be read".to_owned());
    };
    left.mark(&mut report.migrations);
    let is_applied = |it: &&MigrationReport| it.status == MigrationStatus::Applied;
    let applied = report.migrations.iter().filter(is_applied).count();
    let all = report.migrations.len();
    Some(format!("{applied} of {all} migrations were applied by then, as the ledger says"))
}

/// A command of which nobody can tell that it worked on the scratch: it may have met another
/// database.
fn idle(comparison: &Comparison, report: &RehearsalReport) -> Option<Finding> {
    let Comparison::Nothing { .. } = comparison else { return None };
    let seen = report.command.as_ref().and_then(|it| it.statements.as_ref());
    let is_same = report.schema.before.is_some() && report.schema.before == report.schema.after;
    let has_changed = |it: &TableReport| it.rows_before != it.rows_after;
    if !is_same || seen.is_some_and(|it| !it.is_empty()) || report.tables.iter().any(has_changed) {
        return None;
    }
    Some(Finding::warning(
        "command-idle",
        "the command",
        "it left schema and row counts as they were, and nobody saw it hold a lock: maybe there was \
         nothing to do, or it worked on another database",
        "see that DATABASE_URL is what leads it to its database; with --migrations the ledger tells",
    ))
}

/// The ledger of the backup against the source, before anything runs. `None` where there is no
/// source to compare with.
async fn drift_first<B: Backend>(
    backend: &B,
    command: &MigratingCommand,
    request: &Request<'_>,
) -> Result<Option<Plan>, EngineError> {
    if command.comparison != Comparison::Source {
        return Ok(None);
    }
    let (facts, _) = facts(backend, request).await?;
    // Whether a tool may begin on a database without a ledger is its own affair.
    let policy = Policy { empty_ledger: EmptyLedger::Allow, ..request.policy.clone() };
    let plan = stopover_planner::plan(request.source, &facts, &policy, &Selection::All);
    plan.map(Some).map_err(EngineError::Refused)
}

async fn carried_out<B: Backend>(
    backend: &B,
    command: &MigratingCommand,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<(ProgramRun, Option<Trace>), Finding> {
    let access = backend.access().ok_or_else(unreachable)?;
    sink.emit(Event::Phase(RestorePhase::Command(command.program.shown())));
    let observer = backend.observer();
    if let Some(observer) = &observer {
        observer.watch().await;
    }
    let run = command.program.run(&access, &request.stop).await;
    let trace = match observer {
        Some(observer) => Some(observer.finish().await),
        None => None,
    };
    Ok((run, trace))
}

/// A database that no URL leads to.
pub(super) fn unreachable() -> Finding {
    Finding::error(
        "no-access",
        "the scratch",
        "no URL leads a program of yours to this scratch",
        "leave --scratch-url out, so that a private server is used",
    )
}

/// Puts into the report how the command ran and what was seen of it.
fn take_up(
    command: &MigratingCommand,
    run: &ProgramRun,
    trace: Option<Trace>,
    measure: &Measure,
    report: &mut RehearsalReport,
) {
    let duration_ms = run.took.as_secs_f64() * 1e3;
    report.timings.migrate_ms = Some(duration_ms);
    let outside = trace.as_ref().and_then(|it| it.outside.clone());
    let seen = CommandReport {
        command: command.program.shown(),
        exit_code: run.exit_code,
        duration_ms,
        output: run.said.clone(),
        looks: outside.as_ref().map(|it| it.looks),
        statements: outside.as_ref().map(|it| it.statements.clone()),
        rewrites: outside.map(|it| it.rewrites),
        compared: matches!(command.comparison, Comparison::Source),
    };
    if let Some(trace) = trace {
        report.tables = trace.tables;
        report.findings.extend(trace.findings);
    }
    report.findings.push(observed(&seen));
    report.findings.extend(left_behind("command-left", &seen.command, run.left));
    if let Comparison::Nothing { why, .. } = &command.comparison {
        report.findings.push(uncompared(why));
    }
    let measured = Measured { migrations: &[], command: Some(&seen), tables: &report.tables };
    report.findings.extend(limits(measured, &measure.thresholds));
    report.command = Some(seen);
}

fn observed(command: &CommandReport) -> Finding {
    let message = match &command.looks {
        Some(looks) => format!(
            "the command's sessions were observed from outside, every {:.0} ms (at most {:.0} ms \
             apart): what was held for a shorter time may not have been seen, and nothing is known \
             of single migrations, rows and WAL",
            looks.every_ms, looks.longest_ms
        ),
        None => "nobody could observe the command's sessions: nothing is known of its locks and \
                 rewrites"
            .to_owned(),
    };
    let remedy = "leave --command out where Stopover can run the migrations itself: it measures \
                  each statement";
    Finding::note("observed-outside", "the command", message, remedy)
}

fn uncompared(why: &str) -> Finding {
    Finding::note(
        "not-compared",
        "the command",
        format!("what the command applied was compared with no source: {why}"),
        "name the folder with --migrations where its layout is one that Stopover reads",
    )
}

/// What may be lost where no migration's directive can say so.
fn decided(comparison: &Comparison, findings: &mut [Finding]) {
    let Comparison::Nothing { allow_data_loss, .. } = comparison else { return };
    for loss in findings.iter_mut().filter(|it| it.code == "data-loss" && it.is_error()) {
        let is_it = |name: &String| {
            *name == loss.subject || loss.subject.rsplit_once('.').is_some_and(|it| it.1 == name)
        };
        if allow_data_loss.iter().any(is_it) {
            loss.severity = Severity::Note;
            loss.remedy = String::new();
        } else {
            loss.remedy = format!(
                "change the migration so that nothing is lost, or say that it may be: \
                 --allow-data-loss {}",
                loss.subject
            );
        }
    }
}

/// Processes that a program left behind.
pub(super) fn left_behind(code: &str, shown: &str, left: Leftovers) -> Option<Finding> {
    (left == Leftovers::Ended).then(|| {
        Finding::warning(
            code,
            shown.to_owned(),
            "it ended and left processes running, which were ended then",
            "let it wait for what it starts: in production nobody ends it",
        )
    })
}

/// How far the applied set is from the source set.
pub(super) struct Left {
    /// What keeps it from being the same.
    pub(super) findings: Vec<Finding>,
    /// Versions that are pending, or were begun and not ended.
    undone: Vec<Version>,
}

impl Left {
    /// Says which of the planned migrations are applied by now.
    fn mark(&self, migrations: &mut [MigrationReport]) {
        for it in migrations.iter_mut().filter(|it| !self.undone.contains(&it.version)) {
            it.status = MigrationStatus::Applied;
        }
    }
}

/// What keeps the applied set from being the source set.
///
/// # Errors
/// Where the database cannot be read.
pub(super) async fn still_to_do<B: Backend>(
    backend: &B,
    request: &Request<'_>,
) -> Result<Left, EngineError> {
    let (facts, _) = facts(backend, request).await?;
    let judged = stopover_planner::judge(request.source, &facts, request.policy);
    let dirty = judged.drift.iter().filter(|it| it.kind == DriftKind::Dirty);
    let pending = judged.pending.iter().map(|it| it.version.clone());
    let undone = pending.chain(dirty.filter_map(|it| it.version.clone())).collect();
    let mut findings =
        match stopover_planner::plan(request.source, &facts, request.policy, &Selection::All) {
            Ok(plan) => plan.findings,
            Err(problems) => problems,
        };
    findings.extend(judged.pending.iter().map(|it| {
        Finding::error(
            "still-pending",
            it.version.to_string(),
            format!("migration {} ({}) is still pending afterwards", it.version, it.name),
            "see whether DATABASE_URL is what leads the command to its database, and whether it \
             reads the same migrations; the ledger that is compared is the one that --ledger names",
        )
    }));
    Ok(Left { findings, undone })
}

fn verdict(plan: Option<&Plan>, run: &ProgramRun, report: &mut RehearsalReport) {
    if report.findings.iter().any(Finding::is_error) {
        report.detail = of_findings(&report.findings);
        return;
    }
    let took = units::duration(run.took.as_secs_f64() * 1e3);
    report.verdict = Verdict::Green;
    report.detail = match plan.map(|it| it.steps.len()) {
        None => format!("the command ended well in {took}; what it applied was not compared"),
        Some(0) => format!("nothing was to do, and the command ended well in {took}"),
        Some(1) => format!("1 migration applied by the command in {took}"),
        Some(count) => format!("{count} migrations applied by the command in {took}"),
    };
}
