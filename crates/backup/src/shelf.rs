//! The folder of the backups: names, what is not whole yet, the pointer to the latest, and which are
//! kept.
//!
//! A backup is `backup-TIME.EXTENSION`, with its manifest `backup-TIME.json` beside it. What is not
//! whole ends in `.partial` and is locked by its maker: a partial without a lock was left behind by
//! a run that was killed, and the next run removes it. Files are for their owner alone.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::geteuid;
use stopover_model::report::BackupManifest;
use tempfile::NamedTempFile;

use crate::error::BackupError;

/// The file that holds the path of the latest backup.
pub const LATEST: &str = "latest-backup.txt";

const PREFIX: &str = "backup-";
const PARTIAL: &str = ".partial";
const UNPROVEN: &str = ".unproven";
const MANIFEST: &str = "json";

/// How the time is written: `20261120T145300123Z`.
const STAMP: &str = "%Y%m%dT%H%M%S%3fZ";
const STAMP_LENGTH: usize = 19;

/// The folder.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// A place for one backup, under a name that says that it is not whole.
#[derive(Debug)]
pub(crate) struct Slot {
    partial: PathBuf,
    whole: PathBuf,
    /// Held until it is whole; of a folder, the folder itself.
    lock: File,
    finished: bool,
}

/// What the backup is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    File,
    Folder,
}

impl Shelf {
    /// Makes the folder where it is not there, and removes what killed runs left in it.
    pub(crate) fn open(folder: &Path) -> Result<Self, BackupError> {
        let failed = |what: &'static str| {
            let folder = folder.display().to_string();
            move |source| BackupError::Folder { folder, what, source }
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(failed("cannot be made"))?;
        // The pointer to the latest must hold wherever it is read.
        let folder = folder.canonicalize().map_err(failed("cannot be entered"))?;
        sweep(&folder);
        Ok(Self { folder })
    }

    /// A place for a backup that is made now.
    pub(crate) fn slot(&self, extension: &str, form: Form) -> Result<Slot, BackupError> {
        loop {
            let stamp = Timestamp::now().strftime(STAMP);
            let whole = self.folder.join(format!("{PREFIX}{stamp}.{extension}"));
            let mut partial = whole.clone().into_os_string();
            partial.push(PARTIAL);
            let partial = PathBuf::from(partial);
            match claimed(&partial, form) {
                Ok(Some(lock)) if !whole.exists() => {
                    return Ok(Slot { partial, whole, lock, finished: false });
                }
                Ok(_) => std::thread::sleep(std::time::Duration::from_millis(1)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Err(source) => return Err(BackupError::write(&partial)(source)),
            }
        }
    }

    /// Writes the manifest beside a whole backup, and lets the pointer name the backup.
    pub(crate) fn publish(
        &self,
        backup: &Path,
        manifest: &BackupManifest,
    ) -> Result<(), BackupError> {
        let path = manifest_of(backup);
        let text = serde_json::to_string(manifest).map_err(BackupError::cut_off)?;
        self.put(&path, &text)?;
        self.put(&self.folder.join(LATEST), &format!("{}\n", backup.display()))
    }

    /// Writes a file as a whole: whoever reads it meanwhile sees the old one or the new one.
    fn put(&self, path: &Path, text: &str) -> Result<(), BackupError> {
        let write = || {
            let mut file = NamedTempFile::new_in(&self.folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|it| it.error)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(BackupError::write(path))
    }

    /// Removes all but the newest `keep` backups, `latest` being one of them; says which. What
    /// cannot be removed stays, and is told apart.
    pub(crate) fn prune(&self, keep: usize, latest: &Path) -> (Vec<String>, Vec<String>) {
        let mut backups = self.backups();
        // The names begin with the time.
        backups.sort_by(|a, b| b.cmp(a));
        let (mut removed, mut stayed) = (Vec::new(), Vec::new());
        for old in backups.iter().skip(keep.max(1)).filter(|it| *it != latest) {
            let name = old.display().to_string();
            match remove(old) {
                Ok(()) => {
                    // A backup without a manifest has none to remove.
                    let _ = fs::remove_file(manifest_of(old));
                    removed.push(name);
                }
                Err(error) => stayed.push(format!("{name}: {error}")),
            }
        }
        (removed, stayed)
    }

    fn backups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|it| it.path()).filter(|it| is_backup(it)).collect()
    }
}

/// Whether the name is one that a whole backup of ours has.
fn is_backup(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return false };
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let (Some(stamp), Some(extension)) = (rest.get(..STAMP_LENGTH), rest.get(STAMP_LENGTH..))
    else {
        return false;
    };
    let dated = stamp.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        18 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    let other =
        [PARTIAL, UNPROVEN].iter().any(|it| extension.ends_with(it)) || extension == ".json";
    dated && extension.starts_with('.') && !other
}

/// Where the manifest of a backup is: beside it, under the same time.
#[must_use]
pub fn manifest_of(backup: &Path) -> PathBuf {
    let name = backup.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.split('.').next().unwrap_or_default();
    backup.with_file_name(format!("{stem}.{MANIFEST}"))
}

/// Makes and locks it; `None` where somebody swept it away in between.
fn claimed(partial: &Path, form: Form) -> io::Result<Option<File>> {
    let lock = match form {
        Form::File => {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600).open(partial)?
        }
        Form::Folder => {
            DirBuilder::new().mode(0o700).create(partial)?;
            File::open(partial)?
        }
    };
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    let same = fs::symlink_metadata(partial).is_ok_and(|there| {
        lock.metadata().is_ok_and(|it| (it.dev(), it.ino()) == (there.dev(), there.ino()))
    });
    Ok(same.then_some(lock))
}

impl Slot {
    /// The path while it is not whole.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// The file that is written.
    pub(crate) const fn file(&self) -> &File {
        &self.lock
    }

    /// Sees that it is on the disk, and gives it its name.
    pub(crate) fn finish(self) -> Result<PathBuf, BackupError> {
        let name = self.whole.clone();
        self.finish_as(name)
    }

    /// Keeps it for a look, under a name that no backup has.
    pub(crate) fn finish_unproven(self) -> Result<PathBuf, BackupError> {
        let mut name = self.whole.clone().into_os_string();
        name.push(UNPROVEN);
        self.finish_as(name.into())
    }

    fn finish_as(mut self, name: PathBuf) -> Result<PathBuf, BackupError> {
        let finish = || {
            sync(&self.partial)?;
            fs::rename(&self.partial, &name)?;
            let folder = name.parent().unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        finish().map_err(BackupError::write(&name))?;
        self.finished = true;
        Ok(name)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = remove(&self.partial)
        {
            tracing::warn!("{} stays: {error}", self.partial.display());
        }
    }
}

/// A file, or a folder with its files, as it lies on the disk.
fn sync(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        for entry in fs::read_dir(path)? {
            sync(&entry?.path())?;
        }
    }
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// Removes partials whose makers are gone: the lock is free then, whatever became of them.
fn sweep(folder: &Path) {
    let user = geteuid().as_raw();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(PREFIX) && name.ends_with(PARTIAL);
        // A link is none of ours.
        let is_ours = |it: fs::Metadata| it.uid() == user && (it.is_file() || it.is_dir());
        if !ours || !entry.metadata().is_ok_and(is_ours) {
            continue;
        }
        let Ok(lock) = File::open(entry.path()) else { continue };
        if lock.try_lock().is_ok()
            && let Err(error) = remove(&entry.path())
        {
            tracing::warn!("{} stays: {error}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use stopover_model::report::{BackupKind, BackupMade};

    fn made(shelf: &Shelf) -> PathBuf {
        let slot = shelf.slot("sql.gz", Form::File).unwrap();
        slot.file().write_all_at_start();
        slot.finish().unwrap()
    }

    trait Written {
        fn write_all_at_start(&self);
    }

    impl Written for File {
        fn write_all_at_start(&self) {
            let mut file = self;
            file.write_all(b"a backup").unwrap();
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_backup_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let slot = shelf.slot("sql.gz", Form::File).unwrap();
        let there = names(folder.path());
        assert!(there.len() == 1 && there[0].ends_with(".sql.gz.partial"), "{there:?}");
        drop(slot);
        assert!(names(folder.path()).is_empty(), "what was given up is gone");
        let path = made(&shelf);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), [path.file_name().unwrap().to_str().unwrap()]);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_a_running_one_makes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let running = shelf.slot("sql.gz", Form::File).unwrap();
        let dumping = shelf.slot("dir", Form::Folder).unwrap();
        fs::write(folder.path().join("backup-20200101T000000000Z.sql.gz.partial"), "x").unwrap();
        fs::create_dir(folder.path().join("backup-20200101T000000000Z.dir.partial")).unwrap();
        fs::write(folder.path().join("notes.partial"), "the user's own").unwrap();
        Shelf::open(folder.path()).unwrap();
        let expected = [running.partial(), dumping.partial()];
        let mut expected: Vec<_> =
            expected.map(|it| it.file_name().unwrap().to_string_lossy().into_owned()).into();
        expected.push("notes.partial".to_owned());
        expected.sort();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn the_newest_are_kept_with_their_manifests_and_strangers_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        for stranger in ["backup-of-mine.sql", "backup-20200101T000000000Z", "dump.sql.gz"] {
            fs::write(folder.path().join(stranger), "").unwrap();
        }
        let manifest = BackupManifest::of(
            Timestamp::UNIX_EPOCH,
            "shop".to_owned(),
            BackupMade::of(BackupKind::Plain),
        );
        let paths: Vec<PathBuf> = (0..4)
            .map(|_| {
                let path = made(&shelf);
                shelf.publish(&path, &manifest).unwrap();
                path
            })
            .collect();
        let (removed, stayed) = shelf.prune(2, &paths[3]);
        assert!(stayed.is_empty());
        assert_eq!(removed.len(), 2);
        for (at, path) in paths.iter().enumerate() {
            assert_eq!((path.exists(), manifest_of(path).exists()), (at >= 2, at >= 2), "{at}");
        }
        assert!(folder.path().join("backup-of-mine.sql").exists());
        let latest = fs::read_to_string(folder.path().join(LATEST)).unwrap();
        assert_eq!(Path::new(latest.trim()), paths[3]);
    }
}
