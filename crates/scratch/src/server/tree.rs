//! Copying data folders.

use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::folder::private_folder;
use super::user::ServerUser;

/// More threads than this only get into each other's way in the file system.
const MOST_THREADS: usize = 8;

/// How much a folder holds: enough to see that something was deleted or cut off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    files: u64,
    bytes: u64,
}

impl Contents {
    pub(crate) fn bytes(self) -> u64 {
        self.bytes
    }

    fn and(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }

    /// Reads what `Display` writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (files, bytes) = text.trim().split_once(' ')?;
        Some(Self { files: files.parse().ok()?, bytes: bytes.parse().ok()? })
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.files, self.bytes)
    }
}

/// Copies what is in `from` into the empty folder `to`, for the given user, on all cores: its many
/// small files are work for the processor. The file system shares the blocks where it can. Only
/// folders and plain files are copied: a fresh data folder holds nothing else, and what is missed
/// shows in the contents.
pub(crate) fn copy(from: &Path, to: &Path, user: &ServerUser) -> io::Result<Contents> {
    let mut files = Vec::new();
    make_folders(from, to, user, &mut files)?;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut contents = Contents::default();
        while let Some((from, to)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            contents.bytes += fs::copy(from, to)?;
            contents.files += 1;
            user.give(to)?;
        }
        Ok(contents)
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS);
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let broken = |_| Err(io::Error::other("a thread broke off"));
        let others = others.into_iter().map(|it| it.join().unwrap_or_else(broken));
        // All are waited for, whatever the first one said.
        others.collect::<Vec<_>>().into_iter().fold(own, |sum, one| Ok(sum?.and(one?)))
    })
}

/// Makes the folders, and lists the files: from where to where.
fn make_folders(
    from: &Path,
    to: &Path,
    user: &ServerUser,
    files: &mut Vec<(PathBuf, PathBuf)>,
) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            private_folder(&target)?;
            user.give(&target)?;
            make_folders(&entry.path(), &target, user, files)?;
        } else if kind.is_file() {
            files.push((entry.path(), target));
        }
    }
    Ok(())
}

/// Removes what is in a folder, but not the folder.
pub(crate) fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_counts_what_it_copied() {
        let base = tempfile::tempdir().unwrap();
        let (from, to) = (base.path().join("from"), base.path().join("to"));
        fs::create_dir_all(from.join("inner")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("a"), "12345").unwrap();
        fs::write(from.join("inner/b"), "678").unwrap();
        let contents = copy(&from, &to, &ServerUser::Own).unwrap();
        assert_eq!(contents, Contents { files: 2, bytes: 8 });
        assert_eq!(Contents::parse(&contents.to_string()), Some(contents));
        assert_eq!(fs::read_to_string(to.join("inner/b")).unwrap(), "678");
        empty(&to).unwrap();
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
    }
}
