//! `status`.

use stopover_backend::Stop;
use stopover_model::Finding;
use stopover_report::human;

use crate::args::{Global, LimitArguments, StatusArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::target;

use super::{flags, load, read_source, request};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: StatusArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let flags = flags(arguments.source, Some(arguments.target), LimitArguments::default());
    let loaded = load(global, flags)?;
    let settings = &loaded.settings;
    let source = read_source(settings)?;
    let backend = target::backend(settings)?;
    let request = request(&source, settings, stopover_planner::Selection::All, stop)?;
    let report = stopover_engine::status(&backend, &request).await?;
    console.document(&report, |detail, look| human::status(&report, detail, look));
    let broken = report.findings.iter().any(Finding::is_error);
    Ok(match (arguments.check, report.drift.is_empty(), broken) {
        (true, false, _) => Exit::Drift,
        (true, true, true) => Exit::of_refusal(&report.findings),
        _ => Exit::Success,
    })
}
