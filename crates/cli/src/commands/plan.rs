//! `plan`, and `apply --dry-run`.

use stopover_backend::Stop;
use stopover_engine::Request;
use stopover_report::human;

use crate::args::{ApplyArguments, Global};
use crate::console::{Console, Failure};
use crate::exit::Exit;

use super::apply::{dirty_way, refused};
use super::{apply_flags, load, request, selection, source_and_backend};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: ApplyArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let chosen = arguments.selection.clone();
    let recover = arguments.recover_dirty;
    let mut loaded = load(global, apply_flags(arguments))?;
    loaded.settings.policy.dirty = dirty_way(recover);
    let settings = &loaded.settings;
    let (source, backend) = source_and_backend(settings).await?;
    let selection = selection(&chosen, &source)?;
    let gate = settings.gate()?;
    let request = Request { gate, ..request(&source, settings, selection, stop)? };
    let report = backend.plan(&request).await?;
    console.document(&report, |detail, look| human::plan(&report, detail, look));
    Ok(match report.plan_hash {
        Some(_) => Exit::Success,
        None => refused(&report.problems),
    })
}
