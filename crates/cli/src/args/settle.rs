//! What `adopt` and `repair` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{SourceArguments, TargetArguments};

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
