//! One file per command: arguments and settings → request → one call → document and exit code.

mod adopt;
mod apply;
mod backup;
mod cache;
mod carry;
mod ci;
mod config;
mod demo;
mod lint;
mod new;
mod plan;
mod postflight;
mod preflight;
mod programs;
mod receipt;
mod rehearse;
mod repair;
mod report;
mod rollback;
mod safeguards;
mod schema;
mod scratch;
mod status;

use std::sync::Arc;
use std::thread;

use stopover_backend::{FactsRequest, LedgerChoice, Stop};
use stopover_engine::Request;
use stopover_model::{Finding, Gate, LedgerKind, SourceSet, Version};
use stopover_planner::Selection;
use stopover_source::{GitHistory, SourceError};
use tokio::sync::oneshot;

use crate::args::{
    ApplyArguments, Arguments, Command, Global, LimitArguments, SelectionArguments,
    SourceArguments, TargetArguments,
};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::{self, Flags, Loaded, Settings};
use crate::signals;
use crate::target::{self, Database};

/// Runs the command, and says how it ended.
pub(crate) async fn run(arguments: Arguments) -> Exit {
    let console = Console::of(&arguments.global);
    let stop = match signals::listen() {
        Ok(stop) => stop,
        Err(error) => {
            let failure = Failure::unable(format!("signals cannot be caught: {error}"), "");
            return console.fail(&failure);
        }
    };
    let global = &arguments.global;
    let ended = match arguments.command {
        Command::Rehearse(it) => rehearse::run(global, &console, it.given(), stop).await,
        Command::Report(it) => report::run(global, &console, it.given()),
        Command::Apply(it) if !it.dry_run => apply::run(global, &console, it.given(), stop).await,
        Command::Plan(it) | Command::Apply(it) => {
            plan::run(global, &console, it.given(), stop).await
        }
        Command::Preflight(it) => preflight::run(global, &console, it.given(), stop).await,
        Command::Postflight(it) => postflight::run(global, &console, it.given(), stop).await,
        Command::Status(it) => status::run(global, &console, it.given(), stop).await,
        Command::Rollback(it) => rollback::run(global, &console, it.given(), stop).await,
        Command::Schema(it) => schema::run(global, &console, it.given(), stop).await,
        Command::Adopt(it) => adopt::run(global, &console, it.given(), stop).await,
        Command::Repair(it) => repair::run(global, &console, it, stop).await,
        Command::Receipt(it) => receipt::run(global, &console, it),
        Command::Ci(it) => ci::run(global, &console, it.given(), stop).await,
        Command::Backup(it) => backup::run(global, &console, it.given(), stop).await,
        Command::Verify(it) => backup::run_verify(global, &console, it.given(), stop).await,
        Command::Lint(it) => lint::run(global, &console, it.given()),
        Command::New(it) => new::run(global, &console, it.given()),
        Command::Config(it) => config::run(global, &console, it.given()),
        Command::Scratch(it) => scratch::run(&console, it).await,
        Command::Carry(it) => carry::run(global, &console, it.given(), stop).await,
        Command::Cache(it) => cache::run(global, &console, it.given()).await,
        Command::Demo(it) => demo::run(global, &console, it.given(), stop).await,
    };
    ended.unwrap_or_else(|failure| console.fail(&failure))
}

/// The flags that several commands share.
fn flags(
    source: SourceArguments,
    target: Option<TargetArguments>,
    limits: LimitArguments,
) -> Flags {
    Flags {
        database_url: target.and_then(|it| it.database_url),
        migrations: source.migrations,
        layout: source.layout,
        ledger: source.ledger,
        lock_wait: limits.lock_wait,
        lock_timeout: limits.lock_timeout,
        statement_timeout: limits.statement_timeout,
        lock_retries: limits.lock_retries,
        ..Flags::default()
    }
}

/// Those of `apply` and `plan`.
fn apply_flags(arguments: ApplyArguments) -> Flags {
    let flags = flags(arguments.source, Some(arguments.target), arguments.limits);
    Flags {
        require_rehearsal: arguments.require_rehearsal,
        receipt: arguments.receipt,
        ..backup::backup_flags(arguments.backup, flags)
    }
}

fn load(global: &Global, flags: Flags) -> Result<Loaded, Failure> {
    settings::load(global.config.as_deref(), global.env.as_deref(), flags)
}

/// Reads the source. What is wrong with single files is in its findings.
fn read_source(settings: &Settings) -> Result<SourceSet, Failure> {
    let read = stopover_source::read_folder(&settings.migrations, settings.layout);
    understood(read, settings)
}

/// Reads the source as [`read_source`] does, while the database is connected to. What is wrong with
/// the source is told first.
async fn source_and_backend(settings: &Settings) -> Result<(SourceSet, Database), Failure> {
    let backend = target::backend(settings);
    if let Ok(backend) = &backend {
        backend.connect_early(ledger_choice(settings, None));
    }
    let (folder, layout) = (settings.migrations.clone(), settings.layout);
    let (tell, told) = oneshot::channel();
    // It ends with its work. A thread of the runtime's would wait for more, and be waited for when
    // the process ends: a tenth of the time of a run with nothing to do.
    let reader = thread::Builder::new().name("source".to_owned());
    let reading = reader.spawn(move || tell.send(stopover_source::read_folder(&folder, layout)));
    if let Err(error) = reading {
        tracing::debug!("no thread for the source: {error}");
    }
    // The thread breaks off only by a mistake of ours: it is met again here, and told.
    let source = match told.await {
        Ok(read) => understood(read, settings)?,
        Err(_) => read_source(settings)?,
    };
    Ok((source, backend?))
}

fn understood(
    read: Result<SourceSet, SourceError>,
    settings: &Settings,
) -> Result<SourceSet, Failure> {
    let source = read.map_err(|error| Failure::usage(error.to_string(), ""))?;
    in_the_settings_form(source, settings)
}

/// With the versions that the ledger of the settings has.
fn in_the_settings_form(source: SourceSet, settings: &Settings) -> Result<SourceSet, Failure> {
    if settings.ledger == Some(LedgerKind::Stopover) { in_integers(source) } else { Ok(source) }
}

/// Our own ledger holds integers, whatever the layout's versions are.
fn in_integers(source: SourceSet) -> Result<SourceSet, Failure> {
    let layout = source.layout;
    source.in_integers().map_err(|reason| {
        Failure::usage(
            format!("Stopover's own ledger cannot be used with this source: {reason}"),
            format!(
                "stay with the ledger that belongs to the layout {layout}: it is used in place"
            ),
        )
    })
}

/// A source with files that cannot be read as migrations ends a run at once, with its errors;
/// collisions do not: they are drift, and are told together with the rest of it.
fn usable_source(source: &SourceSet) -> Result<(), Vec<Finding>> {
    let errors = source.findings.iter().filter(|it| it.is_error());
    if errors.clone().any(|it| it.code != "collision") {
        return Err(errors.cloned().collect());
    }
    Ok(())
}

fn selection(arguments: &SelectionArguments, source: &SourceSet) -> Result<Selection, Failure> {
    Ok(match (arguments.steps, arguments.target.as_deref()) {
        (Some(count), _) => Selection::Next(count.get()),
        (None, Some(text)) => Selection::UpTo(version(text, source)?),
        (None, None) => Selection::All,
    })
}

/// A version as people write it, as the source has it.
fn version(text: &str, source: &SourceSet) -> Result<Version, Failure> {
    let written = source.layout.version(text);
    let in_integers = source.migrations.iter().any(|it| it.version.as_integer().is_some());
    let version = match written {
        Some(version) if in_integers => version.spelled_integer().map(Version::Integer),
        other => other,
    };
    version.ok_or_else(|| {
        Failure::usage(
            format!("--target {text}: not a version of this source"),
            "give the version at the beginning of the file's name, e.g. --target 42",
        )
    })
}

/// What the engine is asked.
fn request<'a>(
    source: &'a SourceSet,
    settings: &'a Settings,
    selection: Selection,
    stop: Stop,
) -> Result<Request<'a>, Failure> {
    Ok(Request {
        source,
        policy: &settings.policy,
        facts: FactsRequest { ledger: ledger_choice(settings, Some(source.layout.ledger())) },
        selection,
        limits: settings.limits()?,
        history: Arc::new(GitHistory),
        gate: Gate::default(),
        stop,
    })
}

/// Which ledger the settings mean.
fn ledger_choice(settings: &Settings, fallback: Option<LedgerKind>) -> LedgerChoice {
    LedgerChoice {
        kind: settings.ledger,
        fallback,
        schema: Some(settings.ledger_schema.clone()),
        table: Some(settings.ledger_table.clone()),
    }
}
