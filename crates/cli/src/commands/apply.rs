//! `apply`.

use stopover_backend::Stop;
use stopover_engine::{Ending, EngineError, Request};
use stopover_model::report::ApplyReport;
use stopover_model::{Finding, SourceSet};
use stopover_report::human;

use crate::args::{ApplyArguments, Global};
use crate::console::{Console, Failure, Scripts};
use crate::exit::Exit;

use super::{apply_flags, load, request, selection, source_and_backend, usable_source};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: ApplyArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let chosen = arguments.selection.clone();
    let loaded = load(global, apply_flags(arguments))?;
    let settings = &loaded.settings;
    let (source, backend) = source_and_backend(settings).await?;
    if let Err(errors) = usable_source(&source) {
        refused(console, &source, errors);
        return Ok(Exit::Usage);
    }
    let selection = selection(&chosen, &source)?;
    let gate = settings.gate()?;
    let request = Request { gate, ..request(&source, settings, selection, stop)? };
    let mut progress = console.progress();
    let applied = backend.apply(&request, &mut progress).await;
    drop(progress);
    let applied = match applied {
        Err(EngineError::Refused(findings)) => {
            let exit = Exit::of_refusal(&findings);
            refused(console, &source, findings);
            return Ok(exit);
        }
        other => other?,
    };
    let report = applied.report();
    let scripts = Scripts(&source);
    console.document(&report, |detail, look| human::apply(&report, detail, &scripts, look));
    match applied.ending {
        Ending::Complete if report.findings.iter().any(Finding::is_error) => Ok(Exit::Postflight),
        Ending::Complete => Ok(Exit::Success),
        Ending::Failed { .. } => Ok(Exit::Migration),
        Ending::Stopped(signal) => Ok(Exit::Stopped(signal)),
        Ending::Lost(error) => {
            let failure = Failure::from(EngineError::Backend(error));
            Ok(console.say(&failure))
        }
    }
}

/// The document of an apply that did not begin: what was found, and nothing done.
fn refused(console: &Console, source: &SourceSet, findings: Vec<Finding>) {
    let report = ApplyReport { findings, ..ApplyReport::default() };
    let scripts = Scripts(source);
    console.document(&report, |detail, look| human::apply(&report, detail, &scripts, look));
}
