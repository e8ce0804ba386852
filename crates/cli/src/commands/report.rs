//! `report`: a stored report of a rehearsal, shown again or in other forms.

use std::io::Read;
use std::path::Path;

use serde_json::Value;
use stopover_model::report::{RehearsalReport, SCHEMA_VERSION};
use stopover_report::{NoSource, human};

use crate::args::{Global, ReportArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::forms::{Form, Forms, Workflow};

pub(super) fn run(
    global: &Global,
    console: &Console,
    arguments: ReportArguments,
) -> Result<Exit, Failure> {
    let asked = [
        (Form::Html, arguments.html),
        (Form::Markdown, arguments.markdown),
        (Form::Junit, arguments.junit),
        (Form::Sarif, arguments.sarif),
    ];
    let is_file_asked = asked.iter().any(|(_, path)| path.is_some());
    let workflow = if arguments.github { Workflow::Told } else { Workflow::Untold };
    let report = read(&arguments.file)?;
    let forms = Forms::of(asked, workflow, global.format)?;
    match forms.output(&report) {
        Some(text) => console.print(&text),
        // Whoever asks for a file gets it; whoever asks for nothing sees the report.
        None if is_file_asked || arguments.github => {}
        None => {
            console.document(&report, |detail, look| {
                human::rehearsal(&report, detail, &NoSource, look)
            });
        }
    }
    for written in forms.write(&report)? {
        console.remark(&written);
    }
    Ok(Exit::Success)
}

fn read(file: &Path) -> Result<RehearsalReport, Failure> {
    let shown =
        if file.as_os_str() == "-" { "standard input".into() } else { file.display().to_string() };
    let text = text_of(file).map_err(|error| {
        Failure::usage(
            format!("{shown} cannot be read: {error}"),
            "name a report that `stopover rehearse` wrote: logs/rehearsal-report-<time>.json",
        )
    })?;
    let other = |why: String| {
        Failure::usage(
            format!("{shown} is not the report of a rehearsal: {why}"),
            "name a report that `stopover rehearse` wrote: logs/rehearsal-report-<time>.json",
        )
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| other(error.to_string()))?;
    if let Some(version) = value["schema_version"].as_u64()
        && version > u64::from(SCHEMA_VERSION)
    {
        return Err(Failure::usage(
            format!(
                "{shown} has version {version} of the report's form, and this tool knows {SCHEMA_VERSION}"
            ),
            "use the version of the tool that wrote it, or a newer one",
        ));
    }
    serde_json::from_value(value).map_err(|error| other(error.to_string()))
}

fn text_of(file: &Path) -> std::io::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}
