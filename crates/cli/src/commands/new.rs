//! `new`.

use serde::Serialize;
use stopover_source::{NewMigration, Reversibility};

use crate::args::{Global, LimitArguments, NewArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;

use super::{flags, load};

/// The document of `new`.
#[derive(Serialize)]
struct NewReport {
    schema_version: u32,
    tool_version: &'static str,
    files: Vec<String>,
}

pub(super) fn run(
    global: &Global,
    console: &Console,
    arguments: NewArguments,
) -> Result<Exit, Failure> {
    let flags = flags(arguments.source, None, LimitArguments::default());
    let settings = load(global, flags)?.settings;
    let request = NewMigration {
        name: &arguments.name,
        layout: settings.layout,
        numbering: None,
        reversibility: arguments.no_down.then_some(Reversibility::UpOnly),
        now: jiff::Timestamp::now(),
    };
    let paths = stopover_source::create(&settings.migrations, &request)
        .map_err(|error| Failure::usage(error.to_string(), ""))?;
    let report = NewReport {
        schema_version: stopover_model::report::SCHEMA_VERSION,
        tool_version: stopover_model::TOOL_VERSION,
        files: paths.iter().map(|path| path.display().to_string()).collect(),
    };
    console.document(&report, |_, _| report.files.iter().map(|it| format!("{it}\n")).collect());
    Ok(Exit::Success)
}
