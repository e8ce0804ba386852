//! Why there is no backup.

use std::io;

use stopover_backend::{BackendError, BackupFailure, StopSignal};
use stopover_model::{Finding, redact_urls};
use stopover_scratch::binaries::BinariesError;
use thiserror::Error;

/// Why a backup could not be made. Whatever it was, nothing lies under the backup's name.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The folder of the backups.
    #[error("the folder {folder} {what}: {source}")]
    Folder {
        /// Its path.
        folder: String,
        /// What cannot be done with it.
        what: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The backup's own file.
    #[error("the backup {path} cannot be written: {source}")]
    Write {
        /// Its path.
        path: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// No pg_dump that can read the server.
    #[error(transparent)]
    Program(#[from] BinariesError),
    /// The database could not be asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A program could not be run.
    #[error("{program} cannot be run: {source}")]
    Run {
        /// Its name.
        program: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed ({how}){}", said_by(.said))]
    Failed {
        /// Its name.
        program: String,
        /// Its exit status, in words.
        how: String,
        /// The last lines of what it said.
        said: Vec<String>,
        /// What to do.
        remedy: &'static str,
    },
    /// pg_dump ended well, and what it wrote has no end.
    #[error("{program} ended well, but what it wrote is not whole: {what}")]
    NotWhole {
        /// Its name.
        program: String,
        /// What is missing.
        what: String,
    },
    /// The database is not fit to be backed up.
    #[error("{0}")]
    Damaged(String),
    /// It was restored, and is not what the source was.
    #[error("the backup {path} is not proven: {first}")]
    NotProven {
        /// The backup.
        path: String,
        /// The gravest finding.
        first: String,
        /// All of them.
        findings: Vec<Finding>,
    },
    /// The settings ask for what cannot be.
    #[error("{message}")]
    Settings {
        /// What.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// A signal asked to stop.
    #[error("stopped by a signal")]
    Stopped(StopSignal),
    /// A thread of ours broke off.
    #[error("the backup broke off: {0}")]
    CutOff(String),
}

fn said_by(said: &[String]) -> String {
    let told = said.iter().find(|it| it.contains("error:")).or(said.last());
    told.map_or_else(String::new, |line| format!(": {line}"))
}

impl BackupError {
    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        let text = match self {
            Self::Folder { .. } => "set backup_dir to a folder that may be written",
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => {
                    "make room there, or set backup_dir to a folder that has it; backup_keep keeps \
                     only the newest"
                }
                _ => "set backup_dir to a folder that may be written",
            },
            Self::Program(_) => "install it, or name its folder: pg_bin, STOPOVER_PG_BIN",
            Self::Backend(
                BackendError::Unreachable { remedy, .. }
                | BackendError::Full { remedy, .. }
                | BackendError::Unwritable { remedy, .. }
                | BackendError::Settings { remedy, .. },
            )
            | Self::Settings { remedy, .. } => return remedy.clone(),
            Self::Failed { remedy, .. } => remedy,
            Self::Damaged(_) => "restore the last good backup, or repair the file",
            Self::NotProven { .. } => {
                "look at the findings: what is restored is not what was there"
            }
            Self::Backend(_) | Self::NotWhole { .. } | Self::CutOff(_) => "run the command again",
            Self::Run { .. } | Self::Stopped(_) => "",
        };
        text.to_owned()
    }

    pub(crate) fn cut_off(error: impl std::fmt::Display) -> Self {
        Self::CutOff(error.to_string())
    }

    pub(crate) fn write(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Self::Write { path, source }
    }
}

impl From<BackupError> for BackupFailure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Stopped(signal) => Self::Stopped(signal),
            error => {
                let (message, remedy) = (redact_urls(&error.to_string()), error.remedy());
                let findings = match error {
                    BackupError::NotProven { findings, .. } => findings,
                    _ => Vec::new(),
                };
                Self::Impossible { message: format!("no backup: {message}"), remedy, findings }
            }
        }
    }
}
