//! Stored reports: one file each, below the folder of logs.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use stopover_report::json;

use crate::console::Failure;

/// How a stored report's file begins, by command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of a preflight.
    Preflight,
    /// Of a postflight.
    Postflight,
    /// Of a rehearsal.
    Rehearsal,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Postflight => "postflight",
            Self::Rehearsal => "rehearsal",
        }
    }
}

/// Writes a report under its name; keys of production's rows and queries of its users stand in
/// some, so nobody else may read it.
pub(crate) fn store<T: Serialize>(
    folder: &Path,
    kind: Kind,
    timestamp: jiff::Timestamp,
    report: &T,
) -> Result<PathBuf, Failure> {
    let stamp = timestamp.strftime("%Y%m%dT%H%M%S%3fZ");
    let path = folder.join(format!("{}-report-{stamp}.json", kind.name()));
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::unable(
            format!("the folder {} for the report cannot be made: {error}", folder.display()),
            "set log_dir to a folder that may be written, or give --no-report",
        )
    })?;
    let writing = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(json::document(report).as_bytes())
    };
    writing().map_err(|error: std::io::Error| {
        Failure::unable(
            format!("the report {} cannot be written: {error}", path.display()),
            "set log_dir to a folder that may be written, or give --no-report",
        )
    })?;
    Ok(path)
}

/// The newest stored report of a kind; `None` where there is none. Names sort by time.
pub(crate) fn latest(folder: &Path, kind: Kind) -> Option<PathBuf> {
    let beginning = format!("{}-report-", kind.name());
    let entries = std::fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|it| it.ok()?.file_name().into_string().ok());
    let newest = names.filter(|it| it.starts_with(&beginning) && it.ends_with(".json")).max()?;
    Some(folder.join(newest))
}

/// Reads a document.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{shown} cannot be read: {error}"), "name another file")
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(
            format!("{shown} is not a report of this kind: {error}"),
            "name a file that this version of stopover wrote",
        )
    })
}
