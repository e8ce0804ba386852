//! Keeping a base: building it under another name, and giving it its own when it is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::copy::{Check, Copying, Part};
use super::error::BaseError;
use super::hash::hex;
use super::listing::Listing;
use super::lock;
use super::record::{RECORD, Record, Restoration};
use super::room;
use super::setup::{FORMAT, Setup};
use super::take::touch;
use super::way::{Way, Ways};
use super::{BUILDING, Bases, DATA, FILES, LOCK, USED};
use crate::server::folder::{private_folder, spread};
use crate::server::machine::boot_id;
use crate::server::user::ServerUser;

/// A data folder to make a base of; its server was stopped in order.
#[derive(Debug)]
pub(crate) struct NewBase<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) restoration: &'a Restoration,
    /// The backup as its user named it.
    pub(crate) backup: &'a str,
    pub(crate) data: &'a Path,
    /// The oldest file of the write-ahead log that the cluster needs; later ones only wait to be
    /// used again. `None`: not known, all are kept.
    pub(crate) log_file: Option<&'a str>,
    /// All bases together may take as many bytes.
    pub(crate) limit: u64,
}

/// What became of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was made.
    Made {
        /// Its name.
        name: String,
        /// Bases that had to go for it.
        dropped: Vec<String>,
        /// Tells it from every other one of its name.
        identity: String,
    },
    /// Another run was first.
    There,
}

/// Why there is no base.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    /// It alone is more than all may be.
    #[error("it would take {}, and cache_limit is {}", size(*bytes), size(*limit))]
    OverLimit { bytes: u64, limit: u64 },
    /// The disk is too full.
    #[error(
        "it would take {}, and {} has {} left; as much again must stay free for the migrations",
        size(*bytes), folder.display(), size(*free)
    )]
    NoSpace { bytes: u64, free: u64, folder: PathBuf },
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] BaseError),
}

impl NotKept {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::OverLimit { .. } => "raise cache_limit, or set keep_base = \"never\"",
            Self::NoSpace { .. } | Self::Failed(BaseError::Target(_)) => {
                "make room there, set cache_dir to a larger disk, or give --no-base"
            }
            Self::Failed(BaseError::NotWhole { .. } | BaseError::Io { .. }) => {
                "look at the cache folder and its disk, or give --no-base"
            }
            Self::Failed(error) => error.remedy(),
        }
    }
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| format!("{:.1} {name}", bytes as f64 / *unit as f64),
    )
}

impl Bases {
    /// Makes a base of a data folder. Whatever fails leaves nothing but what the next one removes.
    pub(crate) fn keep(&self, new: &NewBase<'_>) -> Result<Kept, NotKept> {
        let failed = BaseError::io("list", new.data);
        let listing =
            Listing::of(new.data, |path| is_needed(path, new.log_file)).map_err(failed)?;
        let bytes = listing.bytes();
        let limit = new.limit;
        if bytes > limit {
            return Err(NotKept::OverLimit { bytes, limit });
        }
        let name = new.setup.base(&new.restoration.sha256);
        let ways = self.ways(new.data, &self.folder);
        let gate = self.gate()?;
        if self.at(&name).exists() {
            return Ok(Kept::There);
        }
        let _left = self.clear_away();
        let dropped = self.make_room(limit - bytes)?;
        if ways != Ways::Known(Way::Clone) {
            self.must_have_space(bytes)?;
        }
        let building = Building::begin(self)?;
        drop(gate);
        let identity = building.fill(self, new, &listing, ways)?;
        let gate = self.gate()?;
        if self.at(&name).exists() {
            return Ok(Kept::There);
        }
        building.finish(&self.at(&name))?;
        drop(gate);
        Ok(Kept::Made { name, dropped, identity })
    }

    /// Held while something gets a name or loses it: for moments.
    pub(super) fn gate(&self) -> Result<File, BaseError> {
        let path = self.at(LOCK);
        lock::wait_for(&path).map_err(BaseError::io("lock", &path))
    }

    fn must_have_space(&self, bytes: u64) -> Result<(), NotKept> {
        // A system that does not tell is asked by trying.
        let Some(free) = room::free(&self.folder) else { return Ok(()) };
        if free / 2 < bytes {
            return Err(NotKept::NoSpace { bytes, free, folder: self.folder.clone() });
        }
        Ok(())
    }
}

/// Whether a file of a stopped cluster is part of it.
fn is_needed(path: &Path, log_file: Option<&str>) -> bool {
    let in_log = path.parent() == Some(Path::new("pg_wal"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if in_log && name.len() == 24 {
        return log_file.is_none_or(|first| is_recent_log(&name, first));
    }
    let left_over = path == Path::new("postmaster.pid") || path == Path::new("postmaster.opts");
    !left_over && !name.starts_with("pgsql_tmp")
}

/// The named file of the log or the one after it: the record of the shutdown may lie there.
fn is_recent_log(name: &str, first: &str) -> bool {
    let number = |name: &str| -> Option<(u64, u64)> {
        let timeline = u64::from_str_radix(name.get(..8)?, 16).ok()?;
        let (high, low) = (name.get(8..16)?, name.get(16..24)?);
        let low = u64::from_str_radix(low, 16).ok()?;
        // With files of 16 MB there are 256 in each of the high part's.
        Some((timeline, u64::from_str_radix(high, 16).ok()? * 256 + low))
    };
    match (number(name), number(first)) {
        (Some((timeline, at)), Some((of, first))) => {
            timeline == of && (at == first || at == first + 1)
        }
        _ => true,
    }
}

/// A base that is being built; removed when dropped unfinished.
struct Building {
    folder: PathBuf,
    finished: bool,
    /// Held as long as it has this name.
    _lock: File,
}

impl Building {
    /// Only called with the gate held: nobody sees it without its lock.
    fn begin(bases: &Bases) -> Result<Self, BaseError> {
        spread(&bases.folder);
        let folder = bases.unnamed(BUILDING);
        private_folder(&folder).map_err(BaseError::io("make", &folder))?;
        let path = folder.join(LOCK);
        let lock = lock::wait_for(&path).map_err(BaseError::io("lock", &path));
        match lock {
            Ok(lock) => Ok(Self { folder, finished: false, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    fn fill(
        &self,
        bases: &Bases,
        new: &NewBase<'_>,
        listing: &Listing,
        ways: Ways,
    ) -> Result<String, BaseError> {
        let data = self.folder.join(DATA);
        private_folder(&data).map_err(BaseError::io("make", &data))?;
        let copying = Copying {
            listing,
            part: Part::Whole,
            from: new.data,
            to: &data,
            place: &bases.folder,
            owner: &ServerUser::Own,
            check: Check::Size,
            ways,
            fault: bases.fault,
        };
        let gauge = copying.run()?;
        if let Some(way) = gauge.fastest() {
            // Only a hint for the next one.
            let _ = bases.remember_way(new.data, &bases.folder, way);
        }
        let made = Listing::of(&data, |_| true).map_err(BaseError::io("list", &data))?;
        if made.bytes() != listing.bytes() || made.files.len() != listing.files.len() {
            let what = "is not what was to be copied".to_owned();
            return Err(BaseError::NotWhole { path: data, what });
        }
        self.describe(new, &made)
    }

    /// Writes down what was made, the record last; gives its identity.
    fn describe(&self, new: &NewBase<'_>, made: &Listing) -> Result<String, BaseError> {
        let files = made.to_string();
        let record = Record {
            format: FORMAT,
            setup: new.setup.name().to_owned(),
            server_version: new.setup.server_version.clone(),
            backup: new.backup.to_owned(),
            made_at: Timestamp::now(),
            boot: boot_id(),
            bytes: made.bytes(),
            files_sha256: hex(&Sha256::digest(&files)),
            restoration: new.restoration.clone(),
        };
        let used = self.folder.join(USED);
        touch(&used).map_err(BaseError::io("write", &used))?;
        self.write(FILES, &files)?;
        self.write(RECORD, &record.text())?;
        Ok(record.identity())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), BaseError> {
        let path = self.folder.join(name);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let written: io::Result<()> = file.and_then(|mut it| it.write_all(text.as_bytes()));
        written.map_err(BaseError::io("write", &path))
    }

    /// Only called with the gate held.
    fn finish(mut self, name: &Path) -> Result<(), BaseError> {
        fs::rename(&self.folder, name).map_err(BaseError::io("name", name))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if !self.finished {
            // What stays is removed by the next one, for its lock is free then.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_log_only_what_the_shutdown_wrote_is_kept() {
        let first = Some("0000000100000000000000FF");
        let needed = |path: &str| is_needed(Path::new(path), first);
        assert!(needed("pg_wal/0000000100000000000000FF"));
        assert!(needed("pg_wal/000000010000000100000000"), "the next one");
        assert!(!needed("pg_wal/000000010000000100000001"), "waits to be used again");
        assert!(!needed("pg_wal/0000000100000000000000FE"), "past");
        assert!(needed("pg_wal/00000002.history"));
        assert!(needed("base/1/2619") && needed("PG_VERSION"));
        assert!(!needed("postmaster.pid") && !needed("base/pgsql_tmp/pgsql_tmp1.0"));
        assert!(is_needed(Path::new("pg_wal/0000000100000000000000FE"), None), "not known");
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(12), "12 bytes");
        assert_eq!(size(2_036_000_000), "2.0 GB");
        assert_eq!(size(45_300_000), "45.3 MB");
    }
}
