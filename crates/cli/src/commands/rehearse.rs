//! `rehearse`.

use std::path::{Path, PathBuf};

use stopover_backend::{CensusDepth, Stop};
use stopover_engine::{Comparison, DownTrial, Measure, Rehearsal, RehearsalEnding, Request};
use stopover_model::EventSink;
use stopover_model::report::{RehearsalReport, Verdict};
use stopover_report::human;
use stopover_scratch::provider::{PostgresScratch, ScratchRequest, SqliteScratch};

use crate::args::{FormArguments, Format, Global, ProgramArguments, RehearseArguments};
use crate::console::{Console, Failure, Scripts};
use crate::exit::Exit;
use crate::forms::{Form, Forms, Workflow};
use crate::reports::{self, Kind};
use crate::settings::{FetchFlag, Flags, Settings};
use crate::target;

use super::{flags, load, programs, receipt, request, selection, usable_source};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: RehearseArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let keep_report = !arguments.no_report;
    let forms = forms(&arguments.forms, global.format)?;
    let traffic_per_second = arguments.traffic;
    let chosen = arguments.selection.clone();
    let (asked, programs) = (arguments.source.clone(), arguments.programs.clone());
    let loaded = load(global, rehearse_flags(arguments))?;
    let settings = &loaded.settings;
    let (source, comparison) = programs::source(&loaded, &asked, &programs)?;
    usable_source(&source).map_err(|errors| Failure::refused(Exit::Usage, errors))?;
    // A key that cannot be read is found before hours are spent.
    let key = settings.receipt_key()?;
    let selection = selection(&chosen, &source)?;
    let request = request(&source, settings, selection, stop)?;
    let measure = measure(settings, traffic_per_second, &programs, comparison)?;
    let wanted = ScratchRequest { reach: programs::reach(&programs), ..scratch_request(settings)? };
    let scratch = PostgresScratch::new(wanted).fetching(settings.fetch()?);
    let mut progress = console.progress();
    // What is left of the scratch is removed beside the report: it is waited for behind it.
    let (mut rehearsal, _scratch) = held(scratch, &request, &measure, &mut progress).await;
    drop(progress);
    if let (Some(key), Some(receipt)) = (&key, &mut rehearsal.report.receipt) {
        key.sign(receipt);
    }
    let report = &rehearsal.report;
    let folder = keep_report.then_some(settings.log_dir.as_path());
    let given = give_out(console, report, &forms, folder, &Scripts(&source));
    match given.and_then(|()| receipt::keep(console, settings, report.receipt.as_ref(), folder)) {
        Ok(()) => Ok(exit(&rehearsal)),
        Err(failure) => Ok(console.say(&failure)),
    }
}

/// What is measured, and what takes part.
fn measure(
    settings: &Settings,
    traffic_per_second: Option<u32>,
    programs: &ProgramArguments,
    comparison: Comparison,
) -> Result<Measure, Failure> {
    let measure = Measure {
        thresholds: settings.thresholds()?,
        traffic_per_second,
        programs: programs::programs(programs, comparison)?,
        census: census(settings),
        down: if settings.down { DownTrial::Tried } else { DownTrial::LeftOut },
    };
    if measure.down == DownTrial::Tried && measure.programs.command.is_some() {
        return Err(Failure::usage(
            "the setting `down` asks for down scripts to be run, and --command lets a tool of your \
             own migrate, whose way back is not known here",
            "set down = false, or leave --command out",
        ));
    }
    Ok(measure)
}

/// Where a rehearsal was held. Dropping it waits until all of it is gone.
enum Place {
    File(Box<SqliteScratch>),
    Server(Box<PostgresScratch>),
}

/// Holds the rehearsal: what the backup is decides where.
async fn held(
    mut scratch: PostgresScratch,
    request: &Request<'_>,
    measure: &Measure,
    sink: &mut dyn EventSink,
) -> (Rehearsal, Place) {
    scratch.fetch_early(&request.stop, sink).await;
    let mut place = match scratch.into_sqlite() {
        Ok(file) => Place::File(Box::new(file)),
        Err(server) => Place::Server(server),
    };
    let rehearsal = match &mut place {
        Place::File(file) => stopover_engine::rehearse(&mut **file, request, measure, sink).await,
        Place::Server(server) => {
            stopover_engine::rehearse(&mut **server, request, measure, sink).await
        }
    };
    (rehearsal, place)
}

/// The stored report (where `folder` is given), the one on standard output, and all other forms.
fn give_out(
    console: &Console,
    report: &RehearsalReport,
    forms: &Forms,
    folder: Option<&Path>,
    scripts: &Scripts<'_>,
) -> Result<(), Failure> {
    let stored =
        folder.map(|folder| reports::store(folder, Kind::Rehearsal, report.timestamp, report));
    match forms.output(report) {
        Some(text) => console.print(&text),
        None => {
            console
                .document(report, |detail, look| human::rehearsal(report, detail, scripts, look));
        }
    }
    if let Some(path) = stored.transpose()? {
        console.remark(&format!("report: {}", path.display()));
    }
    for written in forms.write(report)? {
        console.remark(&written);
    }
    Ok(())
}

pub(super) fn forms(asked: &FormArguments, format: Format) -> Result<Forms, Failure> {
    let files = [
        (Form::Html, asked.report_html.clone()),
        (Form::Markdown, asked.report_markdown.clone()),
        (Form::Junit, asked.report_junit.clone()),
        (Form::Sarif, asked.report_sarif.clone()),
    ];
    let workflow = if asked.github { Workflow::Told } else { Workflow::Untold };
    Forms::of(files, workflow, format)
}

/// A verdict decides; where none was reached, what kept it from being reached does.
pub(super) fn exit(rehearsal: &Rehearsal) -> Exit {
    match (rehearsal.ending, rehearsal.report.verdict) {
        (RehearsalEnding::Judged, Verdict::Green) => Exit::Success,
        (RehearsalEnding::Judged, Verdict::Red) => Exit::Red,
        (RehearsalEnding::Misconfigured, _) => Exit::Usage,
        (RehearsalEnding::Unable, _) => Exit::Unable,
        (RehearsalEnding::Stopped(signal), _) => Exit::Stopped(signal),
    }
}

fn rehearse_flags(arguments: RehearseArguments) -> Flags {
    Flags {
        // A backup that is named on the command line is here: nothing is fetched.
        fetch: match &arguments.backup {
            Some(_) => Some(FetchFlag::nothing()),
            None => arguments.fetch.map(FetchFlag::of),
        },
        backup: arguments.backup,
        max_age: arguments.max_age,
        scratch_db_url: arguments.scratch_url,
        as_role: arguments.as_role,
        fsync: arguments.fsync.then_some(true),
        digest: arguments.digest.then_some(true),
        down: arguments.down.then_some(true),
        no_base: arguments.no_base.then_some(true),
        pg_bin: arguments.pg_bin,
        receipt: arguments.receipt,
        scratch_dir: arguments.scratch_dir,
        ..flags(arguments.source, None, arguments.limits)
    }
}

/// How closely tables are looked at.
fn census(settings: &Settings) -> CensusDepth {
    if settings.digest { CensusDepth::Digests } else { CensusDepth::Rows }
}

/// What the scratch is made from, as the settings say.
pub(super) fn scratch_request(settings: &Settings) -> Result<ScratchRequest, Failure> {
    Ok(ScratchRequest {
        backup: backup(settings)?,
        max_age: settings.max_age()?,
        ..target::scratch_settings(settings)
    })
}

/// `latest` is the pointer that `stopover backup` keeps.
fn backup(settings: &Settings) -> Result<Option<PathBuf>, Failure> {
    match settings.backup.as_deref() {
        Some("latest") => {
            let pointer = settings.backup_dir.join("latest-backup.txt");
            let text = match std::fs::read_to_string(&pointer) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    let message = format!("{} cannot be read: {error}", pointer.display());
                    return Err(Failure::usage(message, "name the backup: --backup FILE"));
                }
            };
            Ok(text.lines().next().filter(|line| !line.is_empty()).map(PathBuf::from))
        }
        other => Ok(other.map(PathBuf::from)),
    }
}
