//! `repair accept`, `repair applied`, `repair pending`.

use serde_json::json;
use stopover_backend::Stop;
use stopover_engine::Repair;
use stopover_model::report::RepairAction;
use stopover_report::human;

use crate::args::{Global, LimitArguments, RepairArguments, RepairCommand};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::log::Log;
use crate::target;

use super::safeguards::{kept, said_something};
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
    said_something("--reason", reason.as_deref())?;
    let reason = reason.as_deref().map(kept);
    let limits = LimitArguments { lock_wait, ..LimitArguments::default() };
    let loaded = load(global, flags(source, Some(target), limits))?;
    let settings = &loaded.settings;
    let source = read_source(settings)?;
    let repair = Repair { action, version: version(&text, &source)?, reason };
    let backend = target::backend(settings)?;
    let request = request(&source, settings, stopover_planner::Selection::All, stop)?;
    let told = json!({
        "database": backend.describe(), "action": action, "version": repair.version,
        "reason": repair.reason,
    });
    let mut log = Log::begin(&settings.log_dir, "repair", told, console.progress());
    let repaired = backend.repair(&request, &repair, &mut log).await;
    let report = match repaired {
        Ok(report) => report,
        Err(error) => {
            let failure = Failure::from(error);
            // It is said already: that its log could not be written is not worth another word.
            let _ = log.end(failure.exit, failure.fields());
            return Err(failure);
        }
    };
    let unwritten = log.end(Exit::Success, json!({"changed": report.changed}));
    console.document(&report, |_, look| human::repair(&report, look));
    if let Some(finding) = unwritten {
        console.remark(&format!("warning: {}: {}", finding.subject, finding.message));
    }
    Ok(Exit::Success)
}
