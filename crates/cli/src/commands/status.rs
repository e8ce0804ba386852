//! `status`.

use stopover_backend::Stop;
use stopover_model::{Finding, Severity};
use stopover_report::human;

use crate::args::{Global, LimitArguments, StatusArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;

use super::{flags, load, request, source_and_backend};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: StatusArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let flags = flags(arguments.source, Some(arguments.target), LimitArguments::default());
    let loaded = load(global, flags)?;
    let settings = &loaded.settings;
    let (source, backend) = source_and_backend(settings).await?;
    let request = request(&source, settings, stopover_planner::Selection::All, stop)?;
    let report = backend.status(&request).await?;
    console.document(&report, |detail, look| human::status(&report, detail, look));
    let broken = report.findings.iter().any(Finding::is_error);
    // Drift that the policy lets pass is no reason to stop a deploy.
    let drifted = report.drift.iter().any(|it| it.severity == Severity::Error);
    Ok(match (arguments.check, drifted, broken) {
        (true, true, _) => Exit::Drift,
        (true, false, true) => Exit::of_refusal(&report.findings),
        _ => Exit::Success,
    })
}
