//! `rollback`.

use stopover_backend::Stop;
use stopover_engine::{Ending, EngineError};
use stopover_model::report::ApplyReport;
use stopover_model::{Finding, SourceSet};
use stopover_planner::{DownSelection, Selection};
use stopover_report::human;

use crate::args::{Global, RollbackArguments};
use crate::console::{Console, Failure, Scripts};
use crate::exit::Exit;
use crate::log::Log;
use crate::target;

use super::apply::{no_backup, refused};
use super::backup::backup_flags;
use super::safeguards::{Guards, ended};
use super::{flags, load, read_source, request, version};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: RollbackArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let RollbackArguments { source, target, steps, to, limits, decision, backup } = arguments;
    let loaded = load(global, backup_flags(backup, flags(source, Some(target), limits)))?;
    let settings = &loaded.settings;
    let source = read_source(settings)?;
    let selection = match to {
        Some(text) => DownSelection::To(version(&text, &source)?),
        None => DownSelection::Steps(steps.unwrap_or(1)),
    };
    let backend = target::backend(settings)?;
    let guards = Guards::of_rollback(settings, &backend, &decision)?;
    let request = request(&source, settings, Selection::All, stop)?;
    let (folder, told) = (&settings.log_dir, guards.told(&backend));
    let mut log = Log::begin(folder, "rollback", told, console.progress());
    let reverted = backend.rollback(&request, &selection, &guards.stand(), &mut log).await;
    let mut lost = None;
    let (exit, mut report) = match reverted {
        Ok(reverted) => {
            let report = reverted.report();
            let exit = match reverted.ending {
                // That it could not be told what the down scripts took.
                Ending::Complete if report.findings.iter().any(Finding::is_error) => {
                    Exit::Postflight
                }
                Ending::Complete => Exit::Success,
                Ending::Failed { .. } => Exit::Rollback,
                Ending::Stopped(signal) => Exit::Stopped(signal),
                Ending::Lost(error) => {
                    let failure = Failure::from(EngineError::Backend(error));
                    lost.insert(failure).exit
                }
            };
            (exit, report)
        }
        Err(EngineError::Refused(findings)) => {
            let exit = refused(&findings);
            (exit, ApplyReport { findings, ..ApplyReport::default() })
        }
        Err(EngineError::NoBackup { message, remedy, findings, .. }) => {
            (Exit::Unable, no_backup(message, &remedy, findings))
        }
        Err(other) => {
            let failure = Failure::from(other);
            // It is said already: that its log could not be written is not worth another word.
            let _ = log.end(failure.exit, failure.fields());
            return Err(failure);
        }
    };
    report.findings.extend(log.end(exit, ended(&report)));
    document(console, &source, &report);
    Ok(lost.map_or(exit, |failure| console.say(&failure)))
}

fn document(console: &Console, source: &SourceSet, report: &ApplyReport) {
    let idle = report.reverted.is_empty()
        && report.failed.is_none()
        && report.untouched.is_empty()
        && !report.findings.iter().any(Finding::is_error);
    console.document(report, |detail, look| match idle {
        true => "Nothing to take back: no migration is applied\n".to_owned(),
        false => human::apply(report, detail, &Scripts(source), look),
    });
}
