//! `apply`.

use stopover_backend::Stop;
use stopover_engine::{Applied, Ending, EngineError, Request};
use stopover_model::report::ApplyReport;
use stopover_model::{DirtyWay, Finding, SourceSet};
use stopover_report::human;

use crate::args::{ApplyArguments, Global, RecoverDirty};
use crate::console::{Console, Failure, Scripts};
use crate::exit::Exit;
use crate::log::Log;

use super::safeguards::{Guards, Verdict, ended, keep_reports};
use super::{apply_flags, load, request, selection, source_and_backend, usable_source};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: ApplyArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let chosen = arguments.selection.clone();
    let decision = arguments.decision.clone();
    let verdict = if arguments.force { Verdict::Overridden } else { Verdict::Heeded };
    let recover = arguments.recover_dirty;
    let mut loaded = load(global, apply_flags(arguments))?;
    loaded.settings.policy.dirty = dirty_way(recover);
    let settings = &loaded.settings;
    let (source, backend) = source_and_backend(settings).await?;
    if let Err(errors) = usable_source(&source) {
        let report = ApplyReport { findings: errors, ..ApplyReport::default() };
        document(console, &source, &report);
        return Ok(Exit::Usage);
    }
    let selection = selection(&chosen, &source)?;
    let gate = settings.gate()?;
    let guards = Guards::of_apply(settings, &backend, &decision, verdict).await?;
    let guards = if recover.is_some() { guards.taking_back(&decision) } else { guards };
    let request = Request { gate, ..request(&source, settings, selection, stop)? };
    let (folder, told) = (&settings.log_dir, guards.told(&backend));
    let mut log = Log::begin(folder, "apply", told, console.progress());
    let applied = backend.apply(&request, &guards.stand(), &mut log).await;
    let Told { exit, mut report, lost } = match Told::of(applied) {
        Ok(told) => told,
        Err(failure) => {
            // It is said already: that its log could not be written is not worth another word.
            let _ = log.end(failure.exit, failure.fields());
            return Err(failure);
        }
    };
    let idle = exit == Exit::Success && report.applied.is_empty() && report.findings.is_empty();
    if !(idle && log.is_silent()) {
        report.findings.extend(log.end(exit, ended(&report)));
    }
    keep_reports(console, settings, &mut report);
    document(console, &source, &report);
    // The process ends, and gives everything back at once: a long history, migration by migration,
    // would take longer than its plan.
    std::mem::forget(source);
    Ok(lost.map_or(exit, |failure| console.say(&failure)))
}

/// What came of it, as far as there is a document for it.
struct Told {
    exit: Exit,
    report: ApplyReport,
    /// What is said behind the document.
    lost: Option<Failure>,
}

impl Told {
    fn of(applied: Result<Applied, EngineError>) -> Result<Self, Failure> {
        let untold = |exit, report| Ok(Self { exit, report, lost: None });
        match applied {
            Ok(applied) => Ok(Self::ended(applied)),
            Err(EngineError::Refused(findings)) => {
                let exit = refused(&findings);
                untold(exit, ApplyReport { findings, ..ApplyReport::default() })
            }
            Err(EngineError::Preflight(report)) => {
                let preflight = Some(*report);
                untold(Exit::Preflight, ApplyReport { preflight, ..ApplyReport::default() })
            }
            Err(EngineError::NoBackup { message, remedy, findings, preflight }) => {
                let report = no_backup(message, &remedy, findings);
                let preflight = preflight.map(|it| *it);
                untold(Exit::Unable, ApplyReport { preflight, ..report })
            }
            Err(other) => Err(other.into()),
        }
    }

    fn ended(applied: Applied) -> Self {
        let report = applied.report();
        let red = report.findings.iter().any(Finding::is_error)
            || report.postflight.as_ref().is_some_and(|it| !it.validation_passed);
        let mut lost = None;
        let stuck_in_down = applied.is_stuck_in_down();
        let exit = match applied.ending {
            Ending::Complete if red => Exit::Postflight,
            Ending::Complete => Exit::Success,
            Ending::Failed { .. } if stuck_in_down => Exit::Rollback,
            Ending::Failed { .. } => Exit::Migration,
            Ending::Stopped(signal) => Exit::Stopped(signal),
            Ending::Lost(error) => {
                let failure = Failure::from(EngineError::Backend(error));
                let exit = failure.exit;
                lost = Some(failure);
                exit
            }
        };
        Self { exit, report, lost }
    }
}

/// The exit code of a plan that was refused. Without a way back nothing can be taken back.
pub(super) fn refused(findings: &[Finding]) -> Exit {
    match findings.iter().any(|it| it.code == "no-down") {
        true => Exit::Rollback,
        false => Exit::of_refusal(findings),
    }
}

/// As the policy has it.
pub(super) const fn dirty_way(asked: Option<RecoverDirty>) -> DirtyWay {
    match asked {
        Some(RecoverDirty::Down) => DirtyWay::TakeBack,
        None => DirtyWay::GoOn,
    }
}

/// The document of a run that did not begin, because there is no backup.
pub(super) fn no_backup(message: String, remedy: &str, findings: Vec<Finding>) -> ApplyReport {
    let lift = "or go on without one, by a decision that is kept: --skip-backup --reason TEXT";
    let remedy = if remedy.is_empty() { lift.to_owned() } else { format!("{remedy}; {lift}") };
    let mut all = vec![Finding::error("backup", "the target", message, remedy)];
    all.extend(findings);
    ApplyReport { findings: all, ..ApplyReport::default() }
}

fn document(console: &Console, source: &SourceSet, report: &ApplyReport) {
    let scripts = Scripts(source);
    console.document(report, |detail, look| human::apply(report, detail, &scripts, look));
}
