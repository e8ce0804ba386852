//! `postflight`.

use std::path::{Path, PathBuf};

use stopover_backend::Stop;
use stopover_engine::{ExpectedSchema, Postflight};
use stopover_model::report::{PostflightReport, RehearsalReport, SchemaReport};
use stopover_report::human;

use crate::args::{Global, LimitArguments, PostflightArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::reports::{self, Kind};
use crate::settings::Settings;

use super::{flags, load, request, source_and_backend};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: PostflightArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let (expect, rehearsal) = (arguments.expect.as_deref(), arguments.rehearsal.as_deref());
    let flags = flags(arguments.source, Some(arguments.target), LimitArguments::default());
    let loaded = load(global, flags)?;
    let settings = &loaded.settings;
    let asked = Postflight {
        limits: settings.postflight_limits()?,
        expected: expected(settings, expect, rehearsal)?,
        ..Postflight::default()
    };
    let (source, backend) = source_and_backend(settings).await?;
    let request = request(&source, settings, stopover_planner::Selection::All, stop)?;
    let report = backend.postflight(&request, &asked).await?;
    give_out(console, settings, &report, !arguments.no_report)
}

/// What the schema should be, as the arguments say.
fn expected(
    settings: &Settings,
    expect: Option<&str>,
    rehearsal: Option<&Path>,
) -> Result<Vec<ExpectedSchema>, Failure> {
    let mut expected = Vec::new();
    if let Some(written) = expect {
        expected.push(given(written)?);
    }
    if let Some(path) = rehearsal {
        expected.push(rehearsed(settings, path)?);
    }
    Ok(expected)
}

/// A checksum, or a document.
fn given(written: &str) -> Result<ExpectedSchema, Failure> {
    let is_checksum = written.len() == 64 && written.chars().all(|it| it.is_ascii_hexdigit());
    if is_checksum {
        return Ok(ExpectedSchema {
            told_by: "--expect".to_owned(),
            checksum: written.to_ascii_lowercase(),
            schema: None,
        });
    }
    let report: SchemaReport = reports::read(Path::new(written))?;
    let checksum = report.checksum.clone();
    let schema = report.schema().ok_or_else(|| {
        Failure::usage(
            format!("{written}: the objects are not those that its checksum was made of"),
            "write it anew: stopover schema --format json",
        )
    })?;
    Ok(ExpectedSchema { told_by: written.to_owned(), checksum, schema: Some(schema) })
}

/// What a rehearsal ended with.
fn rehearsed(settings: &Settings, path: &Path) -> Result<ExpectedSchema, Failure> {
    let latest = || reports::latest(&settings.log_dir, Kind::Rehearsal);
    let named: Option<PathBuf> =
        if path == Path::new("latest") { latest() } else { Some(path.to_owned()) };
    let Some(file) = named else {
        return Err(Failure::usage(
            format!("there is no stored report of a rehearsal in {}", settings.log_dir.display()),
            "name one: --rehearsal FILE, or run stopover rehearse",
        ));
    };
    let report: RehearsalReport = reports::read(&file)?;
    let checksum = report.schema.after.ok_or_else(|| {
        Failure::usage(
            format!("{} does not say which schema the rehearsal ended with", file.display()),
            "name the report of a rehearsal that came to its end",
        )
    })?;
    let told_by = format!("the rehearsal of {}", file.display());
    Ok(ExpectedSchema { told_by, checksum, schema: None })
}

fn give_out(
    console: &Console,
    settings: &Settings,
    report: &PostflightReport,
    keep: bool,
) -> Result<Exit, Failure> {
    let folder = &settings.log_dir;
    let stored = keep.then(|| reports::store(folder, Kind::Postflight, report.timestamp, report));
    console.document(report, |detail, look| human::postflight(report, detail, look));
    match stored.transpose() {
        Ok(Some(path)) => console.remark(&format!("report: {}", path.display())),
        Ok(None) => {}
        Err(failure) => return Ok(console.say(&failure)),
    }
    Ok(if report.validation_passed { Exit::Success } else { Exit::Postflight })
}
