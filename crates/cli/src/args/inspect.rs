//! What `schema`, `config` and `new` take.

use std::path::PathBuf;

use clap::Args;

use super::{LimitArguments, SourceArguments, TargetArguments};

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
