//! What `rehearse` and `report` take.

use std::path::PathBuf;

use clap::Args;

use super::{LimitArguments, ProgramArguments, SelectionArguments, SourceArguments};

/// `rehearse`
#[derive(Debug, Args)]
pub(crate) struct RehearseArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// The backup: a file or folder of pg_dump's (plain, custom, directory; .gz, .zst, .lz4), or an
    /// SQLite file (.gz, .zst, .lz4); `-` for standard input, `latest` for the latest automatic one
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
    /// Compare what is in the tables before and after as well, by a digest of each table and column
    #[arg(long)]
    pub(crate) digest: bool,
    /// Take the migrations back by their down scripts, newest first, and apply them again: what works,
    /// how long it takes, and what it does not bring back
    #[arg(long, conflicts_with = "command")]
    pub(crate) down: bool,
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
    /// Where the receipt is written, for an apply that requires a rehearsal [default: logs/receipts]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) receipt: Option<PathBuf>,
    /// Write no report file under logs/, nor a receipt unless --receipt says where
    #[arg(long)]
    pub(crate) no_report: bool,
    #[command(flatten)]
    pub(crate) forms: FormArguments,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    // Last: its heading holds for whatever follows.
    #[command(flatten)]
    pub(crate) programs: ProgramArguments,
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
