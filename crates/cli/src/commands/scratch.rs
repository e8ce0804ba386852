//! `scratch mark` and `scratch sweep`.

use serde::Serialize;
use stopover_scratch::sweep;

use crate::args::ScratchCommand;
use crate::console::{Console, Failure};
use crate::exit::Exit;

/// The document of `scratch sweep`.
#[derive(Serialize)]
struct SweepReport {
    schema_version: u32,
    tool_version: &'static str,
    swept: Vec<String>,
}

pub(super) async fn run(console: &Console, command: ScratchCommand) -> Result<Exit, Failure> {
    match command {
        ScratchCommand::Mark { scratch_url } => mark(console, &scratch_url).await,
        ScratchCommand::Sweep { scratch_dir } => {
            let folder = scratch_dir.unwrap_or_else(std::env::temp_dir);
            let swept = tokio::task::spawn_blocking(move || sweep::sweep(&folder)).await;
            let swept = swept.map_err(|error| Failure::unable(error.to_string(), ""))?;
            let report = SweepReport {
                schema_version: stopover_model::report::SCHEMA_VERSION,
                tool_version: stopover_model::TOOL_VERSION,
                swept: swept.iter().map(ToString::to_string).collect(),
            };
            console.document(&report, |_, _| match report.swept.as_slice() {
                [] => "nothing was left behind\n".to_owned(),
                lines => lines.iter().map(|line| format!("{line}\n")).collect(),
            });
            Ok(Exit::Success)
        }
    }
}

async fn mark(console: &Console, url: &str) -> Result<Exit, Failure> {
    let target = std::env::var("DATABASE_URL").ok().filter(|it| !it.trim().is_empty());
    let database = stopover_scratch::provider::mark(url, target.as_deref())
        .await
        .map_err(|error| Failure::unable(error.to_string(), error.remedy()))?;
    let text = format!("the database {database} is marked as a scratch: rehearsals may empty it\n");
    console.print(&text);
    Ok(Exit::Success)
}
