//! `repair accept`, `repair applied`, `repair pending`.

use stopover_backend::Stop;
use stopover_engine::Repair;
use stopover_model::report::RepairAction;
use stopover_report::human;

use crate::args::{Global, LimitArguments, RepairArguments, RepairCommand};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::target;

use super::{flags, load, read_source, request, version};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    command: RepairCommand,
    stop: Stop,
) -> Result<Exit, Failure> {
    let (action, arguments) = match command {
        RepairCommand::Accept(it) => (RepairAction::Accept, it),
        RepairCommand::Applied(it) => (RepairAction::Applied, it),
        RepairCommand::Pending(it) => (RepairAction::Pending, it),
    };
    let RepairArguments { version: text, reason, source, target, lock_wait } = arguments;
    let limits = LimitArguments { lock_wait, ..LimitArguments::default() };
    let loaded = load(global, flags(source, Some(target), limits))?;
    let settings = &loaded.settings;
    let source = read_source(settings)?;
    let repair = Repair { action, version: version(&text, &source)?, reason };
    let backend = target::backend(settings)?;
    let request = request(&source, settings, stopover_planner::Selection::All, stop)?;
    let mut progress = console.progress();
    let repaired = backend.repair(&request, &repair, &mut progress).await;
    drop(progress);
    let report = repaired?;
    console.document(&report, |_, look| human::repair(&report, look));
    Ok(Exit::Success)
}
