//! A copy of the database file, by SQLite's backup API: whole and of one moment, while others
//! write.
//!
//! It lies in a folder that nobody else may enter, and is removed with it. One that a killed
//! process left behind is removed by a later copy.

use std::fs::File;
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

/// What the folders are called.
const PREFIX: &str = "stopover-copy-";

/// A file in each that is locked as long as the copy is needed.
const LOCK: &str = "lock";

/// How many pages are copied before others may write, and how long they have for it: only a
/// database without a `-wal` has to let them.
const PAGES: i32 = 1024;
const PAUSE: Duration = Duration::from_millis(2);

/// A write of somebody else makes the copy begin anew. After so many rounds of the whole file it
/// is made in one piece, and others wait for it.
const ROUNDS: usize = 3;

/// The folder of a copy, and the lock in it.
struct Folder(TempDir, File);

impl CopyKeeper for Folder {
    fn discard(self: Box<Self>) -> Pending<'static, Vec<Finding>> {
        let Self(folder, lock) = *self;
        let path = folder.path().display().to_string();
        drop(lock);
        let closed = folder.close();
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
    let file = open::file(target).map_err(|error| impossible(&error.to_string()))?;
    let Some(file) = file.filter(|it| it.exists()) else {
        return Err(impossible("there is no file to copy"));
    };
    let (target, stop) = (target.clone(), stop.clone());
    let copying = move || made(&target, &file, &stop);
    let made = tokio::task::spawn_blocking(copying).await;
    made.map_err(|error| impossible(&format!("the thread that copies broke off: {error}")))?
}

fn impossible(message: &str) -> CopyError {
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
    let copy = made.0.path().join("copy.db");
    let described = "a copy of the file".to_owned();
    Ok(TargetCopy::new(SqliteBackend::new(Target::file(copy)), described, Box::new(made)))
}

fn into(target: &Target, place: &Path, stop: &Stop) -> Result<Folder, CopyError> {
    sweep(place);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = builder.tempdir_in(place);
    let folder = folder.map_err(|error| impossible(&error.to_string()))?;
    let lock = private_file(&folder.path().join(LOCK));
    let lock = lock.and_then(|it| it.lock().map(|()| it));
    let lock = lock.map_err(|error| impossible(&error.to_string()))?;
    let path = folder.path().join("copy.db");
    private_file(&path).map_err(|error| impossible(&error.to_string()))?;
    let waiting = Arc::new(Waiting::default());
    let from = open::reader(target, &waiting).map_err(|error| impossible(&error.to_string()))?;
    let from = from.ok_or_else(|| impossible("there is no file to copy"))?;
    let refused = |error: rusqlite::Error| impossible(&error.to_string());
    let mut to = Connection::open(&path).map_err(refused)?;
    // A crash of the machine takes the proof with it: nobody needs the copy then.
    to.pragma_update(None, "synchronous", false).map_err(refused)?;
    run(&from.connection, &mut to, stop)?;
    to.close().map_err(|(_, error)| refused(error))?;
    Ok(Folder(folder, lock))
}

fn run(from: &Connection, to: &mut Connection, stop: &Stop) -> Result<(), CopyError> {
    let refused = |error: rusqlite::Error| impossible(&error.to_string());
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
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Removes copies whose makers are gone: the lock in each is free then, whatever became of them.
fn sweep(place: &Path) {
    for (folder, _lock) in left_behind(place) {
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            tracing::debug!("{} stays: {error}", folder.display());
        }
    }
}

/// Folders of ours that nobody holds, each with its lock.
#[cfg(unix)]
fn left_behind(place: &Path) -> Vec<(PathBuf, File)> {
    use std::os::unix::fs::MetadataExt;

    let user = nix::unistd::geteuid().as_raw();
    let taken = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let is_named = name.to_str().is_some_and(|it| it.starts_with(PREFIX));
        // A link is none of ours, and what it leads to even less.
        let is_ours = |it: std::fs::Metadata| it.is_dir() && it.uid() == user;
        if !is_named || !entry.metadata().is_ok_and(is_ours) {
            return None;
        }
        // One that is just being made has no lock yet.
        let lock = File::open(entry.path().join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        Some((entry.path(), lock))
    };
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter_map(taken).collect()
}

#[cfg(not(unix))]
fn left_behind(_: &Path) -> Vec<(PathBuf, File)> {
    Vec::new()
}
