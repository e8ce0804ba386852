//! The command line as it is typed. Values that are also settings stay optional here: a flag that
//! is not given leaves the setting to the environment and the file.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    Rehearse(Box<RehearseArguments>),
    /// Show a stored report of a rehearsal, or write it in other forms: HTML, Markdown, JUnit, SARIF
    Report(ReportArguments),
    /// What `apply` would do, step by step. Writes nothing
    Plan(ApplyArguments),
    /// Applied, pending, drift: everything at once. Writes nothing
    Status(StatusArguments),
    /// Run the plan on the target
    ///
    /// This version makes no backup and runs no preflight and no postflight checks yet: make a
    /// backup first, and rehearse on it.
    Apply(ApplyArguments),
    /// Run down scripts on the target, newest applied first
    ///
    /// This version makes no backup beforehand: make one, and rehearse.
    Rollback(RollbackArguments),
    /// Take over another tool's history into Stopover's own ledger. Runs no migration
    Adopt(AdoptArguments),
    /// Settle drift by a decision that is kept in the journal. Runs no migration
    #[command(subcommand)]
    Repair(RepairCommand),
    /// The canonical schema of a database, and what is not the same in two. Writes nothing
    Schema(SchemaArguments),
    /// Create the next migration's files in the source's own layout
    New(NewArguments),
    /// Print the settings that hold, and where each came from
    Config(ConfigArguments),
    /// The main job on built-in example data, from nothing
    Demo(DemoArguments),
    /// Handle databases that rehearsals may use up
    #[command(subcommand)]
    Scratch(ScratchCommand),
    /// List, and throw away, what is kept so that rehearsals start faster
    Cache(CacheArguments),
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

/// `rehearse`
#[derive(Debug, Args)]
pub(crate) struct RehearseArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// The backup: a file or folder of pg_dump's (plain, custom, directory; .gz, .zst, .lz4), `-`
    /// for standard input, `latest` for the latest automatic one
    #[arg(long, short, value_name = "FILE|DIR|latest")]
    pub(crate) backup: Option<String>,
    /// Get the backup first: command:SHELL-COMMAND, file:FOLDER-OR-PATTERN, rsync:HOST:PATH,
    /// ssh:HOST:PATH, s3://BUCKET/KEY or https://…
    #[arg(long, value_name = "SOURCE", conflicts_with = "backup")]
    pub(crate) fetch: Option<String>,
    /// Red when the backup is older, e.g. 26h
    #[arg(long, value_name = "TIME")]
    pub(crate) max_age: Option<String>,
    /// Rehearse on this server instead of a private one: a fresh database is made there and
    /// dropped again
    #[arg(long, value_name = "URL")]
    pub(crate) scratch_url: Option<String>,
    /// Role that the migrations run as [default: the owner of the backup's tables]
    #[arg(long, value_name = "ROLE")]
    pub(crate) as_role: Option<String>,
    /// Keep production's durability in the scratch, for timings nearer to production's
    #[arg(long)]
    pub(crate) fsync: bool,
    /// Read and write each touched table beside the migrations, so often a second (20 where no
    /// number is given), and say what that waited
    #[arg(long, value_name = "PER SECOND", num_args = 0..=1, default_missing_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) traffic: Option<u32>,
    /// Folder with PostgreSQL's server programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Folder that the private server is made in [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch_dir: Option<PathBuf>,
    /// Restore the backup even where a base of it is there, and keep none
    #[arg(long)]
    pub(crate) no_base: bool,
    /// Write no report file under logs/
    #[arg(long)]
    pub(crate) no_report: bool,
    #[command(flatten)]
    pub(crate) forms: FormArguments,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

/// Forms of a rehearsal's report for other readers.
#[derive(Debug, Args)]
pub(crate) struct FormArguments {
    /// Write the report as one HTML page with a timeline of locks; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) report_html: Option<PathBuf>,
    /// Write it as Markdown that fits a comment on a pull request
    #[arg(long, value_name = "FILE")]
    pub(crate) report_markdown: Option<PathBuf>,
    /// Write it as JUnit's XML: a case for each migration
    #[arg(long, value_name = "FILE")]
    pub(crate) report_junit: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub(crate) report_sarif: Option<PathBuf>,
    /// Annotate the files of a pull request (on standard error), and fill the job's summary: for
    /// GitHub Actions
    #[arg(long)]
    pub(crate) github: bool,
}

/// `report`
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// A report that `rehearse` wrote (logs/rehearsal-report-….json, or its output with --format
    /// json); `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write it as one HTML page with a timeline of locks; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write it as Markdown that fits a comment on a pull request
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write it as JUnit's XML: a case for each migration
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Annotate the files of a pull request (on standard error), and fill the job's summary: for
    /// GitHub Actions
    #[arg(long)]
    pub(crate) github: bool,
}

/// `plan` and `apply`
#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// Only say what would be done: the same as `plan`
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `status`
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Exit with 8 when there is drift that the policy refuses
    #[arg(long)]
    pub(crate) check: bool,
}

/// `schema`
#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// Compare two schemas instead: each is a database (its URL), a document that `stopover schema
    /// --format json` wrote, or a backup, which is restored in a scratch
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub(crate) diff: Vec<String>,
    /// Exit with 8 when they are not the same
    #[arg(long, requires = "diff")]
    pub(crate) check: bool,
    /// Owners, grants and default privileges too
    #[arg(long)]
    pub(crate) privileges: bool,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Folder with PostgreSQL's server programs [default: searched for]
    #[arg(long, value_name = "DIR", requires = "diff")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Folder that the scratch is made in [default: the system's temporary folder]
    #[arg(long, value_name = "DIR", requires = "diff")]
    pub(crate) scratch_dir: Option<PathBuf>,
}

/// `rollback`
#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// How many migrations are taken back, the newest applied first [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "to")]
    pub(crate) steps: Option<usize>,
    /// Take back everything that was applied after this version, which stays
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

/// `adopt`
#[derive(Debug, Args)]
pub(crate) struct AdoptArguments {
    /// Whose history [default: the one that is there] [possible values: auto, golang-migrate, sqlx,
    /// diesel, goose, dbmate, flyway, refinery]
    #[arg(long, value_name = "TOOL", default_value = "auto", hide_default_value = true)]
    pub(crate) from: String,
    /// Which of golang-migrate's counters, where there are several, e.g. public.schema_migrations
    #[arg(long, value_name = "TABLE")]
    pub(crate) table: Option<String>,
    /// Drop golang-migrate's counter, once all that it says is in our ledger
    #[arg(long)]
    pub(crate) drop_legacy: bool,
    /// Run the history's migrations on an empty scratch first, and compare its schema with the
    /// target's: a migration that was skipped is named, and nothing is taken over
    #[arg(long)]
    pub(crate) prove: bool,
    /// Make the scratch on this server instead of a private one
    #[arg(long, value_name = "URL", requires = "prove")]
    pub(crate) scratch_url: Option<String>,
    /// Folder with PostgreSQL's server programs [default: searched for]
    #[arg(long, value_name = "DIR", requires = "prove")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Folder that the scratch is made in [default: the system's temporary folder]
    #[arg(long, value_name = "DIR", requires = "prove")]
    pub(crate) scratch_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Longest wait for another runner to end [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_wait: Option<String>,
}

/// `repair …`
#[derive(Debug, Subcommand)]
pub(crate) enum RepairCommand {
    /// Take over an intended edit or rename: the ledger gets the source's checksum and name
    Accept(RepairArguments),
    /// Record a migration as applied, without running it
    Applied(RepairArguments),
    /// Record a migration as not applied: the next apply runs it from its beginning
    Pending(RepairArguments),
}

/// What every repair takes.
#[derive(Debug, Args)]
pub(crate) struct RepairArguments {
    /// The migration
    #[arg(id = "migration", value_name = "VERSION")]
    pub(crate) version: String,
    /// Why, for those who read the journal later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Longest wait for another runner to end [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_wait: Option<String>,
}

/// `new`
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// What the migration does, e.g. `add_orders_index`
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// Without a down script
    #[arg(long)]
    pub(crate) no_down: bool,
}

/// `config`
#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

/// `demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Keep the example's files in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Folder with PostgreSQL's server programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// `cache …`
#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    #[command(subcommand)]
    pub(crate) command: Option<CacheCommand>,
}

/// What `cache` does; by default it lists.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CacheCommand {
    /// List bases and prepared empty data folders
    List,
    /// Throw away one of them, or all; what is in use stays
    Drop {
        /// Which, as `stopover cache` lists it
        #[arg(value_name = "KEY", required_unless_present = "all", conflicts_with = "all")]
        key: Option<String>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
    /// Throw away the bases that were not used for the longest time, until cache_limit holds
    Prune,
}

/// `scratch …`
#[derive(Debug, Subcommand)]
pub(crate) enum ScratchCommand {
    /// Mark a database as a scratch: rehearsals may empty it
    Mark {
        /// The database: postgresql://… or libpq keywords
        #[arg(long, value_name = "URL")]
        scratch_url: String,
    },
    /// Stop servers and remove folders that killed runs left behind
    Sweep {
        /// Folder that the private servers are made in [default: the system's temporary folder]
        #[arg(long, value_name = "DIR")]
        scratch_dir: Option<PathBuf>,
    },
}
