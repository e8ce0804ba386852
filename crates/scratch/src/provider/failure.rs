//! Why there is no scratch: which step failed, what an operator reads, what to do.

use std::fmt::Display;
use std::time::Duration;

use stopover_backend::{PrepareStage, StopSignal};

use crate::backup::BackupError;
use crate::base::{ELSEWHERE, is_refused, says_no_room};
use crate::binaries::BinariesError;
use crate::fetch::FetchError;
use crate::restore::RestoreError;
use crate::server::ServerError;

/// A step of the preparation that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) stage: PrepareStage,
    pub(super) message: String,
    pub(super) remedy: String,
    /// What the failure says about the backup's being whole.
    pub(super) complete: Option<bool>,
}

/// How to get a backup, as a command.
pub(super) fn how_to_back_up() -> &'static str {
    "make one with `pg_dump DATABASE_URL | gzip > backup.sql.gz`, and name it: \
     --backup backup.sql.gz"
}

/// Whether an error of opening says that the backup is not whole.
pub(super) fn completeness(error: &BackupError) -> Option<bool> {
    match error {
        BackupError::Truncated { .. } | BackupError::Corrupt { .. } | BackupError::Empty { .. } => {
            Some(false)
        }
        _ => None,
    }
}

impl Failed {
    pub(super) fn new(
        stage: PrepareStage,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { stage, message: message.into(), remedy: remedy.into(), complete: None }
    }

    pub(super) fn stopped(signal: StopSignal) -> Self {
        let message = "stopped by a signal before the scratch was ready";
        Self::new(PrepareStage::Stopped(signal), message, "")
    }

    /// A thread of ours that ended before its work did.
    pub(super) fn cut_off(error: impl Display) -> Self {
        Self::new(PrepareStage::Tool, format!("a thread broke off: {error}"), "run it again")
    }

    pub(super) fn of_backup(error: BackupError) -> Self {
        match error {
            BackupError::Missing { path } => Self::new(
                PrepareStage::Fetch,
                format!("{path}: no such file or folder"),
                how_to_back_up(),
            ),
            other => {
                let complete = completeness(&other);
                Self { complete, ..Self::new(PrepareStage::Restore, lines(&other), "") }
            }
        }
    }

    pub(super) fn of_fetch(error: &FetchError) -> Self {
        Self::new(PrepareStage::Fetch, error.to_string(), error.remedy())
    }

    pub(super) fn too_old(age: Duration, limit: Duration) -> Self {
        let message = format!(
            "the backup is too old: {} old, and max_age allows {}",
            hours(age),
            hours(limit)
        );
        Self::new(PrepareStage::Restore, message, how_to_back_up())
    }

    pub(super) fn age_unknown(limit: Duration) -> Self {
        let message = format!(
            "nobody knows how old the backup is (it comes from standard input), and max_age \
             allows {}",
            hours(limit)
        );
        Self::new(PrepareStage::Restore, message, "name a file, or dump with --verbose")
    }

    pub(super) fn of_binaries(error: &BinariesError) -> Self {
        Self::new(PrepareStage::Tool, lines(error), "")
    }

    pub(super) fn of_server(error: &ServerError) -> Self {
        let message = format!("the private server did not start: {}", lines(error));
        Self::new(PrepareStage::Tool, message, error.remedy())
    }

    pub(super) fn of_restore(error: &RestoreError) -> Self {
        let complete = match error {
            RestoreError::Truncated { .. } | RestoreError::Corrupt { .. } => Some(false),
            RestoreError::Backup(error) => completeness(error),
            _ => None,
        };
        let stage = match error {
            RestoreError::Connection { .. }
            | RestoreError::Io { .. }
            | RestoreError::DiskFull { .. } => PrepareStage::Tool,
            _ => PrepareStage::Restore,
        };
        let message = match stage {
            PrepareStage::Tool => format!("restore: {}", lines(error)),
            _ => lines(error),
        };
        let remedy = match error {
            RestoreError::DiskFull { .. } => ELSEWHERE,
            RestoreError::Io { source, .. } if is_refused(source) => ELSEWHERE,
            _ => "",
        };
        Self { complete, ..Self::new(stage, message, remedy) }
    }

    /// A private server whose log finds no room went away over that: PostgreSQL ends where its
    /// write-ahead log cannot grow, and its clients see a lost connection.
    pub(super) fn explained_by(self, log: &str) -> Self {
        let room = log.lines().rev().find(|it| says_no_room(it));
        match room {
            Some(said) if self.stage == PrepareStage::Tool => {
                let message = format!("restore: disk full: the server's log: {said}");
                Self { message, remedy: ELSEWHERE.to_owned(), ..self }
            }
            _ => self,
        }
    }
}

/// An error with the causes that it does not say itself, each on a line of its own.
fn lines(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str("\n  because: ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}

fn hours(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
