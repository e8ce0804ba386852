//! An SQLite database as a backup: maybe compressed, told by its first bytes.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::codec::{Codec, Content, content_of};
use super::stream::Stream;
use super::{BackupError, folder, open, read_magic};

/// An SQLite database that was opened as a stream of bytes; whether it is whole is known later.
#[derive(Debug)]
pub struct SqliteBackup {
    /// As messages name it.
    pub name: String,
    /// Its size as it lies on disk.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Option<SystemTime>,
    /// The database's bytes.
    pub stream: Stream,
}

impl SqliteBackup {
    /// Opens a file; `None` where it is something else than an SQLite database.
    ///
    /// # Errors
    /// When it cannot be read, or is not whole as far as its first bytes show.
    pub fn open(path: &Path) -> Result<Option<Self>, BackupError> {
        let name = path.display().to_string();
        let mut file = open(path)?;
        let facts = file.metadata().map_err(|source| folder::unreadable(path, source))?;
        if !facts.is_file() {
            // What is read of a pipe is gone.
            return Ok(None);
        }
        let magic = read_magic(&mut file).map_err(|source| folder::unreadable(path, source))?;
        let codec = Codec::of(&magic);
        let source = Box::new(std::io::Read::chain(std::io::Cursor::new(magic), file));
        let mut stream = Stream::start(source, codec, name.clone());
        let is_sqlite = content_of(&stream.head()?) == Content::Sqlite;
        let modified = facts.modified().ok();
        Ok(is_sqlite.then_some(Self { name, bytes: facts.len(), modified, stream }))
    }

    /// How old it is at `now`, by the file's time.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        Some(now.duration_since(self.modified?).unwrap_or_default())
    }
}
