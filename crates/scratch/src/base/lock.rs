//! Locks on files (flock). The kernel gives them back when their holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::O_NOFOLLOW;

/// Whom a lock shuts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Those who want it alone.
    Shared,
    /// Everybody.
    Alone,
}

/// Takes the lock of a file that is made where it is missing; waits for it.
pub(super) fn wait_for(path: &Path) -> io::Result<File> {
    loop {
        let file = options().create(true).open(path)?;
        file.lock()?;
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

/// Takes the lock of a file that is made where it is missing; `None`: somebody else has it.
pub(super) fn try_for(path: &Path) -> io::Result<Option<File>> {
    attempt(options().create(true).open(path)?, path, Sharing::Alone)
}

/// Takes the lock of a file that is there; `None`: it is not, or somebody else has it.
pub(super) fn try_existing(path: &Path, sharing: Sharing) -> io::Result<Option<File>> {
    match options().open(path) {
        Ok(file) => attempt(file, path, sharing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn attempt(file: File, path: &Path, sharing: Sharing) -> io::Result<Option<File>> {
    let locked = match sharing {
        Sharing::Shared => file.try_lock_shared(),
        Sharing::Alone => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(is_at(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(O_NOFOLLOW);
    options
}

/// Whether the locked file is still the one of that name: it may have been renamed or removed
/// between opening and locking, and then the lock protects nothing.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (file.metadata(), std::fs::symlink_metadata(path)) else {
        return false;
    };
    held.dev() == there.dev() && held.ino() == there.ino()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_shut_out_whoever_wants_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(try_existing(&path, Sharing::Shared).unwrap().is_none(), "not there");
        drop(try_for(&path).unwrap().unwrap());
        let one = try_existing(&path, Sharing::Shared).unwrap().unwrap();
        let other = try_existing(&path, Sharing::Shared).unwrap().unwrap();
        assert!(try_for(&path).unwrap().is_none());
        drop((one, other));
        assert!(try_for(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_on_a_file_that_was_renamed_away_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = options().create(true).open(&path).unwrap();
        std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        assert!(attempt(file, &path, Sharing::Alone).unwrap().is_none());
    }
}
