//! Bases: restored and analysed clusters that the next rehearsal against the same backup starts
//! from a copy of.
//!
//! ```text
//! <bases>/lock                     held while something gets its name or loses it
//! <bases>/base-15-<16 hex>/        complete: it came here by a rename
//!     lock                         shared by those who copy; alone by who throws it away
//!     data/                        a data folder whose server was stopped in order
//!     files                        every file with its size and the time of its last write
//!     base.json                    what it is; the hash of `files`; written last
//!     census                       what was counted in it, with its hash
//!     used                         its time: when it was last used
//!     synced                       there once all of it is on the disk for certain
//! <bases>/building-<16 hex>/       half built (its lock is held) or given up (it is free)
//! <bases>/dropped-<16 hex>/        on its way out
//! <bases>/turn-<32 hex>            locked by the run that restores this backup
//! <bases>/known/<32 hex>           the hash of a backup that has not changed
//! <bases>/ways                     the fastest way to copy between two file systems
//! ```
//!
//! A rehearsal never writes to a base: it copies it, or clones its blocks. Base and copy have no
//! file in common. Nobody can log in to a base's server: roles have no passwords there, and the
//! superuser's name and password are given anew at each start ([`crate::server`]).
//!
//! **Nothing is forced to disk when a base is made**: until the system's next start it is whole all
//! the same, and by the time it is used again its pages have long been written, so that making
//! sure then costs next to nothing. A base that was not made sure of before a restart is thrown
//! away.
//!
//! What is worth keeping, and what a rehearsal does when nothing can be kept, is decided by
//! [`crate::provider`].

mod blame;
mod census;
mod copy;
mod durable;
mod error;
mod hash;
mod keep;
mod listing;
mod lock;
mod record;
mod room;
mod setup;
mod shelf;
mod take;
mod way;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

pub(crate) use blame::{ELSEWHERE, is_refused, says_no_room};
pub(crate) use census::Shelf;
pub(crate) use durable::sync;
pub use error::BaseError;
pub(crate) use hash::Facts;
pub(crate) use keep::{Kept, NewBase, NotKept, size};
pub(crate) use record::Restoration;
pub use room::Refused;
pub(crate) use setup::Setup;
pub use shelf::{BaseInfo, Dropped};
pub(crate) use take::{Found, Held, Turn};

/// How a copy of a base was made.
pub use stopover_model::report::BaseCopy;

/// Names of what lies in the folder of all bases.
const LOCK: &str = "lock";
const BASE: &str = "base-";
const BUILDING: &str = "building-";
const DROPPED: &str = "dropped-";
const TURN: &str = "turn-";
const KNOWN: &str = "known";
const WAYS: &str = "ways";
/// Names of what lies in the folder of one base, besides its record and the lock.
const DATA: &str = "data";
const FILES: &str = "files";
const USED: &str = "used";
const SYNCED: &str = "synced";

/// The folder of all bases.
#[derive(Debug, Clone)]
pub struct Bases {
    folder: PathBuf,
    /// Lets the copying of a file fail; only tests set it.
    fault: Option<fn(&Path) -> io::Result<()>>,
}

impl Bases {
    /// Opens the folder, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or others could have put something there: bases hold production's
    /// data, and become servers of ours.
    pub fn make(folder: &Path) -> Result<Self, BaseError> {
        let failed = |source| BaseError::Folder { path: folder.to_owned(), source };
        fs::DirBuilder::new().mode(0o700).recursive(true).create(folder).map_err(failed)?;
        let bases = Self::open(folder)?;
        bases.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// Opens the folder; `None` when there is none.
    ///
    /// # Errors
    ///
    /// As [`Bases::make`].
    pub fn open(folder: &Path) -> Result<Option<Self>, BaseError> {
        let facts = match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => {
                other.map_err(|source| BaseError::Folder { path: folder.to_owned(), source })?
            }
        };
        let above = folder.parent().and_then(|it| fs::metadata(it).ok());
        let closed = facts.is_dir() && facts.uid() == geteuid().as_raw() && !open_to_others(&facts);
        // In a folder above that others may write to, they could put another one in its place,
        // unless it is one like /tmp.
        if !closed || above.is_some_and(|it| open_to_others(&it) && it.mode() & 0o1000 == 0) {
            return Err(BaseError::Open { path: folder.to_owned() });
        }
        Ok(Some(Self { folder: folder.to_owned(), fault: None }))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A new name for what is not, or no longer, a base.
    fn unnamed(&self, prefix: &str) -> PathBuf {
        self.at(&format!("{prefix}{:016x}", rand::random::<u64>()))
    }

    /// What lies there under names that begin so.
    fn names(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name.starts_with(prefix)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

fn open_to_others(facts: &fs::Metadata) -> bool {
    facts.mode() & 0o022 != 0
}
