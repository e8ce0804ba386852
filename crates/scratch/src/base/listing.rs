//! What lies in a data folder, file by file: enough to see that something is missing, cut off or
//! was written to. (A bit that the disk turned is not seen; hashing everything would take longer
//! than copying it.)

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below the listed folder.
    pub(super) path: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
    /// When it was last written to, in nanoseconds since 1970.
    pub(super) modified: i128,
}

/// Folders (parents first) and files, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) folders: Vec<PathBuf>,
    pub(super) files: Vec<Entry>,
}

impl Listing {
    /// Lists a folder; `wanted` is asked about every file.
    ///
    /// # Errors
    ///
    /// When something cannot be looked at, or is neither a folder nor a plain file (a tablespace's
    /// link): a copy of the rest would not be whole.
    pub(super) fn of(root: &Path, wanted: impl Fn(&Path) -> bool) -> io::Result<Self> {
        let mut listing = Self::default();
        let mut open = vec![PathBuf::new()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                let facts = match entry.metadata() {
                    Err(error) => return Err(at(&path, &error)),
                    Ok(facts) => facts,
                };
                if facts.is_dir() {
                    listing.folders.push(path.clone());
                    open.push(path);
                } else if !facts.is_file() || path.to_str().is_none_or(|it| it.contains('\n')) {
                    let odd = io::Error::other("neither a folder nor a plain file");
                    return Err(at(&path, &odd));
                } else if wanted(&path) {
                    let modified = modified(&facts);
                    listing.files.push(Entry { path, bytes: facts.len(), modified });
                }
            }
        }
        listing.folders.sort();
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }

    /// The bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|it| it.bytes).sum()
    }

    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut listing = Self::default();
        for line in text.lines() {
            match line.split_once(' ')? {
                ("folder", path) => listing.folders.push(below(path)?),
                ("file", rest) => {
                    let (bytes, rest) = rest.split_once(' ')?;
                    let (modified, path) = rest.split_once(' ')?;
                    let (bytes, modified) = (bytes.parse().ok()?, modified.parse().ok()?);
                    listing.files.push(Entry { path: below(path)?, bytes, modified });
                }
                _ => return None,
            }
        }
        Some(listing)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for folder in &self.folders {
            writeln!(f, "folder {}", folder.display())?;
        }
        for Entry { path, bytes, modified } in &self.files {
            writeln!(f, "file {bytes} {modified} {}", path.display())?;
        }
        Ok(())
    }
}

/// A path that stays below the folder.
fn below(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    let plain = |it| matches!(it, std::path::Component::Normal(_));
    (path.components().count() > 0 && path.components().all(plain)).then_some(path)
}

pub(super) fn modified(facts: &fs::Metadata) -> i128 {
    i128::from(facts.mtime()) * 1_000_000_000 + i128::from(facts.mtime_nsec())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("base/1")).unwrap();
        fs::write(folder.path().join("base/1/2619"), "12345").unwrap();
        fs::write(folder.path().join("PG_VERSION"), "15").unwrap();
        fs::write(folder.path().join("postmaster.opts"), "no").unwrap();
        let listing = Listing::of(folder.path(), |it| it != Path::new("postmaster.opts")).unwrap();
        assert_eq!(listing.bytes(), 7);
        assert_eq!(listing.folders, [PathBuf::from("base"), PathBuf::from("base/1")]);
        assert_eq!(Listing::parse(&listing.to_string()), Some(listing));
    }

    #[test]
    fn a_listing_never_names_what_lies_elsewhere() {
        assert!(Listing::parse("file 1 1 base/1\n").is_some());
        for path in ["/etc/passwd", "../x", "base/../../x", ""] {
            assert_eq!(Listing::parse(&format!("file 1 1 {path}\n")), None, "{path}");
        }
    }

    #[test]
    fn a_link_in_a_data_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("16384")).unwrap();
        let error = Listing::of(folder.path(), |_| true).unwrap_err().to_string();
        assert!(error.contains("16384"), "{error}");
    }
}
