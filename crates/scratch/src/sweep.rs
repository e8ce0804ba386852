//! What killed processes left behind: scratch folders that nobody holds, and their servers.
//!
//! It is the last of three nets. The first is the server's own stop, the second the guard and
//! the cleaner of [`crate::server`]; this one is for when those were killed, too.

pub(crate) mod processes;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::O_NOFOLLOW;
use nix::unistd::geteuid;

use crate::server::folder::{
    DATA_PREFIX, FOLDER_PREFIX, MARKER, MARKER_FORMAT, MARKER_SOCKET, OPEN_FOLDERS, SOCKET_PREFIX,
    remove,
};

/// How long an abandoned folder may go on vanishing by itself: its guard and cleaner may be at
/// work still.
const GRACE: Duration = Duration::from_millis(500);

/// A marker is two short lines.
const MARKER_LIMIT: u64 = 8192;

/// One abandoned scratch folder that was dealt with.
#[derive(Debug)]
pub struct Swept {
    /// The folder.
    pub folder: PathBuf,
    /// The process id of the server that was still running there and was stopped.
    pub stopped_server: Option<u32>,
    /// Why something of the folder is still there, if it is.
    pub not_removed: Option<io::Error>,
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pid) = self.stopped_server {
            write!(f, "stopped an abandoned private server (process {pid}); ")?;
        }
        let folder = self.folder.display();
        match &self.not_removed {
            None => write!(f, "removed an abandoned scratch folder, {folder}"),
            Some(error) => {
                write!(f, "cannot remove an abandoned scratch folder: {error}; delete {folder}")
            }
        }
    }
}

/// The folders that servers with the usual options are made in: what is worth a sweep before a
/// run. A folder of the caller's own choice has to be swept besides.
pub fn usual_folders() -> Vec<PathBuf> {
    let mut folders = vec![std::env::temp_dir()];
    if geteuid().is_root() {
        folders.extend(OPEN_FOLDERS.map(PathBuf::from));
    }
    let mut real: Vec<PathBuf> =
        folders.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
    real.sort();
    real.dedup();
    real
}

/// Stops and removes what belongs to nobody in `folder`.
///
/// A folder is ours when its name, its owner (this user), its marker and the marker's owner say
/// so; it is abandoned when the marker's lock is free. Everything else, a symbolic link above
/// all, is left alone. A folder that is just being made has no marker yet, and a marker is locked
/// before it appears.
pub fn sweep(folder: &Path) -> Vec<Swept> {
    // Folders are compared with the kernel's view of running processes: no links in between.
    let Ok(folder) = fs::canonicalize(folder) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| Abandoned::take(entry.path()))
        .filter_map(Abandoned::clear)
        .collect()
}

/// A scratch folder whose marker this process has locked.
struct Abandoned {
    path: PathBuf,
    /// The digits that the names of its parts end with.
    id: OsString,
    socket: PathBuf,
    _marker: File,
}

impl Abandoned {
    fn take(path: PathBuf) -> Option<Self> {
        let id = digits(path.file_name()?, FOLDER_PREFIX)?.to_owned();
        let facts = fs::symlink_metadata(&path).ok()?;
        if !facts.is_dir() || !is_ours(&facts) {
            return None;
        }
        let mut marker =
            OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(path.join(MARKER)).ok()?;
        let facts = marker.metadata().ok()?;
        if !facts.is_file() || !is_ours(&facts) || marker.try_lock().is_err() {
            return None;
        }
        let socket = read_marker(&mut marker)?;
        Some(Self { path, id, socket, _marker: marker })
    }

    fn clear(self) -> Option<Swept> {
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if !self.path.exists() {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let data = self.path.join(named(DATA_PREFIX, &self.id));
        let stopped_server = processes::stop_server(&data);
        let not_removed = remove(&self.path, &data, &self.socket_to_remove()).err();
        Some(Swept { folder: self.path, stopped_server, not_removed })
    }

    /// The socket folder may lie elsewhere. It is only removed when its name belongs to this
    /// scratch; what the marker says else is not believed.
    fn socket_to_remove(&self) -> PathBuf {
        let is_folder = fs::symlink_metadata(&self.socket).is_ok_and(|facts| facts.is_dir());
        let belongs = self.socket.file_name() == Some(&named(SOCKET_PREFIX, &self.id));
        if is_folder && belongs { self.socket.clone() } else { self.path.join("socket") }
    }
}

fn named(prefix: &str, id: &OsStr) -> OsString {
    let mut name = OsString::from(prefix);
    name.push(id);
    name
}

fn is_ours(facts: &Metadata) -> bool {
    facts.uid() == geteuid().as_raw()
}

/// The socket folder that the marker names; `None` when it is no marker of ours.
fn read_marker(marker: &mut File) -> Option<PathBuf> {
    let mut text = Vec::new();
    marker.take(MARKER_LIMIT).read_to_end(&mut text).ok()?;
    let rest = text.strip_prefix(MARKER_FORMAT.as_bytes())?.strip_prefix(b"\n")?;
    let socket = rest.strip_prefix(MARKER_SOCKET.as_bytes())?.strip_suffix(b"\n")?;
    Some(PathBuf::from(OsString::from_vec(socket.to_vec())))
}

/// The 16 digits that follow the prefix in a name of ours.
fn digits<'a>(name: &'a OsStr, prefix: &str) -> Option<&'a OsStr> {
    let digits = name.as_bytes().strip_prefix(prefix.as_bytes())?;
    let fits = digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit);
    fits.then(|| OsStr::from_bytes(digits))
}
