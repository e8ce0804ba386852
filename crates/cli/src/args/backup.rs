//! What `backup` and `verify` take, and what `apply` and `rollback` take of it.

use std::path::PathBuf;

use clap::Args;

use super::TargetArguments;

/// How a backup is made
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Backup")]
pub(crate) struct BackupArguments {
    /// Folder of the backups [default: backups/migrations]
    #[arg(long, value_name = "DIR")]
    pub(crate) backup_dir: Option<PathBuf>,
    /// plain, compressed by all cores; custom; or directory [default: plain]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) backup_format: Option<String>,
    /// gzip, zstd or none [default: gzip]
    #[arg(long, value_name = "METHOD")]
    pub(crate) backup_compress: Option<String>,
    /// Only this schema; may be given several times [default: the whole database]
    #[arg(long, value_name = "NAME")]
    pub(crate) backup_schema: Vec<String>,
    /// Keep only the newest N backups in the folder [default: all]
    #[arg(long, visible_alias = "keep", value_name = "N")]
    pub(crate) backup_keep: Option<u32>,
    /// Your own way to make it (pgBackRest, a snapshot): run by a shell in the place of pg_dump
    #[arg(long, value_name = "COMMAND")]
    pub(crate) backup_command: Option<String>,
    /// Restore it in a scratch at once, and compare it table by table with the source
    #[arg(long)]
    pub(crate) prove_backup: bool,
    /// Digest the source's rows too, besides counting them, so that a proof compares what they hold
    #[arg(long)]
    pub(crate) digest: bool,
    /// Folder with PostgreSQL's programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// `backup`
#[derive(Debug, Args)]
pub(crate) struct MakeBackupArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    #[command(flatten)]
    pub(crate) backup: BackupArguments,
    /// Longest wait of pg_dump for a lock of somebody else's [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_wait: Option<String>,
}

/// `verify`
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The backup; `latest` for the latest one of the folder of backups
    #[arg(value_name = "FILE|DIR|latest")]
    pub(crate) file: PathBuf,
    /// Compare what the rows hold too: the backup must have been made with --digest
    #[arg(long)]
    pub(crate) digest: bool,
    /// Only see that it restores, where nothing says what the source held
    #[arg(long)]
    pub(crate) restore_only: bool,
    /// Restore on this server instead of a private one: a fresh database is made there and dropped
    /// again
    #[arg(long, value_name = "URL")]
    pub(crate) scratch_url: Option<String>,
    /// Folder with PostgreSQL's server programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Folder that the private server is made in [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch_dir: Option<PathBuf>,
}
