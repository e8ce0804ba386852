//! The backup: what it is, what it says of itself, and its bytes.
//!
//! A backup is recognised by its content, never by its name. Opening one reads its head only;
//! whether it is whole is known when its last byte was read, which is when it is restored (see
//! [`crate::restore`]). Where it comes from ([`crate::fetch`]) is not this module's business.

mod archive_head;
mod codec;
mod decode;
mod error;
mod folder;
mod header;
mod raw;
mod sqlite;
mod stream;

pub use codec::Codec;
pub use error::BackupError;
pub use header::Header;
pub use raw::{Digest, Progress};
pub use sqlite::SqliteBackup;
pub use stream::Stream;

pub(crate) use folder::hash as hash_folder;
pub(crate) use header::read_header;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use archive_head::read_archive_head;
use codec::{Content, content_of};
use header::{Start, read_start};

/// How pg_dump ends a plain dump.
const TRAILER: &[u8] = b"-- PostgreSQL database dump complete";

/// Where a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupPath {
    /// A file.
    File(PathBuf),
    /// A folder that `pg_dump -Fd` wrote.
    Folder(PathBuf),
    /// Standard input.
    Stdin,
}

impl BackupPath {
    /// `-` is standard input; what is a folder on disk is a folder.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path {
            _ if path == Path::new("-") => Self::Stdin,
            _ if path.is_dir() => Self::Folder(path.to_owned()),
            _ => Self::File(path.to_owned()),
        }
    }
}

/// What a backup is, with its bytes.
#[derive(Debug)]
pub enum Kind {
    /// SQL text.
    Plain(Codec, Stream),
    /// An archive in one file: `pg_dump -Fc` or `-Ft`.
    Archive(Stream),
    /// A directory archive with its files.
    Folder(PathBuf, Vec<PathBuf>),
}

/// A backup that was opened: its head is read and makes sense.
#[derive(Debug)]
pub struct Backup {
    /// As messages name it; `-` is standard input.
    pub name: String,
    /// What it says of itself.
    pub header: Header,
    /// Its size as it lies on disk; `None` on standard input.
    pub bytes: Option<u64>,
    /// When it was last written; `None` on standard input.
    pub modified: Option<SystemTime>,
    /// The oldest major version whose pg_restore reads it, for archives.
    pub oldest_reader: Option<u32>,
    /// Whether its head is pg_dump's. Where it is not, the end must be.
    pub has_header: bool,
    /// What it is.
    pub kind: Kind,
}

impl Backup {
    /// Opens a backup and reads its head.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as far as the head shows.
    pub fn open(path: &BackupPath) -> Result<Self, BackupError> {
        match path {
            BackupPath::Stdin => Self::from_reader("-", Box::new(io::stdin())),
            BackupPath::File(path) => Self::open_file(path),
            BackupPath::Folder(path) => Self::open_folder(path),
        }
    }

    /// Opens a backup that comes from anywhere; `name` is for messages.
    ///
    /// # Errors
    ///
    /// As [`Backup::open`].
    pub fn from_reader(name: &str, mut source: Box<dyn Read + Send>) -> Result<Self, BackupError> {
        let unreadable = |source| BackupError::Unreadable { path: name.to_owned(), at: 0, source };
        let magic = read_magic(&mut source).map_err(unreadable)?;
        if magic.is_empty() {
            return Err(BackupError::Empty { path: name.to_owned() });
        }
        let codec = Codec::of(&magic);
        let source = Box::new(io::Cursor::new(magic).chain(source));
        recognise(name, codec, Stream::start(source, codec, name.to_owned()))
    }

    /// The bytes of a file, decompressed, whatever they are.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or is empty.
    pub fn contents(path: &Path) -> Result<Stream, BackupError> {
        let name = path.display().to_string();
        let mut file = open(path)?;
        let unreadable = |source| BackupError::Unreadable { path: name.clone(), at: 0, source };
        let magic = read_magic(&mut file).map_err(unreadable)?;
        if magic.is_empty() {
            return Err(BackupError::Empty { path: name });
        }
        let codec = Codec::of(&magic);
        let source = Box::new(io::Cursor::new(magic).chain(file));
        Ok(Stream::start(source, codec, name))
    }

    /// The identity of a directory archive: SHA-256 over what `sha256sum *` prints in it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that is not whole.
    pub fn hash_folder(path: &Path) -> Result<Digest, BackupError> {
        let (files, _) = folder::list(path)?;
        folder::hash(&files, &Progress::default())
    }

    /// How old it is at `now`, by its own words where it says so, else by the file's time.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        let started = self.header.started.and_then(|it| u64::try_from(it).ok());
        let written = started
            .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .or(self.modified)?;
        // A file from the future (a clock that went wrong) is as new as can be.
        Some(now.duration_since(written).unwrap_or_default())
    }

    fn open_file(path: &Path) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        let mut file = open(path)?;
        let facts = file.metadata().map_err(|source| folder::unreadable(path, source))?;
        let mut backup = match ends_like_a_dump(&mut file) {
            Ok(ends) => {
                let backup = Self::from_reader(&name, Box::new(file))?;
                if !ends && !backup.has_header && backup.is_uncompressed() {
                    return Err(not_a_dump(&name));
                }
                backup
            }
            // Not a file to seek in (a pipe with a name): it is read as it comes.
            Err(_) => Self::from_reader(&name, Box::new(file))?,
        };
        backup.bytes = facts.is_file().then_some(facts.len());
        backup.modified = facts.modified().ok();
        Ok(backup)
    }

    fn open_folder(path: &Path) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        let toc = path.join(folder::TABLE_OF_CONTENTS);
        let mut file = match open(&toc) {
            Err(BackupError::Missing { .. }) if path.is_dir() => {
                let what = "the folder has no toc.dat, so it is not what pg_dump -Fd writes: \
                            name the dump in it";
                return Err(BackupError::NotADump { path: name, what: what.to_owned() });
            }
            other => other?,
        };
        let facts = file.metadata().map_err(|source| folder::unreadable(&toc, source))?;
        let head = read_magic(&mut file).map_err(|source| folder::unreadable(&toc, source))?;
        let (format, header) = read_archive_head(&head).ok_or_else(|| torn_head(&toc, &head))?;
        let (files, bytes) = folder::list(path)?;
        Ok(Self {
            name,
            header,
            bytes: Some(bytes),
            modified: facts.modified().ok(),
            oldest_reader: Some(format.oldest_reader()),
            has_header: true,
            kind: Kind::Folder(path.to_owned(), files),
        })
    }

    fn is_uncompressed(&self) -> bool {
        matches!(self.kind, Kind::Plain(Codec::Plain, _))
    }
}

/// What the decompressed head shows.
fn recognise(name: &str, codec: Codec, mut stream: Stream) -> Result<Backup, BackupError> {
    let head = stream.head()?;
    let path = || name.to_owned();
    let unsupported = |what: &str| BackupError::Unsupported { path: path(), what: what.to_owned() };
    if head.is_empty() {
        return Err(BackupError::Empty { path: path() });
    }
    let content = content_of(&head);
    match content {
        Content::Custom | Content::Tar if codec != Codec::Plain => {
            let what = "a compressed archive: its parts are compressed already; decompress the \
                        file and name the result";
            Err(unsupported(what))
        }
        Content::Custom => archive(name, &head, stream),
        Content::Tar => archive(name, head.get(512..).unwrap_or_default(), stream),
        Content::Sqlite => Err(unsupported(
            "an SQLite database, where a dump of PostgreSQL is needed: `stopover rehearse --backup` \
             takes it as a file, not on standard input",
        )),
        Content::Foreign(what) => {
            Err(BackupError::NotADump { path: path(), what: what.to_owned() })
        }
        Content::Text => plain(name, &head, codec, stream),
    }
}

fn plain(name: &str, head: &[u8], codec: Codec, stream: Stream) -> Result<Backup, BackupError> {
    let (header, has_header) = match read_start(head) {
        Start::Dump(header) => (header, true),
        Start::Unknown => (Header::default(), false),
        Start::Cluster => {
            let what = "a dump of a whole cluster (pg_dumpall), which creates roles and databases: \
                        make a dump of the one database with pg_dump";
            return Err(BackupError::Unsupported { path: name.to_owned(), what: what.to_owned() });
        }
    };
    let kind = Kind::Plain(codec, stream);
    let name = name.to_owned();
    Ok(Backup { name, header, bytes: None, modified: None, oldest_reader: None, has_header, kind })
}

fn archive(name: &str, head: &[u8], stream: Stream) -> Result<Backup, BackupError> {
    let (format, header) =
        read_archive_head(head).ok_or_else(|| torn_head(Path::new(name), head))?;
    Ok(Backup {
        name: name.to_owned(),
        header,
        bytes: None,
        modified: None,
        oldest_reader: Some(format.oldest_reader()),
        has_header: true,
        kind: Kind::Archive(stream),
    })
}

fn torn_head(path: &Path, head: &[u8]) -> BackupError {
    let path = path.display().to_string();
    if head.starts_with(b"PGDMP") {
        let what = "the archive's header is not complete".to_owned();
        BackupError::Truncated { path, at: head.len() as u64, what }
    } else {
        BackupError::NotADump { path, what: "it does not begin as an archive does".to_owned() }
    }
}

fn not_a_dump(name: &str) -> BackupError {
    let what = "it has neither the first lines nor the last line that pg_dump writes";
    BackupError::NotADump { path: name.to_owned(), what: what.to_owned() }
}

fn open(path: &Path) -> Result<File, BackupError> {
    File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => BackupError::Missing { path: path.display().to_string() },
        _ => folder::unreadable(path, source),
    })
}

/// Enough of the start to tell what it is.
fn read_magic(source: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::new();
    source.take(4096).read_to_end(&mut magic)?;
    Ok(magic)
}

/// Whether pg_dump's last line is near the end; leaves the file at its start.
fn ends_like_a_dump(file: &mut File) -> io::Result<bool> {
    const NEAR: u64 = 4096;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(NEAR)))?;
    let mut tail = Vec::new();
    file.take(NEAR).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(tail.windows(TRAILER.len()).any(|window| window == TRAILER))
}
