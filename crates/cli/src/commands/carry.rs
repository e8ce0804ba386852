//! `carry`.

use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use stopover_backend::{Privileges, Stop};
use stopover_carry::{Callback, CallbackForm, CarryRefusal, CarryRequest, Existing};
use stopover_model::report::{CarryOutcome, CarryReport};
use stopover_postgres::Target;
use stopover_report::{human, json};
use stopover_scratch::binaries::Search;
use stopover_source::parse_duration;

use crate::args::{CallbackFormat, CarryArguments, FailOn, Global};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::{Flags, Settings};

use super::load;

/// Two at least: one connection waits for the other side half of its time.
const FEWEST_JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: CarryArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let flags = Flags { pg_bin: arguments.pg_bin.clone(), ..Flags::default() };
    let loaded = load(global, flags)?;
    let request = request(&arguments, &loaded.settings, stop)?;
    let mut progress = console.progress();
    let carried = stopover_carry::carry(&request, &mut progress).await;
    drop(progress);
    let report = carried.map_err(failure)?;
    console.document(&report, |detail, look| human::carry(&report, detail, look));
    let written = write(&arguments, &report);
    let exit = exit(&report, arguments.fail_on);
    match written {
        Ok(()) => Ok(exit),
        Err(failure) => Ok(console.say(&failure)),
    }
}

fn request(
    arguments: &CarryArguments,
    settings: &Settings,
    stop: Stop,
) -> Result<CarryRequest, Failure> {
    let included = |yes: bool| if yes { Privileges::Included } else { Privileges::LeftOut };
    let timeout = arguments.timeout.as_deref().map(|it| duration("--timeout", it)).transpose()?;
    Ok(CarryRequest {
        from: target("--from", &arguments.from)?,
        to: target("--to", &arguments.to)?,
        schemas: arguments.schemas.clone(),
        reserved: vec![settings.ledger_schema.clone()],
        existing: if arguments.keep_existing { Existing::Kept } else { Existing::Replaced },
        owners: included(arguments.owners),
        privileges: included(arguments.privileges),
        timeout,
        callback: callback(arguments)?,
        jobs: arguments.jobs.unwrap_or_else(jobs),
        search: Search::from_environment(settings.pg_bin.clone()),
        stop,
    })
}

fn jobs() -> NonZeroUsize {
    available_parallelism().unwrap_or(FEWEST_JOBS).max(FEWEST_JOBS)
}

fn callback(arguments: &CarryArguments) -> Result<Option<Callback>, Failure> {
    let Some(url) = &arguments.callback else { return Ok(None) };
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(Failure::usage(
            "--callback is no address",
            "give one that begins with http:// or https://",
        ));
    }
    let form = match arguments.callback_format {
        CallbackFormat::Text => CallbackForm::Text,
        CallbackFormat::Json => CallbackForm::Json,
    };
    let patience = duration("--callback-timeout", &arguments.callback_timeout)?;
    Ok(Some(Callback { url: url.clone(), form, patience }))
}

fn duration(flag: &str, text: &str) -> Result<std::time::Duration, Failure> {
    parse_duration(text).map_err(|error| {
        Failure::usage(format!("{flag} {text}: {error}"), "write a time such as 30s, 10min or 2h")
    })
}

fn target(flag: &str, url: &str) -> Result<Target, Failure> {
    Target::parse(url).map_err(|error| {
        Failure::usage(
            format!("{flag}: {error}"),
            "write postgresql://user@host:5432/database, or host=… user=… dbname=…: carry is for \
             PostgreSQL",
        )
    })
}

fn failure(refusal: CarryRefusal) -> Failure {
    let message = refusal.to_string();
    match refusal {
        CarryRefusal::Refused { remedy, .. } => Failure::usage(message, remedy),
        CarryRefusal::Stopped { signal, .. } => {
            Failure::ended(Exit::Stopped(signal), message, String::new())
        }
    }
}

/// The other forms of the report.
fn write(arguments: &CarryArguments, report: &CarryReport) -> Result<(), Failure> {
    let put = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| {
            Failure::unable(
                format!("{} cannot be written: {error}", path.display()),
                "name a file in a folder that may be written",
            )
        })
    };
    if let Some(path) = &arguments.report_json {
        put(path, json::document(report))?;
    }
    if let Some(path) = &arguments.report_markdown {
        put(path, stopover_report::carry_markdown(report))?;
    }
    Ok(())
}

fn exit(report: &CarryReport, fail_on: Option<FailOn>) -> Exit {
    match report.ending() {
        Some(CarryOutcome::Success | CarryOutcome::TimeoutSkipped) => Exit::Success,
        Some(CarryOutcome::Partial(_)) => match fail_on {
            Some(FailOn::Partial) => Exit::Preflight,
            None => Exit::Success,
        },
        // An outcome that nobody knows is no success.
        Some(CarryOutcome::Failed(_) | CarryOutcome::Unknown) | None => Exit::Unable,
    }
}
