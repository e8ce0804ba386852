//! `plan`, and `apply --dry-run`.

use stopover_backend::Stop;
use stopover_report::human;

use crate::args::{ApplyArguments, Global};
use crate::console::{Console, Failure};
use crate::exit::Exit;

use super::{flags, load, request, selection, source_and_backend};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: ApplyArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let chosen = arguments.selection.clone();
    let loaded = load(global, flags(arguments.source, Some(arguments.target), arguments.limits))?;
    let settings = &loaded.settings;
    let (source, backend) = source_and_backend(settings).await?;
    let selection = selection(&chosen, &source)?;
    let request = request(&source, settings, selection, stop)?;
    let report = backend.plan(&request).await?;
    console.document(&report, |detail, look| human::plan(&report, detail, look));
    Ok(match report.plan_hash {
        Some(_) => Exit::Success,
        None => Exit::of_refusal(&report.problems),
    })
}
