//! `preflight`.

use stopover_backend::Stop;
use stopover_engine::{DumpFinder, Preflight, Request};
use stopover_model::harness::{Fact, Unread};
use stopover_model::report::PreflightReport;
use stopover_report::human;
use stopover_scratch::binaries::{Program, Search};

use crate::args::{Global, LimitArguments, PreflightArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::reports::{self, Kind};
use crate::settings::{Flags, Settings};

use super::{flags, load, request, selection, source_and_backend};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: PreflightArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let chosen = arguments.selection.clone();
    let flags = Flags {
        pg_bin: arguments.pg_bin,
        ..flags(arguments.source, Some(arguments.target), LimitArguments::default())
    };
    let mut loaded = load(global, flags)?;
    if arguments.data_dir_free.is_some() {
        loaded.settings.preflight.data_dir_free = arguments.data_dir_free;
    }
    let settings = &loaded.settings;
    let asked = asked(settings).await?;
    let (source, backend) = source_and_backend(settings).await?;
    let selection = selection(&chosen, &source)?;
    let gate = settings.gate()?;
    let request = Request { gate, ..request(&source, settings, selection, stop)? };
    let report = backend.preflight(&request, &asked).await?;
    give_out(console, settings, &report, !arguments.no_report)
}

/// What a preflight is told, as the settings say.
pub(super) async fn asked(settings: &Settings) -> Result<Preflight, Failure> {
    let search = Search::from_environment(settings.pg_bin.clone());
    Ok(Preflight {
        limits: settings.preflight_limits()?,
        role: settings.preflight.role.clone(),
        dump: DumpFinder::new(move |server| dump(&search, server)),
        data_dir_free: settings.data_dir_free().await?,
    })
}

/// Gives out a report, and keeps it where that is wanted.
fn give_out(
    console: &Console,
    settings: &Settings,
    report: &PreflightReport,
    keep: bool,
) -> Result<Exit, Failure> {
    let folder = &settings.log_dir;
    let stored = keep.then(|| reports::store(folder, Kind::Preflight, report.timestamp, report));
    console.document(report, |detail, look| human::preflight(report, detail, look));
    match stored.transpose() {
        Ok(Some(path)) => console.remark(&format!("report: {}", path.display())),
        Ok(None) => {}
        Err(failure) => return Ok(console.say(&failure)),
    }
    Ok(if report.preflight_passed { Exit::Success } else { Exit::Preflight })
}

/// The oldest major version that is looked for, to say how old a pg_dump is.
const OLDEST: u32 = 9;

/// The version of the pg_dump that would make a backup of a server of this version.
fn dump(search: &Search, server: &str) -> Fact<String> {
    let digits: String = server.chars().take_while(char::is_ascii_digit).collect();
    let wanted: u32 = digits.parse().unwrap_or(0);
    let missing = match search.choose_client(wanted, Program::PgDump) {
        Ok(client) => return Fact::Read(client.version.to_string()),
        Err(error) => error,
    };
    // One that is too old is told by its version.
    let older = (OLDEST..wanted).rev().find_map(|it| {
        let client = search.choose_client(it, Program::PgDump).ok()?;
        (client.version.major() == it).then(|| client.version.to_string())
    });
    match older {
        Some(version) => Fact::Read(version),
        None => Fact::Unread(Unread {
            why: missing.to_string(),
            sqlstate: None,
            remedy: "install PostgreSQL's client programs, or name their folder: --pg-bin DIR"
                .to_owned(),
        }),
    }
}
