//! What `plan`, `apply`, `status` and `rollback` take.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    BackupArguments, LimitArguments, SelectionArguments, SourceArguments, TargetArguments,
};

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
    /// Refuse without a green rehearsal of exactly this plan, on a backup of this database, that began
    /// within this time, e.g. 24h
    #[arg(long, value_name = "TIME")]
    pub(crate) require_rehearsal: Option<String>,
    /// Where the receipts of rehearsals are [default: logs/receipts]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) receipt: Option<PathBuf>,
    /// Only say what would be done: the same as `plan`
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Apply though preflight forbids it; the report and the journal say who decided, and why
    #[arg(long, requires = "reason")]
    pub(crate) force: bool,
    /// What becomes of migrations that were begun and are not known to have finished. `down`: their
    /// down scripts are run first, behind the backup, then they run from their beginning
    /// [default: they go on where they stopped, if the catalog shows where]
    #[arg(long, value_name = "WAY", value_enum)]
    pub(crate) recover_dirty: Option<RecoverDirty>,
    #[command(flatten)]
    pub(crate) decision: DecisionArguments,
    #[command(flatten)]
    pub(crate) backup: BackupArguments,
}

/// What becomes of dirty migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecoverDirty {
    /// Their down scripts are run.
    Down,
}

/// A decision that lifts a safeguard.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DecisionArguments {
    /// Make no backup beforehand; the report and the journal say who decided
    #[arg(long)]
    pub(crate) skip_backup: bool,
    /// Why, for those who read the journal later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who decided [default: this user at this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
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
    #[command(flatten)]
    pub(crate) decision: DecisionArguments,
    #[command(flatten)]
    pub(crate) backup: BackupArguments,
}
