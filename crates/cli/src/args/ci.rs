//! What `ci` takes.

use std::path::PathBuf;

use clap::Args;

use super::{FormArguments, LimitArguments, SourceArguments};

/// `ci`
#[derive(Debug, Args)]
pub(crate) struct CiArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// Rehearse what is pending on this backup too: a file or folder of pg_dump's, or `latest`
    #[arg(long, short, value_name = "FILE|DIR|latest")]
    pub(crate) backup: Option<String>,
    /// Build on SQLite instead of PostgreSQL
    #[arg(long)]
    pub(crate) sqlite: bool,
    /// Do not take the migrations back: the way back is a backup
    #[arg(long)]
    pub(crate) no_down: bool,
    /// Do not ask the linter
    #[arg(long)]
    pub(crate) no_lint: bool,
    /// Longest time for one migration on the empty database [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) migration_time: Option<String>,
    /// A role that the migrations name and do not make; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Vec<String>,
    /// Build on this server instead of a private one: a fresh database is made there and dropped
    /// again
    #[arg(long, value_name = "URL")]
    pub(crate) scratch_url: Option<String>,
    /// Folder with PostgreSQL's server programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Folder that the private server is made in [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) forms: FormArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}
