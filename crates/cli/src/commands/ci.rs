//! `ci`.

use std::time::Instant;

use stopover_backend::{CensusDepth, Stop};
use stopover_engine::{Build, Built, DownTrial, Measure, RehearsalEnding, Request};
use stopover_model::report::{CheckEntry, CheckOutcome, CiReport, Verdict};
use stopover_planner::Selection;
use stopover_report::human;
use stopover_scratch::provider::{EmptyScratch, PostgresScratch};
use stopover_sqlite::EmptyFile;

use crate::args::{CiArguments, Global};
use crate::console::{Console, Failure, Scripts};
use crate::exit::Exit;
use crate::settings::{Flags, Settings};
use crate::target;

use super::rehearse::{forms, scratch_request};
use super::{flags, lint, load, read_source, request, usable_source};

/// Which kind of database is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Sqlite,
}

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: CiArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    let forms = forms(&arguments.forms, global.format)?;
    let loaded = {
        let mut loaded = load(global, ci_flags(&arguments))?;
        let ci = &mut loaded.settings.ci;
        if let Some(time) = &arguments.migration_time {
            ci.migration_time.clone_from(time);
        }
        ci.down &= !arguments.no_down;
        ci.lint &= !arguments.no_lint;
        ci.roles.extend(arguments.role.iter().cloned());
        loaded
    };
    let settings = &loaded.settings;
    let url = settings.database_url.as_deref().unwrap_or_default();
    let sqlite = arguments.sqlite || url.trim_start().starts_with("sqlite:");
    let kind = if sqlite { Kind::Sqlite } else { Kind::Postgres };
    let source = read_source(settings)?;
    usable_source(&source).map_err(|errors| Failure::refused(Exit::Usage, errors))?;
    let request = request(&source, settings, Selection::All, stop)?;
    let linted = match kind {
        Kind::Postgres if settings.ci.lint => Some(lint::in_ci(settings, &source)?),
        _ => None,
    };
    let Built { rehearsal: built, mut checks } = build(settings, kind, &request, console).await?;
    let mut exit = of_ending(built.ending);
    let mut rehearsal = None;
    if arguments.backup.is_some() && exit.is_none() {
        let rehearsed = rehearse(settings, &request, console).await?;
        checks.push(CheckEntry {
            code: "rehearsal".to_owned(),
            outcome: match rehearsed.report.verdict {
                Verdict::Green => CheckOutcome::Clean,
                Verdict::Red => CheckOutcome::Found,
            },
        });
        exit = of_ending(rehearsed.ending);
        rehearsal = Some(rehearsed.report);
    }
    let mut report = CiReport::of(built.report, rehearsal);
    report.checks = checks;
    if let Some(found) = linted {
        report = report.with_lint(found);
    }
    report.duration_ms = began.elapsed().as_secs_f64() * 1e3;
    give_out(console, &report, &forms, &Scripts(&source))?;
    Ok(exit.unwrap_or(match report.verdict {
        Verdict::Green => Exit::Success,
        Verdict::Red => Exit::Red,
    }))
}

async fn build(
    settings: &Settings,
    kind: Kind,
    request: &Request<'_>,
    console: &Console,
) -> Result<Built, Failure> {
    let down = if settings.ci.down { DownTrial::Tried } else { DownTrial::LeftOut };
    let measure = Measure { down, census: CensusDepth::Rows, ..Measure::default() };
    let asked = Build { measure, limit: settings.migration_time()?, below: settings.below()? };
    let scratch = target::scratch_settings(settings);
    let mut progress = console.progress();
    Ok(match kind {
        Kind::Postgres => {
            let mut empty = EmptyScratch::alone(settings.ci.roles.clone(), scratch);
            stopover_engine::ci(&mut empty, request, &asked, &mut progress).await
        }
        Kind::Sqlite => {
            let mut empty = EmptyFile::new(scratch.folder);
            stopover_engine::ci(&mut empty, request, &asked, &mut progress).await
        }
    })
}

async fn rehearse(
    settings: &Settings,
    request: &Request<'_>,
    console: &Console,
) -> Result<stopover_engine::Rehearsal, Failure> {
    let measure = Measure { thresholds: settings.thresholds()?, ..Measure::default() };
    let mut scratch = PostgresScratch::new(scratch_request(settings)?);
    let mut progress = console.progress();
    Ok(stopover_engine::rehearse(&mut scratch, request, &measure, &mut progress).await)
}

/// The exit code of a run that came to no verdict.
const fn of_ending(ending: RehearsalEnding) -> Option<Exit> {
    match ending {
        RehearsalEnding::Judged => None,
        RehearsalEnding::Misconfigured => Some(Exit::Usage),
        RehearsalEnding::Unable => Some(Exit::Unable),
        RehearsalEnding::Stopped(signal) => Some(Exit::Stopped(signal)),
    }
}

fn give_out(
    console: &Console,
    report: &CiReport,
    forms: &crate::forms::Forms,
    scripts: &Scripts<'_>,
) -> Result<(), Failure> {
    let merged = report.as_rehearsal();
    match forms.output(&merged) {
        Some(text) => console.print(&text),
        None => console.document(report, |detail, look| human::ci(report, detail, scripts, look)),
    }
    for written in forms.write(&merged)? {
        console.remark(&written);
    }
    Ok(())
}

fn ci_flags(arguments: &CiArguments) -> Flags {
    Flags {
        backup: arguments.backup.clone(),
        fetch: arguments.backup.as_ref().map(|_| crate::settings::FetchFlag::nothing()),
        scratch_db_url: arguments.scratch_url.clone(),
        pg_bin: arguments.pg_bin.clone(),
        scratch_dir: arguments.scratch_dir.clone(),
        ..flags(arguments.source.clone(), None, arguments.limits.clone())
    }
}
