//! A copy of the database file, by SQLite's backup API: whole and of one moment, while others
//! write.
//!
//! It lies in a folder that nobody else may enter, and is removed with it. One that a killed
//! process left behind is removed by a later copy.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use stopover_backend::{CopyError, Stop, TargetCopy};

use crate::folder::{PrivateFolder, private_file};
use crate::open;
use crate::waiting::Waiting;
use crate::{SqliteBackend, Target};

/// How many pages are copied before others may write, and how long they have for it: only a
/// database without a `-wal` has to let them.
const PAGES: i32 = 1024;
const PAUSE: Duration = Duration::from_millis(2);

/// A write of somebody else makes the copy begin anew. After so many rounds of the whole file it
/// is made in one piece, and others wait for it.
const ROUNDS: usize = 3;

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
    let copy = made.path().join("copy.db");
    let described = "a copy of the file".to_owned();
    Ok(TargetCopy::new(SqliteBackend::new(Target::copy(copy)), described, Box::new(made)))
}

fn into(target: &Target, place: &Path, stop: &Stop) -> Result<PrivateFolder, CopyError> {
    let folder = PrivateFolder::make(place).map_err(|error| impossible(&error.to_string()))?;
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
    Ok(folder)
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
