//! What `preflight` and `postflight` take.

use std::path::PathBuf;

use clap::Args;

use super::{SelectionArguments, SourceArguments, TargetArguments};

/// `preflight`
#[derive(Debug, Args)]
pub(crate) struct PreflightArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Free space where the server keeps its data, e.g. 120GB
    #[arg(long, value_name = "SIZE")]
    pub(crate) data_dir_free: Option<String>,
    /// Folder with PostgreSQL's client programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Keep no report in the folder of logs
    #[arg(long)]
    pub(crate) no_report: bool,
}

/// `postflight`
#[derive(Debug, Args)]
pub(crate) struct PostflightArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// The schema that is to be there: its checksum, or a document that `stopover schema --format
    /// json` wrote
    #[arg(long, value_name = "CHECKSUM|FILE")]
    pub(crate) expect: Option<String>,
    /// Compare the schema with the one that a rehearsal ended with: its stored report [default: the
    /// latest]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "latest")]
    pub(crate) rehearsal: Option<PathBuf>,
    /// Keep no report in the folder of logs
    #[arg(long)]
    pub(crate) no_report: bool,
}
