//! Taking a base: finding it, holding it, and copying it into a new server's data folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::census::Shelf;
use super::copy::{Check, Copying, Part, devices};
use super::error::BaseError;
use super::hash::{Facts, hex};
use super::listing::Listing;
use super::lock::{self, Sharing};
use super::record::{Record, Restoration};
use super::setup::{FORMAT, Setup};
use super::way::{Gauge, Way, Ways};
use super::{BASE, BaseCopy, Bases, DATA, FILES, KNOWN, LOCK, SYNCED, TURN, USED, WAYS};
use crate::server::machine::boot_id;
use crate::server::user::ServerUser;

/// How long the memory of a backup's hash is kept.
const REMEMBERED: Duration = Duration::from_hours(24 * 60);

/// A base that is held against those who throw bases away, until dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) name: String,
    folder: PathBuf,
    bases: Bases,
    listing: Listing,
    record: Record,
    durable: bool,
    _lock: File,
}

/// What was found under a base's name.
#[derive(Debug)]
pub(crate) enum Found {
    /// The base.
    Base(Box<Held>),
    /// Nothing, or something that is on its way out.
    Nothing,
    /// Something that is not whole, and why.
    Spoilt(String),
}

impl Bases {
    /// Looks for the base of a backup.
    pub(crate) fn find(&self, setup: &Setup, sha256: &str) -> Result<Found, BaseError> {
        let name = setup.base(sha256);
        let folder = self.at(&name);
        let path = folder.join(LOCK);
        let failed = BaseError::io("lock", &path);
        let Some(lock) = lock::try_existing(&path, Sharing::Shared).map_err(failed)? else {
            return Ok(Found::Nothing);
        };
        let (record, listing) = match whole(&folder) {
            Ok(whole) => whole,
            Err(what) => return Ok(Found::Spoilt(what)),
        };
        let is_it = record.setup == setup.name() && record.restoration.sha256 == sha256;
        if !is_it {
            return Ok(Found::Spoilt("its record is that of another base".to_owned()));
        }
        let durable = folder.join(SYNCED).exists();
        if !durable && (record.boot.is_none() || record.boot != boot_id()) {
            let what = "the system was started anew before it had reached the disk for certain";
            return Ok(Found::Spoilt(what.to_owned()));
        }
        // Whoever cannot write this down loses the order of what is thrown away first.
        let _ = touch(&folder.join(USED));
        let bases = self.clone();
        let held = Held { name, folder, bases, listing, record, durable, _lock: lock };
        Ok(Found::Base(Box::new(held)))
    }

    /// Whether there may be a base of a backup of this size: only then is it worth hashing it
    /// before it is restored.
    pub(crate) fn may_have(&self, setup: &Setup, bytes: u64) -> bool {
        let names = self.names(&format!("{BASE}{}-", setup.major)).unwrap_or_default();
        names
            .iter()
            .filter_map(|name| Record::read(&self.at(name)).ok())
            .any(|record| record.setup == setup.name() && record.restoration.bytes == bytes)
    }

    /// The hash of a backup that has not changed since it was hashed.
    pub(crate) fn remembered(&self, facts: &Facts) -> Option<String> {
        let text = fs::read_to_string(self.at(KNOWN).join(facts.name())).ok()?;
        let hash = text.trim_end();
        let is_hash = hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit());
        is_hash.then(|| hash.to_owned())
    }

    /// Remembers the hash of a backup, where a change of it would show; forgets old ones.
    pub(crate) fn remember(&self, facts: &Facts, sha256: &str) -> io::Result<()> {
        if !facts.would_show_changes(SystemTime::now()) {
            return Ok(());
        }
        let folder = self.at(KNOWN);
        match crate::server::folder::private_folder(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for entry in fs::read_dir(&folder)?.flatten() {
            let age = entry.metadata().and_then(|it| it.modified()).map(|it| it.elapsed());
            if matches!(age, Ok(Ok(age)) if age > REMEMBERED) {
                fs::remove_file(entry.path())?;
            }
        }
        write_whole(&folder.join(facts.name()), &format!("{sha256}\n"))
    }

    /// The turn to restore a backup and to keep its base; `None`: another run has it.
    pub(crate) fn turn(&self, setup: &Setup, facts: &Facts) -> Result<Option<Turn>, BaseError> {
        let name = hex(&Sha256::digest(format!("{} {}", setup.name(), facts.name())));
        let path = self.at(&format!("{TURN}{}", &name[..32]));
        let lock = lock::try_for(&path).map_err(BaseError::io("lock", &path))?;
        Ok(lock.map(|lock| Turn { path, _lock: lock }))
    }

    /// The fastest known way between two folders.
    pub(super) fn ways(&self, from: &Path, to: &Path) -> Ways {
        let known = || {
            let (from, to) = devices(from, to).ok()?;
            let text = fs::read_to_string(self.at(WAYS)).ok()?;
            let line = format!("{from:x} {to:x} ");
            text.lines().find_map(|it| Way::named(it.strip_prefix(&line)?))
        };
        known().map_or(Ways::Measured, Ways::Known)
    }

    /// Remembers the fastest way between two folders' file systems, in both directions.
    pub(super) fn remember_way(&self, from: &Path, to: &Path, way: Way) -> io::Result<()> {
        let (from, to) = devices(from, to)?;
        let text = fs::read_to_string(self.at(WAYS)).unwrap_or_default();
        let pairs = [format!("{from:x} {to:x} "), format!("{to:x} {from:x} ")];
        let others = text.lines().filter(|it| !pairs.iter().any(|pair| it.starts_with(pair)));
        let mut text: String = others.map(|it| format!("{it}\n")).collect();
        let pairs = if from == to { &pairs[..1] } else { &pairs[..] };
        text.extend(pairs.iter().map(|pair| format!("{pair}{}\n", way.name())));
        write_whole(&self.at(WAYS), &text)
    }
}

/// Held by the run that restores a backup; the others wait for it.
#[derive(Debug)]
pub(crate) struct Turn {
    path: PathBuf,
    _lock: File,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Still locked: whoever waits sees that the file is no longer the one of that name.
        let _ = fs::remove_file(&self.path);
    }
}

impl Held {
    /// What the restore came to.
    pub(crate) fn restoration(&self) -> &Restoration {
        &self.record.restoration
    }

    /// Where its census is kept.
    pub(crate) fn shelf(&self) -> Shelf {
        Shelf::new(&self.bases, &self.name, self.record.identity())
    }

    /// When it was made.
    pub(crate) fn made_at(&self) -> Timestamp {
        self.record.made_at
    }

    /// Whether it is on the disk for certain.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// The size of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.record.bytes
    }

    /// How many files it has.
    pub(crate) fn files(&self) -> u64 {
        self.listing.files.len() as u64
    }

    /// Begins to copy it into an empty data folder, which the server's user owns: with all that a
    /// server needs to start. [`Begun::finish`] copies the databases.
    pub(crate) fn begin_copy<'a>(
        &'a self,
        data: &'a Path,
        user: &'a ServerUser,
    ) -> Result<Begun<'a>, BaseError> {
        let from = self.folder.join(DATA);
        let ways = self.bases.ways(&from, data);
        let mut begun = Begun { held: self, from, data, user, ways, gauge: Gauge::default() };
        begun.copy(Part::Cluster)?;
        Ok(begun)
    }
}

/// A copy of a base on which a server can start.
#[derive(Debug)]
pub(crate) struct Begun<'a> {
    held: &'a Held,
    from: PathBuf,
    data: &'a Path,
    user: &'a ServerUser,
    ways: Ways,
    gauge: Gauge,
}

impl Begun<'_> {
    /// Copies the databases: only then somebody may connect.
    pub(crate) fn finish(mut self) -> Result<BaseCopy, BaseError> {
        self.copy(Part::Databases)?;
        let Self { held, from, data, ways, gauge, .. } = self;
        if let (Ways::Measured, Some(way)) = (ways, gauge.fastest()) {
            // Only a hint for the next one.
            let _ = held.bases.remember_way(&from, data, way);
        }
        Ok(if gauge.is_clone() { BaseCopy::Clone } else { BaseCopy::Copy })
    }

    fn copy(&mut self, part: Part) -> Result<(), BaseError> {
        let copying = Copying {
            listing: &self.held.listing,
            part,
            from: &self.from,
            to: self.data,
            // The server's own folder has a name that nobody chose.
            place: self.data.ancestors().nth(2).unwrap_or(self.data),
            owner: self.user,
            check: Check::SizeAndTime,
            ways: self.ways,
            fault: None,
        };
        self.gauge.add(&copying.run()?);
        Ok(())
    }
}

/// A base's record and its list of files, which fit each other; an error says what does not.
fn whole(folder: &Path) -> Result<(Record, Listing), String> {
    let record = Record::read(folder)?;
    if record.format != FORMAT {
        return Err(format!("it has format {} instead of {FORMAT}", record.format));
    }
    let files = fs::read_to_string(folder.join(FILES));
    let files = files.map_err(|error| format!("its list of files cannot be read: {error}"))?;
    if hex(&Sha256::digest(&files)) != record.files_sha256 {
        return Err("its list of files is not the one that was written".to_owned());
    }
    let listing = Listing::parse(&files);
    Ok((record, listing.ok_or("its list of files cannot be understood")?))
}

/// Sets a file's time to now.
pub(super) fn touch(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.create(true).append(true).open(path)?;
    file.set_modified(SystemTime::now())
}

/// Writes a small file so that nobody ever sees half of it.
pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{:016x}", rand::random::<u64>()));
    let unfinished = PathBuf::from(unfinished);
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}
