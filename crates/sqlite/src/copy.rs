//! A copy of the database file, by SQLite's backup API: whole and of one moment, while others
//! write.
//!
//! It lies in a folder that nobody else may enter, and is removed with it. One that a killed
//! process left behind is removed by a later copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use stopover_backend::{CopyError, CopyKeeper, Pending, Stop, TargetCopy};
use stopover_model::Finding;
use tempfile::TempDir;

use crate::open;
use crate::waiting::Waiting;
use crate::{SqliteBackend, Target};

/// What the folders are called; the process that made one follows.
const PREFIX: &str = "stopover-copy-";

/// How many pages are copied before others may write, and how long they have for it: only a
/// database without a `-wal` has to let them.
const PAGES: i32 = 1024;
const PAUSE: Duration = Duration::from_millis(2);

/// A write of somebody else makes the copy begin anew. After so many rounds of the whole file it
/// is made in one piece, and others wait for it.
const ROUNDS: usize = 3;

/// The folder of a copy.
struct Folder(TempDir);

impl CopyKeeper for Folder {
    fn discard(self: Box<Self>) -> Pending<'static, Vec<Finding>> {
        let path = self.0.path().display().to_string();
        let closed = self.0.close();
        Box::pin(std::future::ready(match closed {
            Ok(()) => Vec::new(),
            Err(error) => vec![Finding::warning(
                "scratch-left",
                path,
                format!("the copy of the database could not be removed: {error}"),
                "remove the folder",
            )],
        }))
    }
}

/// Copies the database of `target` into the system's temporary folder; where it has no room there,
/// beside the database itself.
pub(crate) async fn copy(
    target: &Target,
    stop: &Stop,
) -> Result<TargetCopy<SqliteBackend>, CopyError> {
    let file = open::file(target).map_err(|error| impossible(error.to_string()))?;
    let Some(file) = file.filter(|it| it.exists()) else {
        return Err(impossible("there is no file to copy".to_owned()));
    };
    let (target, stop) = (target.clone(), stop.clone());
    let copying = move || made(&target, &file, &stop);
    let made = tokio::task::spawn_blocking(copying).await;
    made.map_err(|error| impossible(format!("the thread that copies broke off: {error}")))?
}

fn impossible(message: String) -> CopyError {
    CopyError::Impossible {
        message: format!("the database cannot be copied: {message}"),
        remedy: "make room for a copy in the system's temporary folder (TMPDIR), or beside the \
                 database"
            .to_owned(),
    }
}

fn made(target: &Target, file: &Path, stop: &Stop) -> Result<TargetCopy<SqliteBackend>, CopyError> {
    let beside = file.parent().unwrap_or(Path::new(".")).to_owned();
    let first = into(target, &std::env::temp_dir(), stop);
    let made = match first {
        Err(CopyError::Impossible { message, .. }) => {
            tracing::debug!("{message}: trying beside the database");
            into(target, &beside, stop)?
        }
        other => other?,
    };
    let copy = made.path().join("copy.db");
    let described = "a copy of the file".to_owned();
    Ok(TargetCopy::new(SqliteBackend::new(Target::file(copy)), described, Box::new(Folder(made))))
}

fn into(target: &Target, place: &Path, stop: &Stop) -> Result<TempDir, CopyError> {
    sweep(place);
    let prefix = format!("{PREFIX}{}-", std::process::id());
    // Mode 0700, as the library makes it.
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(place);
    let folder = folder.map_err(|error| impossible(error.to_string()))?;
    let path = folder.path().join("copy.db");
    private_file(&path).map_err(|error| impossible(error.to_string()))?;
    let waiting = Arc::new(Waiting::default());
    let from = open::reader(target, &waiting).map_err(|error| impossible(error.to_string()))?;
    let from = from.ok_or_else(|| impossible("there is no file to copy".to_owned()))?;
    let refused = |error: rusqlite::Error| impossible(error.to_string());
    let mut to = Connection::open(&path).map_err(refused)?;
    // A crash of the machine takes the proof with it: nobody needs the copy then.
    to.pragma_update(None, "synchronous", false).map_err(refused)?;
    run(&from.connection, &mut to, stop)?;
    to.close().map_err(|(_, error)| refused(error))?;
    Ok(folder)
}

fn run(from: &Connection, to: &mut Connection, stop: &Stop) -> Result<(), CopyError> {
    let refused = |error: rusqlite::Error| impossible(error.to_string());
    let backup = Backup::new(from, to).map_err(refused)?;
    let mut copied = 0_usize;
    loop {
        if let Some(signal) = stop.requested() {
            return Err(CopyError::Stopped(signal));
        }
        let all = usize::try_from(backup.progress().pagecount).unwrap_or(0).max(1);
        let pages = if copied / all >= ROUNDS { -1 } else { PAGES };
        match backup.step(pages).map_err(refused)? {
            StepResult::Done => return Ok(()),
            StepResult::More => copied += PAGES.unsigned_abs() as usize,
            _ => copied += 1,
        }
        std::thread::sleep(PAUSE);
    }
}

/// An empty file that only its owner may read, before anything is in it.
fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}

/// Removes copies whose makers are gone: only our own user's, whose names say so.
fn sweep(place: &Path) {
    for folder in left_behind(place) {
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            tracing::debug!("{} stays: {error}", folder.display());
        }
    }
}

#[cfg(unix)]
fn left_behind(place: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    let user = nix::unistd::geteuid().as_raw();
    let is_left = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|it| it.strip_prefix(PREFIX)?.split('-').next());
        let Some(pid) = pid.and_then(|it| it.parse::<i32>().ok()).filter(|&it| it > 0) else {
            return false;
        };
        // A link is none of ours, and what it leads to even less.
        let is_ours = entry
            .metadata()
            .is_ok_and(|it| it.is_dir() && it.uid() == user && is_old(it.modified().ok()));
        is_ours && !is_alive(pid)
    };
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter(is_left).map(|it| it.path()).collect()
}

/// In another container, which has processes of its own, somebody may be at work in it.
#[cfg(unix)]
fn is_old(modified: Option<std::time::SystemTime>) -> bool {
    const HOUR: Duration = Duration::from_hours(1);
    modified.and_then(|it| it.elapsed().ok()).is_some_and(|it| it > HOUR)
}

#[cfg(unix)]
fn is_alive(pid: i32) -> bool {
    let asked = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None);
    asked != Err(nix::errno::Errno::ESRCH)
}

#[cfg(not(unix))]
fn left_behind(_: &Path) -> Vec<PathBuf> {
    Vec::new()
}
