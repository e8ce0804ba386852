//! `demo`: the main job on an example shop, from nothing.
//!
//! Everything is real: a private server, the shop's migrations applied by the engine, a backup by
//! pg_dump, and three rehearsals by the function that `rehearse` calls. The demo checks itself: it
//! fails when a rehearsal does not come out as it should.

mod backup;
mod page;
mod shop;

use std::path::{Path, PathBuf};

use serde::Serialize;
use stopover_backend::{Stop, StopSignal};
use stopover_engine::{Measure, Rehearsal};
use stopover_model::report::{SCHEMA_VERSION, Verdict};
use stopover_model::{Silent, SourceSet, TOOL_VERSION};
use stopover_planner::Selection;
use stopover_report::Look;
use stopover_scratch::binaries::Search;
use stopover_scratch::provider::{PostgresScratch, ScratchRequest};
use stopover_scratch::server::Reach;

use crate::args::{DemoArguments, Format, Global};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::Settings;

use self::backup::{Made, make};
use self::shop::{BACKUP, CHANGES, Change, Shop};
use super::rehearse::exit;
use super::request;

/// The document of `demo`.
#[derive(Debug, Serialize)]
struct DemoReport {
    schema_version: u32,
    tool_version: &'static str,
    /// Where the example's files are kept; null where they are gone.
    kept: Option<String>,
    changes: Vec<ChangeReport>,
}

/// One rehearsal of the demo.
#[derive(Debug, Serialize)]
struct ChangeReport {
    name: &'static str,
    shows: &'static str,
    verdict: Verdict,
    /// What `stopover rehearse` would have exited with.
    exit_code: u8,
    detail: String,
}

/// Why there is no document.
enum Interruption {
    Failed(Failure),
    Stopped(StopSignal),
}

impl From<Failure> for Interruption {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: DemoArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    match play(global, console, &arguments, &stop).await {
        Ok(report) => {
            console.document(&report, |_, look| page::end(&report, look));
            Ok(Exit::Success)
        }
        Err(Interruption::Stopped(signal)) => Ok(Exit::Stopped(signal)),
        Err(Interruption::Failed(failure)) => Err(failure),
    }
}

async fn play(
    global: &Global,
    console: &Console,
    arguments: &DemoArguments,
    stop: &Stop,
) -> Result<DemoReport, Interruption> {
    let search = Search::from_environment(arguments.pg_bin.clone());
    let shop = Shop::write(arguments.keep.as_deref())?;
    tell(global, console, page::beginning);
    let making = make(&shop, &search, stop);
    let made = tokio::select! {
        made = making => made?,
        signal = stop.wait() => return Err(Interruption::Stopped(signal)),
    };
    tell(global, console, |_| page::made(&made));
    let mut changes = Vec::new();
    for (at, change) in CHANGES.iter().enumerate() {
        let (source, rehearsal) = rehearse(&shop, change, &search, stop).await?;
        if let Some(signal) = stop.requested() {
            return Err(Interruption::Stopped(signal));
        }
        tell(global, console, |look| page::change(at + 1, change, &source, &rehearsal, look));
        check(change, &made, &rehearsal)?;
        changes.push(ChangeReport {
            name: change.name,
            shows: change.shows,
            verdict: rehearsal.report.verdict,
            exit_code: exit(&rehearsal).code(),
            detail: rehearsal.report.detail,
        });
    }
    let kept = arguments.keep.as_ref().map(|folder| folder.display().to_string());
    Ok(DemoReport { schema_version: SCHEMA_VERSION, tool_version: TOOL_VERSION, kept, changes })
}

/// Says something to people; programs get one document at the end.
fn tell(global: &Global, console: &Console, text: impl FnOnce(&Look) -> String) {
    if global.format == Format::Human {
        console.print(&text(&Look::of_stdout()));
    }
}

/// The same as `stopover rehearse --backup … --migrations …` without any other setting.
async fn rehearse(
    shop: &Shop,
    change: &Change,
    search: &Search,
    stop: &Stop,
) -> Result<(SourceSet, Rehearsal), Failure> {
    let settings = Settings::default();
    let source = read(shop.folder(), change.name)?;
    let request = request(&source, &settings, Selection::All, stop.clone())?;
    let mut scratch = PostgresScratch::new(ScratchRequest {
        backup: Some(shop.folder().join(BACKUP)),
        max_age: None,
        scratch_url: None,
        target_url: None,
        require_scratch_url: false,
        search: search.clone(),
        folder: None,
        template_cache: template_cache(&settings),
        bases: None,
        fsync: false,
        reach: Reach::Socket,
        as_role: None,
    });
    let mut rehearsal =
        stopover_engine::rehearse(&mut scratch, &request, &Measure::default(), &mut Silent).await;
    BACKUP.clone_into(&mut rehearsal.report.backup.path);
    Ok((source, rehearsal))
}

/// Reads the migrations in `name`; their files are shown as seen from the shop's folder, whose own
/// path says nothing to anybody.
fn read(folder: &Path, name: &str) -> Result<SourceSet, Failure> {
    let mut source = stopover_source::read_folder(&folder.join(name), None)
        .map_err(|error| Failure::unable(error.to_string(), ""))?;
    source.root = name.to_owned();
    let shorten = |path: &mut String| {
        if let Ok(short) = Path::new(path).strip_prefix(folder) {
            *path = short.display().to_string();
        }
    };
    for migration in &mut source.migrations {
        shorten(&mut migration.up.path);
    }
    Ok(source)
}

fn template_cache(settings: &Settings) -> Option<PathBuf> {
    settings.cache_dir().map(|dir| dir.join("templates"))
}

/// A demo that shows something else than it says would be a lie.
fn check(change: &Change, made: &Made, rehearsal: &Rehearsal) -> Result<(), Failure> {
    let code = exit(rehearsal).code();
    let detail = &rehearsal.report.detail;
    let rows = format!("{} rows", made.without_phone);
    let missing: Vec<&str> = change
        .told
        .iter()
        .map(|text| if *text == shop::ROWS { rows.as_str() } else { text })
        .filter(|text| !detail.contains(text))
        .collect();
    if code == change.exit_code && missing.is_empty() {
        return Ok(());
    }
    Err(Failure::unable(
        format!(
            "the demo did not come out as it should: {} ends with exit code {code} instead of \
             {}: {detail}",
            change.name, change.exit_code
        ),
        "this is a mistake in Stopover: please report it with what stands above",
    ))
}
