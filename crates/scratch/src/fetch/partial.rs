//! What is not whole yet: a folder of its own beside the fetched backups, gone on every way out.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tempfile::TempDir;

use super::FileTime;
use super::error::Cause;
use super::recipe::{Outlet, Recipe};

const PREFIX: &str = ".partial-";
const LOCK: &str = "lock";

/// How a fetched backup's name begins: `20261120T145300123Z-`.
const STAMP: &str = "%Y%m%dT%H%M%S%3fZ";
const STAMP_LENGTH: usize = 19;

/// A folder without a lock may be one that is just being made.
const YOUNG: Duration = Duration::from_secs(600);

/// The folder; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Partial {
    folder: PathBuf,
    place: TempDir,
    /// Held as long as this run lives: the next one knows by it what was left behind.
    _lock: File,
}

impl Partial {
    /// Makes it in `folder`, which is made too, and clears away what killed runs left there.
    pub(super) fn open(folder: &Path) -> Result<Self, Cause> {
        let failed = |what: &'static str| {
            let path = folder.display().to_string();
            move |source| Cause::Folder { what, path, source }
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(failed("cannot be made:"))?;
        // A program that fetches may work in another folder.
        let folder = folder.canonicalize().map_err(failed("cannot be entered:"))?;
        let unwritable = |source| Cause::Folder {
            what: "cannot be written:",
            path: folder.display().to_string(),
            source,
        };
        sweep(&folder);
        let place = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&folder)
            .map_err(unwritable)?;
        let mut options = OpenOptions::new();
        let lock = options.write(true).create_new(true).mode(0o600).open(place.path().join(LOCK));
        let lock = lock.and_then(|it| it.lock().map(|()| it)).map_err(unwritable)?;
        Ok(Self { folder: folder.clone(), place, _lock: lock })
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Where a program puts the backup.
    pub(super) fn target(&self) -> PathBuf {
        self.place.path().join("backup")
    }

    /// Where standard output is put.
    pub(super) fn output(&self) -> PathBuf {
        self.place.path().join("output")
    }

    /// Where the head of an HTTP answer is put.
    pub(super) fn head_path(&self) -> PathBuf {
        self.place.path().join("head")
    }

    /// The head of an HTTP answer, as far as it is there.
    pub(super) fn head(&self) -> String {
        let bytes = fs::read(self.head_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// When the target was written, in seconds since 1970.
    pub(super) fn modified(&self) -> Option<i64> {
        fs::metadata(self.target()).ok().map(|it| it.mtime())
    }

    /// How much has come: the bytes of everything in the folder but the head.
    pub(super) fn bytes(&self) -> u64 {
        size(self.place.path()).saturating_sub(size(&self.head_path()))
    }

    /// The backup, now that its program ended well.
    pub(super) fn whole(&self, recipe: &Recipe) -> Result<PathBuf, Cause> {
        let target = self.target();
        let found = match recipe.outlet {
            Outlet::Path => target,
            Outlet::Either if target.symlink_metadata().is_ok() => target,
            Outlet::Output | Outlet::Either => self.output(),
        };
        if size(&found) > 0 {
            return Ok(found);
        }
        Err(Cause::Nothing { program: recipe.program.clone() })
    }

    /// Gives it its own name and the source's time; of older ones of this name, `keep` less one
    /// stay. It is not forced to the disk: whoever reads it later judges whether it is whole.
    pub(super) fn place(
        self,
        whole: &Path,
        name: &str,
        modified: Option<i64>,
        keep: usize,
    ) -> Result<(PathBuf, FileTime), Cause> {
        let path = self.folder.join(format!("{}-{name}", Timestamp::now().strftime(STAMP)));
        let failed = |source| Cause::Folder {
            what: "cannot be put at",
            path: path.display().to_string(),
            source,
        };
        let time = settle(whole, modified).map_err(failed)?;
        fs::rename(whole, &path).map_err(failed)?;
        for old in older(&self.folder, name).into_iter().skip(keep.max(1)) {
            // One that cannot be removed is no reason to call the new one bad.
            let _ = if old.is_dir() { fs::remove_dir_all(&old) } else { fs::remove_file(&old) };
        }
        Ok((path, time))
    }
}

/// Shuts others out and sets the source's time.
fn settle(whole: &Path, modified: Option<i64>) -> io::Result<FileTime> {
    let facts = whole.symlink_metadata()?;
    if facts.is_symlink() {
        let what = "it is a symbolic link: write the backup itself there";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mode = if facts.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(whole, Permissions::from_mode(mode))?;
    let known = modified.and_then(|it| u64::try_from(it).ok()).map(Duration::from_secs);
    let Some(time) = known.and_then(|it| SystemTime::UNIX_EPOCH.checked_add(it)) else {
        return Ok(FileTime::OfFetch);
    };
    if facts.is_file() {
        File::open(whole)?.set_modified(time)?;
    }
    Ok(FileTime::OfSource)
}

/// Fetched backups of that name, the newest first.
fn older(folder: &Path, name: &str) -> Vec<PathBuf> {
    let ours = |path: &PathBuf| {
        path.file_name().and_then(|it| it.to_str()).is_some_and(|it| {
            let stamp = it.as_bytes().get(..STAMP_LENGTH).unwrap_or_default();
            let is_stamp = stamp.iter().enumerate().all(|(at, byte)| match at {
                8 => *byte == b'T',
                18 => *byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
            let rest = it.get(STAMP_LENGTH..).and_then(|it| it.strip_prefix('-'));
            is_stamp && rest == Some(name)
        })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
    let mut found: Vec<PathBuf> = entries.filter(ours).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

/// Removes what runs left behind that ended without a chance to do it.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_partial = entry.file_name().to_str().is_some_and(|it| it.starts_with(PREFIX));
        if is_partial && is_left(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_left(partial: &Path) -> bool {
    match File::open(partial.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let made = partial.symlink_metadata().and_then(|it| it.modified());
            made.is_ok_and(|it| it.elapsed().is_ok_and(|age| age > YOUNG))
        }
    }
}

/// Bytes of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    let Ok(facts) = path.symlink_metadata() else { return 0 };
    if !facts.is_dir() {
        return facts.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|it| size(&it.path())).sum()
}
