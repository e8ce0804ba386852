//! Copying a data folder, file by file, on several threads; the largest files first, so that no
//! thread is left with a long one at the end.
//!
//! What is read is checked against a listing, so that a copy of something that is not whole fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::error::BaseError;
use super::listing::{Entry, Listing, modified};
use super::room::{self, Refused};
use super::way::{CopyFault, Gauge, Way, Ways};
use crate::server::folder::private_folder;
use crate::server::user::ServerUser;

/// More threads than this only get into each other's way in the file system.
const MOST_THREADS: usize = 8;

/// How closely a file must be what was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Its size.
    Size,
    /// Its size and the time of the last write.
    SizeAndTime,
}

/// Which files of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Every one.
    Whole,
    /// Those with which a server starts, and all folders.
    Cluster,
    /// Those of the databases: a server looks at none of them before somebody connects.
    Databases,
}

impl Part {
    fn has(self, path: &Path) -> bool {
        // A server that starts throws them away, wherever they are.
        let lasts = || path.file_name().is_none_or(|it| it != "pg_internal.init");
        match self {
            Self::Whole => true,
            Self::Cluster => !path.starts_with("base") && lasts(),
            Self::Databases => path.starts_with("base") && lasts(),
        }
    }
}

/// What is copied, to where, and for whom.
pub(super) struct Copying<'a> {
    pub(super) listing: &'a Listing,
    pub(super) part: Part,
    pub(super) from: &'a Path,
    /// An empty folder.
    pub(super) to: &'a Path,
    /// The folder that people know it by.
    pub(super) place: &'a Path,
    pub(super) owner: &'a ServerUser,
    pub(super) check: Check,
    pub(super) ways: Ways,
    /// Makes the copy of a file fail; only tests have one.
    pub(super) fault: Option<fn(&Path) -> io::Result<()>>,
}

impl Copying<'_> {
    /// Copies everything; gives how it went.
    pub(super) fn run(&self) -> Result<Gauge, BaseError> {
        // Before it begins: afterwards the copy itself has taken it.
        let free = room::free(self.place);
        let folders = match self.part {
            Part::Whole | Part::Cluster => self.listing.folders.as_slice(),
            Part::Databases => &[],
        };
        for folder in folders {
            let to = self.to.join(folder);
            private_folder(&to).map_err(self.refused("make", folder, free))?;
            self.owner.give(&to).map_err(self.refused("give away", folder, free))?;
        }
        let files = self.listing.files.iter().filter(|it| self.part.has(&it.path));
        let mut files: Vec<&Entry> = files.collect();
        files.sort_by_key(|it| std::cmp::Reverse(it.bytes));
        let gauge = Mutex::new(Gauge::default());
        let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut own = Gauge::default();
            let mut result = Ok(());
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                result = self.file(file, free, &mut own);
                if result.is_err() {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
            }
            gauge.lock().unwrap_or_else(PoisonError::into_inner).add(&own);
            result
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (1..threads()).map(|_| scope.spawn(work)).collect();
            let own = work();
            // A thread that panicked has a defect of ours, which must not pass for a copy.
            let broken = |_| Err(failed("copy", self.from)(io::Error::other("a thread broke off")));
            let others = threads.into_iter().map(|it| it.join().unwrap_or_else(broken));
            // All are waited for, whatever the first one said.
            others.collect::<Vec<_>>().into_iter().fold(own, Result::and)
        })?;
        Ok(gauge.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn file(&self, entry: &Entry, free: Option<u64>, gauge: &mut Gauge) -> Result<(), BaseError> {
        let (from, to) = (self.from.join(&entry.path), self.to.join(&entry.path));
        let refused = |what| self.refused(what, &entry.path, free);
        if let Some(fault) = self.fault {
            fault(&entry.path).map_err(refused("write"))?;
        }
        let source = match File::open(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(not_as_listed(from, "is missing"));
            }
            other => other.map_err(failed("read", &from))?,
        };
        let facts = source.metadata().map_err(failed("read", &from))?;
        if facts.len() != entry.bytes {
            let what = format!("has {} bytes instead of {}", facts.len(), entry.bytes);
            return Err(not_as_listed(from, what));
        }
        if self.check == Check::SizeAndTime && modified(&facts) != entry.modified {
            return Err(not_as_listed(from, "was written to"));
        }
        let mut options = OpenOptions::new();
        let target = options.write(true).create_new(true).mode(0o600).open(&to);
        let target = target.map_err(refused("make"))?;
        let holes = facts.blocks().saturating_mul(512) < facts.len();
        self.ways.copy(&source, &target, entry.bytes, holes, gauge).map_err(
            |fault| match fault {
                CopyFault::Read(error) => failed("read", &from)(error),
                CopyFault::Write(error) => refused("write")(error),
            },
        )?;
        self.owner.give(&to).map_err(refused("give away"))
    }

    /// An error of the side that is written to.
    fn refused(
        &self,
        what: &'static str,
        path: &Path,
        free: Option<u64>,
    ) -> impl FnOnce(io::Error) -> BaseError {
        let (path, place) = (path.to_owned(), self.place.to_owned());
        let bytes = self.listing.bytes();
        move |source| BaseError::Target(Refused { what, path, place, bytes, free, source })
    }
}

fn not_as_listed(path: PathBuf, what: impl Into<String>) -> BaseError {
    BaseError::NotWhole { path, what: what.into() }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BaseError {
    move |source| BaseError::Io { what, path: path.to_owned(), source }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS)
}

/// The devices of two folders: what is known about ways to copy holds between them.
pub(super) fn devices(from: &Path, to: &Path) -> io::Result<(u64, u64)> {
    Ok((fs::metadata(from)?.dev(), fs::metadata(to)?.dev()))
}

impl Way {
    /// In words, for reports and for the notebook.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Kernel => "kernel",
            Self::Buffer => "buffer",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Clone, Self::Kernel, Self::Buffer].into_iter().find(|it| it.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_parts_of_a_copy_are_all_that_a_server_keeps_when_it_starts() {
        let parts =
            |path: &str| [Part::Cluster, Part::Databases].map(|part| part.has(Path::new(path)));
        for path in ["PG_VERSION", "postgresql.conf", "global/pg_control", "pg_wal/0001"] {
            assert_eq!(parts(path), [true, false], "{path}");
        }
        for path in ["base/1/PG_VERSION", "base/16384/2619", "base/16384/pg_filenode.map"] {
            assert_eq!(parts(path), [false, true], "{path}");
        }
        for path in ["global/pg_internal.init", "base/16384/pg_internal.init"] {
            assert_eq!(parts(path), [false, false], "{path}");
            assert!(Part::Whole.has(Path::new(path)), "a base's own copy is compared");
        }
    }
}
