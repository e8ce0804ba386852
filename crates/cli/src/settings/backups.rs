//! The settings about backups of the target, and about what stands around an apply.

use serde::{Deserialize, Serialize};
use stopover_backend::CensusDepth;
use stopover_backup::{BackupFormat, BackupOptions, Proof, check_command};

use crate::target;

use super::{BadValue, Settings};

/// The form of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatSetting {
    /// A script.
    Plain,
    /// An archive in one file.
    Custom,
    /// An archive in a folder.
    Directory,
}

/// The table `[apply]`: what stands around the steps of an apply and of a rollback.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ApplySettings {
    /// Whether the target is looked at before.
    pub(crate) preflight: bool,
    /// Whether a backup is made before.
    pub(crate) backup: bool,
    /// Whether the target is looked at afterwards.
    pub(crate) postflight: bool,
}

impl Default for ApplySettings {
    fn default() -> Self {
        Self { preflight: true, backup: true, postflight: true }
    }
}

impl Settings {
    /// How backups of the target are made.
    pub(crate) fn backup_options(&self) -> Result<BackupOptions, BadValue> {
        let command = self.backup_command.clone().filter(|it| !it.trim().is_empty());
        if let Some(Err(error)) = command.as_deref().map(check_command) {
            let (key, hint) = ("backup_command", "install bash, or write it without a pipe");
            return Err(BadValue { key, said: error.to_string(), hint });
        }
        Ok(BackupOptions {
            folder: self.backup_dir.clone(),
            format: match self.backup_format {
                FormatSetting::Plain => BackupFormat::Plain,
                FormatSetting::Custom => BackupFormat::Custom,
                FormatSetting::Directory => BackupFormat::Directory,
            },
            compression: self.backup_compress,
            schemas: self.backup_schema.clone(),
            lock_wait: self.limits()?.lock_wait,
            keep: self.backup_keep.map(|it| usize::try_from(it).unwrap_or(usize::MAX)),
            command,
            depth: if self.digest { CensusDepth::Digests } else { CensusDepth::Rows },
            proof: if self.prove_backup { Proof::AtOnce } else { Proof::Later },
            threads: None,
            scratch: target::scratch_settings(self),
        })
    }
}
