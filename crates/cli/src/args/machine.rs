//! What `demo`, `cache` and `scratch` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
