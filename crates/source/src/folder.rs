//! What lies in a folder, sorted by name: never in the order of the file system. The folder may
//! be on disk or embedded in a binary; nobody above sees the difference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;

use crate::SourceError;

/// How deep folders are followed in layouts that read them: a loop of links ends there.
const DEPTH_LIMIT: usize = 32;

/// Where folders and files are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Store<'a> {
    /// On disk.
    Disk,
    /// In the binary: paths below the source's root, with `/`, and what they hold.
    Embedded { root: &'a Path, files: &'a [(&'a str, &'a [u8])] },
}

impl<'a> Store<'a> {
    /// What a file holds.
    pub(crate) fn read(self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(path, &mut bytes).map(|()| bytes)
    }

    /// Puts what a file holds in the place of what `buffer` does.
    pub(crate) fn read_into(self, path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        match self {
            // Without a limit, each file would be asked for its size and its place first.
            Self::Disk => File::open(path)?.take(u64::MAX).read_to_end(buffer).map(drop),
            Self::Embedded { root, files } => {
                let below = path.strip_prefix(root).map_err(|_| ErrorKind::NotFound)?;
                let found = files.iter().find(|(name, _)| Path::new(name) == below);
                let (_, bytes) = found.ok_or(ErrorKind::NotFound)?;
                buffer.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn list(self, path: &Path) -> io::Result<Vec<Entry>> {
        let folder = Arc::from(path);
        let mut entries = match self {
            Self::Disk => listed(&folder)?,
            Self::Embedded { root, files } => embedded(root, files, &folder),
        };
        // No two have one name.
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

fn listed(folder: &Arc<Path>) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), kind_of(&entry));
        entries.push(Entry { name, folder: Arc::clone(folder), kind });
    }
    Ok(entries)
}

/// What the embedded paths below `folder` say that is in it.
fn embedded(root: &Path, files: &[(&str, &[u8])], folder: &Arc<Path>) -> Vec<Entry> {
    let mut entries: BTreeMap<OsString, Kind> = BTreeMap::new();
    for (name, _) in files {
        let full = root.join(name);
        let Ok(below) = full.strip_prefix(folder) else { continue };
        let mut components = below.components();
        let Some(Component::Normal(first)) = components.next() else { continue };
        let kind = if components.next().is_some() { Kind::Folder } else { Kind::File };
        entries.insert(first.to_owned(), kind);
    }
    let entry = |(name, kind)| Entry { name, folder: Arc::clone(folder), kind };
    entries.into_iter().map(entry).collect()
}

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
    /// The path of the folder that it is in. A long history's entries share it.
    folder: Arc<Path>,
    /// What it is.
    pub(crate) kind: Kind,
}

impl Entry {
    /// Its path: the folder's, as it was given, and the name.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// The name for showing, with a replacement character where it is not UTF-8.
    pub(crate) fn shown_name(&self) -> Cow<'_, str> {
        self.name.to_string_lossy()
    }

    /// The path for showing.
    pub(crate) fn shown_path(&self) -> String {
        self.path().display().to_string()
    }

    /// Whether the name starts with a dot.
    pub(crate) fn is_hidden(&self) -> bool {
        self.name.as_encoded_bytes().starts_with(b".")
    }
}

/// A folder and its entries, ascending by name.
#[derive(Debug, Clone)]
pub(crate) struct Folder<'a> {
    /// Where it is.
    pub(crate) store: Store<'a>,
    /// The path as it was given.
    pub(crate) path: PathBuf,
    /// What lies in it.
    pub(crate) entries: Vec<Entry>,
}

impl<'a> Folder<'a> {
    /// Lists the source's root folder.
    pub(crate) fn open(store: Store<'a>, path: &Path) -> Result<Self, SourceError> {
        Self::list(store, path).map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                ErrorKind::NotFound => SourceError::NotThere { path },
                ErrorKind::NotADirectory => SourceError::NotAFolder { path },
                _ => SourceError::NotReadable { path, source },
            }
        })
    }

    fn list(store: Store<'a>, path: &Path) -> io::Result<Self> {
        Ok(Self { store, path: path.to_owned(), entries: store.list(path)? })
    }

    /// Lists a folder in this one.
    pub(crate) fn inside(&self, entry: &Entry) -> io::Result<Self> {
        Self::list(self.store, &entry.path())
    }

    /// Whether [`Self::deep`] can find a name that begins with one of these letters: it lists folders
    /// and copies every entry, which is worth it only then.
    pub(crate) fn may_begin_with(&self, letters: &[u8]) -> bool {
        self.entries.iter().any(|entry| {
            let first = entry.name.as_encoded_bytes().first();
            entry.kind == Kind::Folder || first.is_some_and(|it| letters.contains(it))
        })
    }

    /// Everything in this folder and in the visible folders below it, ascending by path; a folder
    /// is itself among them only where it cannot be listed.
    pub(crate) fn deep(&self) -> Vec<Entry> {
        let mut found = Vec::new();
        self.gather(0, &mut found);
        found
    }

    fn gather(&self, depth: usize, found: &mut Vec<Entry>) {
        for entry in &self.entries {
            if entry.kind != Kind::Folder || entry.is_hidden() {
                found.push(entry.clone());
                continue;
            }
            let listed = if depth < DEPTH_LIMIT {
                self.inside(entry)
            } else {
                Err(io::Error::other("folders in folders without end: is it a loop of links?"))
            };
            match listed {
                Ok(inner) => inner.gather(depth + 1, found),
                Err(error) => {
                    let kind = Kind::Broken(error.to_string());
                    found.push(Entry { kind, ..entry.clone() });
                }
            }
        }
    }

    /// The name of a file in this folder itself, as nearly all are: without a look at the parts of
    /// both paths.
    fn name_in<'p>(&self, path: &'p Path) -> Option<&'p str> {
        let name =
            path.to_str()?.strip_prefix(self.path.to_str()?)?.strip_prefix(MAIN_SEPARATOR)?;
        (!name.contains(MAIN_SEPARATOR)).then_some(name)
    }

    /// The path of a file below this folder, with `/`.
    pub(crate) fn relative(&self, path: &Path) -> String {
        if let Some(name) = self.name_in(path) {
            return name.to_owned();
        }
        let below = path.strip_prefix(&self.path).unwrap_or(path);
        if let Some(text) = below.to_str().filter(|_| MAIN_SEPARATOR == '/') {
            return text.to_owned();
        }
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }
}

fn kind_of(entry: &DirEntry) -> Kind {
    // The folder mostly says it by itself, without a look at the entry.
    match entry.file_type() {
        Ok(kind) if kind.is_file() => return Kind::File,
        Ok(kind) if kind.is_dir() => return Kind::Folder,
        _ => {}
    }
    match fs::metadata(entry.path()) {
        Ok(metadata) if metadata.is_file() => Kind::File,
        Ok(metadata) if metadata.is_dir() => Kind::Folder,
        Ok(_) => Kind::Special,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Kind::Broken("it is a symbolic link to nothing".to_owned())
        }
        Err(error) => Kind::Broken(error.to_string()),
    }
}
