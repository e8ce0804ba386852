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
use crate::target;

use super::{flags, load, read_source, request, version};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: RollbackArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let RollbackArguments { source, target, steps, to, limits } = arguments;
    let loaded = load(global, flags(source, Some(target), limits))?;
    let settings = &loaded.settings;
    let source = read_source(settings)?;
    let selection = match to {
        Some(text) => DownSelection::To(version(&text, &source)?),
        None => DownSelection::Steps(steps.unwrap_or(1)),
    };
    let backend = target::backend(settings)?;
    let request = request(&source, settings, Selection::All, stop)?;
    let mut progress = console.progress();
    let reverted = backend.rollback(&request, &selection, &mut progress).await;
    drop(progress);
    let reverted = match reverted {
        Err(EngineError::Refused(findings)) => {
            let no_way_back = findings.iter().any(|it| it.code == "no-down");
            let exit = if no_way_back { Exit::Rollback } else { Exit::of_refusal(&findings) };
            document(console, &source, &ApplyReport { findings, ..ApplyReport::default() });
            return Ok(exit);
        }
        other => other?,
    };
    document(console, &source, &reverted.report());
    Ok(match reverted.ending {
        Ending::Complete => Exit::Success,
        Ending::Failed { .. } => Exit::Rollback,
        Ending::Stopped(signal) => Exit::Stopped(signal),
        Ending::Lost(error) => console.say(&Failure::from(EngineError::Backend(error))),
    })
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
