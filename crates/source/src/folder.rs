//! What lies in a folder, sorted by name: never in the order of the file system.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::SourceError;

/// What an entry is, after following symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A pipe, a socket, a device: never opened, because that could wait for ever.
    Special,
    /// It cannot be looked at, e.g. a link to nowhere; the text is the system's.
    Broken(String),
}

/// One entry of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: OsString,
    /// Its path: the folder's, as it was given, and the name.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
}

impl Entry {
    /// The name for showing, with a replacement character where it is not UTF-8.
    pub(crate) fn shown_name(&self) -> Cow<'_, str> {
        self.name.to_string_lossy()
    }

    /// The path for showing.
    pub(crate) fn shown_path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the name starts with a dot.
    pub(crate) fn is_hidden(&self) -> bool {
        self.name.as_encoded_bytes().starts_with(b".")
    }
}

/// A folder and its entries, ascending by name.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    /// The path as it was given.
    pub(crate) path: PathBuf,
    /// What lies in it.
    pub(crate) entries: Vec<Entry>,
}

impl Folder {
    /// Lists the source's root folder.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        Self::list(path).map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                ErrorKind::NotFound => SourceError::NotThere { path },
                ErrorKind::NotADirectory => SourceError::NotAFolder { path },
                _ => SourceError::NotReadable { path, source },
            }
        })
    }

    /// Lists any folder.
    pub(crate) fn list(path: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let path = entry.path();
            entries.push(Entry { name: entry.file_name(), kind: kind_of(&path), path });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { path: path.to_owned(), entries })
    }
}

fn kind_of(path: &Path) -> Kind {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Kind::File,
        Ok(metadata) if metadata.is_dir() => Kind::Folder,
        Ok(_) => Kind::Special,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Kind::Broken("it is a symbolic link to nothing".to_owned())
        }
        Err(error) => Kind::Broken(error.to_string()),
    }
}
