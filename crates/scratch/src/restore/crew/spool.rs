//! Where data waits that memory has no room for: files without a name, gone with the last who
//! holds them.
//!
//! The dump is a stream, and a table can be loaded fastest whole (see [`super::load`]): while one
//! table is being loaded, the reader is far ahead. Writing some of it aside and reading it again
//! costs much less than loading a table in parts.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

/// The most that waits there: dumps of a few gigabytes whole.
const MOST: u64 = 8 << 30;
/// The share of the free space: the database itself needs more.
const SHARE: u64 = 8;

/// A folder with room for data that waits.
#[derive(Debug)]
pub(in crate::restore) struct Spool {
    folder: PathBuf,
    /// In KiB.
    room: Arc<Semaphore>,
}

impl Spool {
    /// A spool in the folder; `None` where nothing is known of its space.
    pub(in crate::restore) fn in_folder(folder: &Path) -> Option<Self> {
        let free = free_space(folder)?;
        let room = usize::try_from((free / SHARE).min(MOST) >> 10).ok()?;
        Some(Self { folder: folder.to_owned(), room: Arc::new(Semaphore::new(room)) })
    }

    /// A file for one table's data.
    pub(in crate::restore) fn file(&self) -> SpoolFile {
        SpoolFile { folder: self.folder.clone(), room: Arc::clone(&self.room), open: None, end: 0 }
    }
}

/// Bytes that this user may still write into the folder's file system.
fn free_space(folder: &Path) -> Option<u64> {
    let facts = nix::sys::statvfs::statvfs(folder).ok()?;
    // Their types differ from system to system.
    #[allow(clippy::useless_conversion, clippy::allow_attributes)]
    let (blocks, size) = (u64::from(facts.blocks_available()), u64::from(facts.fragment_size()));
    size.checked_mul(blocks)
}

/// The data of one table that waits.
#[derive(Debug)]
pub(in crate::restore) struct SpoolFile {
    folder: PathBuf,
    room: Arc<Semaphore>,
    open: Option<Arc<Open>>,
    end: u64,
}

/// A file, and the room that it takes: given back when the file is gone.
#[derive(Debug)]
struct Open {
    file: File,
    room: Mutex<Option<OwnedSemaphorePermit>>,
}

impl SpoolFile {
    /// Writes bytes aside; `None` when there is no room, or the file cannot be written.
    pub(in crate::restore) async fn append(&mut self, bytes: &Bytes) -> Option<Stretch> {
        let share = u32::try_from(bytes.len().div_ceil(1024)).ok()?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(share).ok()?;
        let open = match &self.open {
            Some(open) => Arc::clone(open),
            None => {
                let file = tempfile::tempfile_in(&self.folder).ok()?;
                let open = Open { file, room: Mutex::new(None) };
                Arc::clone(self.open.insert(Arc::new(open)))
            }
        };
        open.take(room);
        let stretch = Stretch { open: Arc::clone(&open), at: self.end, length: bytes.len() };
        self.end += bytes.len() as u64;
        let (bytes, at) = (bytes.clone(), stretch.at);
        let written = spawn_blocking(move || open.file.write_all_at(&bytes, at)).await;
        matches!(written, Ok(Ok(()))).then_some(stretch)
    }
}

impl Open {
    fn take(&self, more: OwnedSemaphorePermit) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
    }
}

/// A part of such a file.
#[derive(Debug)]
pub(in crate::restore) struct Stretch {
    open: Arc<Open>,
    at: u64,
    length: usize,
}

impl Stretch {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) async fn read(self) -> io::Result<Bytes> {
        let read = spawn_blocking(move || {
            let mut bytes = vec![0; self.length];
            self.open.file.read_exact_at(&mut bytes, self.at).map(|()| bytes)
        });
        Ok(read.await??.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_aside_is_read_again_and_its_room_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool { folder: folder.path().to_owned(), room: Arc::new(Semaphore::new(3)) };
        let mut file = spool.file();
        let (one, two) = (Bytes::from(vec![1; 1025]), Bytes::from(vec![2; 1000]));
        let first = file.append(&one).await.unwrap();
        let second = file.append(&two).await.unwrap();
        assert!(file.append(&two).await.is_none(), "there is no room");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file with a name");
        assert_eq!(second.read().await.unwrap(), two);
        assert_eq!(first.read().await.unwrap(), one);
        assert_eq!(spool.room.available_permits(), 0);
        drop(file);
        assert_eq!(spool.room.available_permits(), 3);
    }
}
