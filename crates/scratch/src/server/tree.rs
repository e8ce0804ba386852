//! Copying data folders.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use super::folder::private_folder;
use super::user::ServerUser;

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

/// Copies what is in `from` into the empty folder `to`, for the given user. The file system
/// shares the blocks where it can. Only folders and plain files are copied: a fresh data folder
/// holds nothing else, and what is missed shows in the contents.
pub(crate) fn copy(from: &Path, to: &Path, user: &ServerUser) -> io::Result<Contents> {
    let mut contents = Contents::default();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            private_folder(&target)?;
            user.give(&target)?;
            let inner = copy(&entry.path(), &target, user)?;
            contents.files += inner.files;
            contents.bytes += inner.bytes;
        } else if kind.is_file() {
            contents.bytes += fs::copy(entry.path(), &target)?;
            contents.files += 1;
            user.give(&target)?;
        }
    }
    Ok(contents)
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
