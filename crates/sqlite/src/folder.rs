//! A folder for a copy of a database: nobody else may enter it, and it is removed with its value.
//!
//! One that a killed process left behind is removed by whoever makes the next one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use stopover_backend::{CopyKeeper, Pending};
use stopover_model::Finding;
use tempfile::TempDir;

/// What the folders are called.
const PREFIX: &str = "stopover-copy-";

/// A file in each that is locked as long as the copy is needed.
const LOCK: &str = "lock";

/// The folder of a copy, and the lock in it.
#[derive(Debug)]
pub struct PrivateFolder(TempDir, File);

impl PrivateFolder {
    /// Makes one in `place`, after what killed processes left there is removed.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make(place: &Path) -> io::Result<Self> {
        sweep(place);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(place)?;
        let lock = private_file(&folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self(folder, lock))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it; what stays is said.
    #[must_use]
    pub fn remove(self) -> Vec<Finding> {
        let Self(folder, lock) = self;
        let path = folder.path().display().to_string();
        drop(lock);
        match folder.close() {
            Ok(()) => Vec::new(),
            Err(error) => vec![Finding::warning(
                "scratch-left",
                path,
                format!("the copy of the database could not be removed: {error}"),
                "remove the folder",
            )],
        }
    }
}

impl CopyKeeper for PrivateFolder {
    fn discard(self: Box<Self>) -> Pending<'static, Vec<Finding>> {
        Box::pin(std::future::ready(self.remove()))
    }
}

/// An empty file that only its owner may read, before anything is in it.
///
/// # Errors
/// Where it cannot be made, or is there already.
pub fn private_file(path: &Path) -> io::Result<File> {
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
