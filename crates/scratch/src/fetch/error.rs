//! Why no backup was fetched.

use std::io;
use std::time::Duration;

use stopover_model::redact_urls;
use thiserror::Error;

use crate::program::Secrets;

/// Why no backup was fetched: the first line says it all, the lines after it are the last ones that
/// the program wrote to standard error. Passwords and keys are hidden.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FetchError {
    message: String,
    remedy: &'static str,
}

impl FetchError {
    pub(super) fn new(source: &str, cause: &Cause, secrets: &Secrets) -> Self {
        let mut message = format!("{source}: {cause}");
        let said = cause.said();
        let known = matches!(cause, Cause::Failed { said, .. } if said.len() == 1);
        if !said.is_empty() && !known {
            message.push_str("\n  its last lines:");
            for line in said {
                message.push_str("\n  | ");
                message.push_str(line);
            }
        }
        Self { message: redact_urls(&secrets.hide(&message)), remedy: cause.remedy() }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }
}

/// What went wrong.
#[derive(Debug, Error)]
pub(super) enum Cause {
    /// The folder of fetched backups, or a file in it.
    #[error("{what} {path}: {source}")]
    Folder { what: &'static str, path: String, source: io::Error },
    /// What came cannot be written.
    #[error("what comes cannot be written: {0}")]
    Write(io::Error),
    /// The program is not there.
    #[error("{0}")]
    NoProgram(String),
    /// The program cannot be started or waited for.
    #[error("{program} cannot be run: {source}")]
    Run { program: String, source: io::Error },
    /// The program ended, and not well.
    #[error("{program} ended with {how}{why}")]
    Failed { program: String, how: String, why: String, said: Vec<String> },
    /// It takes too long.
    #[error("not fetched within {} (fetch.timeout)", in_words(*after))]
    Timeout { after: Duration, said: Vec<String> },
    /// It is larger than it may be.
    #[error("larger than {limit} bytes (fetch.limit): broken off")]
    TooLarge { limit: u64 },
    /// Less came than was announced.
    #[error("truncated: {bytes} of {of} bytes came")]
    Short { bytes: u64, of: u64 },
    /// The program ended well and left nothing.
    #[error("{program} ended well, and nothing came")]
    Nothing { program: String },
    /// No file of that name.
    #[error("{0}")]
    NoFile(String),
}

impl Cause {
    fn said(&self) -> &[String] {
        match self {
            Self::Failed { said, .. } | Self::Timeout { said, .. } => said,
            _ => &[],
        }
    }

    fn is_full(&self) -> bool {
        let full = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        };
        match self {
            Self::Folder { source, .. } | Self::Write(source) => full(source),
            _ => self.said().iter().any(|line| line.contains("No space left on device")),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            _ if self.is_full() => {
                "the disk is full: make room, or set fetch.folder to one on a larger disk"
            }
            Self::Timeout { .. } => "set fetch.timeout higher if the backup needs longer",
            Self::TooLarge { .. } => "set fetch.limit higher if the backup is that large",
            Self::NoProgram(_) => "install it, or fetch with another kind: docs/rehearse.md",
            Self::NoFile(_) => "see whether the backup's job ran, and where it writes to",
            Self::Folder { .. } | Self::Write(_) => {
                "set fetch.folder to a folder that may be written"
            }
            _ => "try the source by hand; --backup FILE rehearses on a backup that is here",
        }
    }
}

fn in_words(time: Duration) -> String {
    match time.as_millis() {
        ms if !ms.is_multiple_of(1000) => format!("{ms} ms"),
        ms if !ms.is_multiple_of(60_000) => format!("{} s", ms / 1000),
        ms => format!("{} min", ms / 60_000),
    }
}
