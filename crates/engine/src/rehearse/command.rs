//! The migrations are run by the user's own tool, and looked at from outside.
//!
//! The engine decides what has to hold before and after: no drift, and an applied set that equals
//! the source set. In between it only hears how the tool ended.

use stopover_backend::{Backend, Leftovers, ProgramEnding, ProgramRun, Trace};
use stopover_checks::{Measured, limits};
use stopover_model::report::{CommandReport, MigrationStatus, RehearsalReport, Verdict};
use stopover_model::{
    EmptyLedger, Event, EventSink, Finding, Plan, Policy, RestorePhase, Severity, units,
};
use stopover_planner::Selection;

use crate::detail::{DETAIL_LIMIT, of_findings};
use crate::programs::{Comparison, MigratingCommand};
use crate::read::facts;
use crate::step::untouched;
use crate::{EngineError, Measure, Request};

use super::census::Audit;
use super::{RehearsalEnding, broken};

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
            verdict(plan.as_ref(), &run, report);
            RehearsalEnding::Judged
        }
        ProgramEnding::Failed(how) => {
            let failure = Failure { code: "command-failed", what: "the command failed", how };
            failure.tell(&run.said, report);
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
        ProgramEnding::Stopped(signal) => {
            report.detail = "stopped by a signal before the command was done".to_owned();
            RehearsalEnding::Stopped(signal)
        }
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
        let (left, pending) = still_to_do(ground.backend, request).await?;
        report.findings.extend(left);
        for migration in &mut report.migrations {
            if !pending.contains(&migration.version) {
                migration.status = MigrationStatus::Applied;
            }
        }
    }
    let migrations = report.migrations.clone();
    ground.audit.end(&migrations, request, report).await;
    decided(&command.comparison, &mut report.findings);
    Ok(())
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

/// What keeps the applied set from being the source set, and which versions are still pending.
///
/// # Errors
/// Where the database cannot be read.
pub(super) async fn still_to_do<B: Backend>(
    backend: &B,
    request: &Request<'_>,
) -> Result<(Vec<Finding>, Vec<stopover_model::Version>), EngineError> {
    let (facts, _) = facts(backend, request).await?;
    let judged = stopover_planner::judge(request.source, &facts, request.policy);
    let pending: Vec<_> = judged.pending.iter().map(|it| it.version.clone()).collect();
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
    Ok((findings, pending))
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

/// A program that did not do what it is for.
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) what: &'static str,
    pub(super) how: String,
}

impl Failure {
    /// The first line says it, and the last of the program's output follows.
    pub(super) fn tell(&self, said: &str, report: &mut RehearsalReport) {
        let Self { code, what, how } = self;
        let last = said.lines().map(str::trim).rfind(|it| !it.is_empty());
        let why = last.map(|it| format!(": {it}")).unwrap_or_default();
        let head = format!("{what}: {how}{why}");
        let remedy = "its last output stands in the verdict; run it by hand on a copy to see more";
        report.findings.push(Finding::error(code, "the command", head.clone(), remedy));
        report.verdict = Verdict::Red;
        report.detail = with_output(&head, said);
    }
}

/// The head, and as much of the end of the output as the detail has room for.
fn with_output(head: &str, said: &str) -> String {
    const LABEL: &str = "its last output:";
    if said.lines().count() < 2 {
        return head.to_owned();
    }
    let room = DETAIL_LIMIT.saturating_sub(head.len() + LABEL.len() + 16);
    let mut from = said.len().saturating_sub(room);
    while !said.is_char_boundary(from) {
        from += 1;
    }
    let rest = &said[from..];
    let whole = if from == 0 { rest } else { rest.split_once('\n').map_or(rest, |it| it.1) };
    format!("{head}\n{LABEL}\n{whole}")
}

/// There is no such program.
pub(super) fn absent(what: &str, said: &str, report: &mut RehearsalReport) {
    let message = format!("{what}: {said}");
    let remedy = "install it, or correct the command: it runs in `sh -c`, in this folder";
    report.findings.push(Finding::error("command-missing", "the command", message, remedy));
    report.verdict = Verdict::Red;
    report.detail = of_findings(&report.findings);
}

/// It could not be run on this machine.
pub(super) fn unable(why: &str, report: &mut RehearsalReport) {
    report.findings.push(Finding::error("tool", "the command", why, "run it again"));
    report.verdict = Verdict::Red;
    report.detail = of_findings(&report.findings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_what_the_detail_keeps() {
        let said = format!("{}the last line", "a line\n".repeat(1000));
        let detail = with_output("the command failed: exit code 3", &said);
        assert!(detail.len() <= DETAIL_LIMIT, "{}", detail.len());
        assert!(detail.starts_with("the command failed: exit code 3\nits last output:\na line\n"));
        assert!(detail.ends_with("a line\nthe last line"), "{detail}");
        assert_eq!(with_output("failed: x", "x"), "failed: x");
    }
}
