//! Room where a copy goes: how much there is, and what is said when the place refuses the copy.
//!
//! What the place refuses says nothing about what was to be copied: that is as good as before.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::keep::size;

/// What is free in a folder, in bytes, for those who are not root; `None`: the system does not tell.
/// A quota may leave less.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let facts = statvfs(folder).ok()?;
    // The types differ from system to system.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    let free = (facts.blocks_available() as u64).saturating_mul(facts.fragment_size() as u64);
    Some(free)
}

/// A copy that the place where it was to be made refused.
#[derive(Debug)]
pub struct Refused {
    /// What was tried.
    pub(super) what: &'static str,
    /// With what, below the copy.
    pub(super) path: PathBuf,
    /// The folder that the copy was to be in.
    pub(super) place: PathBuf,
    /// What the whole copy takes.
    pub(super) bytes: u64,
    /// What was free before it began; `None`: the system does not tell.
    pub(super) free: Option<u64>,
    /// The system's error.
    pub(super) source: io::Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, place) = (size(self.bytes), self.place.display());
        match self.source.kind() {
            io::ErrorKind::StorageFull => {
                write!(f, "disk full: {place} has no room for a copy of {bytes}")?;
            }
            io::ErrorKind::QuotaExceeded => {
                write!(f, "disk full: the quota leaves no room in {place} for a copy of {bytes}")?;
            }
            _ => write!(f, "a copy of {bytes} cannot be made in {place}")?,
        }
        if let Some(free) = self.free {
            write!(f, "; {} were free when it began", size(free))?;
        }
        write!(f, "; cannot {} {}: {}", self.what, self.path.display(), self.source)
    }
}

// The text says the system's error already.
impl std::error::Error for Refused {}
