//! The command line as it is typed. Values that are also settings stay optional here: a flag that
//! is not given leaves the setting to the environment and the file.

mod apply;
mod backup;
mod carry;
mod ci;
mod deferred;
mod harness;
mod inspect;
mod lint;
mod machine;
mod programs;
mod receipt;
mod rehearse;
mod settle;

use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use apply::{
    ApplyArguments, DecisionArguments, RecoverDirty, RollbackArguments, StatusArguments,
};
pub(crate) use backup::{BackupArguments, MakeBackupArguments, VerifyArguments};
pub(crate) use carry::{CallbackFormat, CarryArguments, FailOn};
pub(crate) use ci::CiArguments;
use deferred::Deferred;
pub(crate) use harness::{PostflightArguments, PreflightArguments};
pub(crate) use inspect::{ConfigArguments, NewArguments, SchemaArguments};
pub(crate) use lint::LintArguments;
pub(crate) use machine::{CacheArguments, CacheCommand, DemoArguments, ScratchCommand};
pub(crate) use programs::ProgramArguments;
pub(crate) use receipt::ReceiptCommand;
pub(crate) use rehearse::{FormArguments, RehearseArguments, ReportArguments};
pub(crate) use settle::{AdoptArguments, RepairArguments, RepairCommand};

/// Brings database migrations into production without surprises.
///
/// Reads the migrations that a team already has, rehearses them on a restored copy of production,
/// and applies them with the same engine.
#[derive(Debug, Parser)]
#[command(name = "stopover", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// What was typed. The parser ends with the process: taking it apart costs a run with nothing to
    /// do more than reading the words did.
    pub(crate) fn typed() -> Result<Self, clap::Error> {
        let mut parser = ManuallyDrop::new(Self::command());
        let mut matches = parser.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut parser))
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  success; verdict green          5  configuration or usage error
  1  preflight failed                6  rehearsal red
  2  a migration failed              7  the tool could not do its work
  3  postflight failed               8  drift found where none is allowed
  4  rollback failed                 130 / 143  stopped by SIGINT / SIGTERM

Settings come from flags, then the environment (DATABASE_URL, STOPOVER_*), then stopover.toml;
`stopover config` prints what holds and where each value came from.";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// How results are given out
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Settings file [default: stopover.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Environment of the settings file: its [env.NAME] table is stronger than the rest
    #[arg(long, global = true, value_name = "NAME", env = "STOPOVER_ENV")]
    pub(crate) env: Option<String>,
    /// Say nothing but results, warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more; twice for diagnostics
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How results are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One JSON document on standard output, and nothing else there
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Restore a backup, run the plan on it, report. No target needed
    Rehearse(Deferred<RehearseArguments>),
    /// Show a stored report of a rehearsal, or write it in other forms: HTML, Markdown, JUnit, SARIF
    Report(Deferred<ReportArguments>),
    /// What `apply` would do, step by step. Writes nothing
    Plan(Deferred<ApplyArguments>),
    /// Applied, pending, drift: everything at once. Writes nothing
    Status(Deferred<StatusArguments>),
    /// What is known to hurt in migrations that are only read: no database, no server
    ///
    /// squawk's rules on who is shut out, and on what still runs while a deploy is under way. A
    /// rehearsal on a backup measures it; this is for the moment when a migration is written.
    Lint(Deferred<LintArguments>),
    /// Whether this is the moment for an apply: every check at once. Writes nothing
    Preflight(Deferred<PreflightArguments>),
    /// Look at the target, back it up, run the plan on it, and look again
    ///
    /// All of it happens under one run lock and around one plan. With nothing to do nothing else is
    /// done either. `[apply]` in stopover.toml says which of preflight, backup and postflight stand.
    Apply(Deferred<ApplyArguments>),
    /// Whether an apply left everything as it should be. Writes nothing
    Postflight(Deferred<PostflightArguments>),
    /// Back the target up, and run down scripts on it, newest applied first
    Rollback(Deferred<RollbackArguments>),
    /// Take over another tool's history into Stopover's own ledger. Runs no migration
    Adopt(Deferred<AdoptArguments>),
    /// Settle drift by a decision that is kept in the journal. Runs no migration
    #[command(subcommand)]
    Repair(RepairCommand),
    /// What a build host asks on every push: all migrations up on an empty database, down, up again
    ///
    /// Needs no target: a private PostgreSQL is started and thrown away. Every migration must have a
    /// down script that leaves nothing behind, and end in time; afterwards nothing may be broken.
    Ci(Deferred<CiArguments>),
    /// Make a backup of the target, whole or not at all. Writes nothing to the target
    Backup(Deferred<MakeBackupArguments>),
    /// Prove a backup: restore it in a scratch, and compare it with what the source held
    Verify(Deferred<VerifyArguments>),
    /// The canonical schema of a database, and what is not the same in two. Writes nothing
    Schema(Deferred<SchemaArguments>),
    /// Receipts of rehearsals: keys that sign them, and whether one is to be believed
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Copy schemas from one database to another, tolerating statements that fail
    ///
    /// For reporting replicas: what clients keep of their own in the old restore goes to the new
    /// one, before the switch. A statement that fails costs its object and what depends on it,
    /// nothing else.
    Carry(Deferred<CarryArguments>),
    /// Create the next migration's files in the source's own layout
    New(Deferred<NewArguments>),
    /// Print the settings that hold, and where each came from
    Config(Deferred<ConfigArguments>),
    /// The main job on built-in example data, from nothing
    Demo(Deferred<DemoArguments>),
    /// Handle databases that rehearsals may use up
    #[command(subcommand)]
    Scratch(ScratchCommand),
    /// List, and throw away, what is kept so that rehearsals start faster
    Cache(Deferred<CacheArguments>),
}

/// Where the migrations are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SourceArguments {
    /// Folder with the migrations [default: migrations]
    #[arg(long, short, visible_alias = "source", value_name = "DIR")]
    pub(crate) migrations: Option<PathBuf>,
    /// Layout of the folder [default: recognised] [possible values: pairs, sqlx, diesel,
    /// goose, dbmate, flyway, refinery]
    #[arg(long, value_name = "LAYOUT")]
    pub(crate) layout: Option<String>,
    /// Ledger to use [default: the one that is there, else stopover's; Diesel's for Diesel's
    /// layout] [possible values: stopover, sqlx, diesel, goose, dbmate, flyway, refinery]
    #[arg(long, value_name = "LEDGER")]
    pub(crate) ledger: Option<String>,
}

/// Which database.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TargetArguments {
    /// The target: postgresql://…, libpq keywords, or sqlite:PATH; stronger than DATABASE_URL
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// Waits and tries.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LimitArguments {
    /// Longest wait for another runner to end [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_wait: Option<String>,
    /// Longest wait of a statement for a lock, each try [default: 5s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_timeout: Option<String>,
    /// Longest time for a statement [default: no limit]
    #[arg(long, value_name = "TIME")]
    pub(crate) statement_timeout: Option<String>,
    /// Tries after a lock was not to be had [default: 10]
    #[arg(long, value_name = "N")]
    pub(crate) lock_retries: Option<u32>,
}

/// Which of the pending migrations.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionArguments {
    /// Only the next N
    #[arg(long, value_name = "N", conflicts_with = "target")]
    pub(crate) steps: Option<NonZeroUsize>,
    /// Only up to this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) target: Option<String>,
}
