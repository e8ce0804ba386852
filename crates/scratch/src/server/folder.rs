//! The folder of one private server: how it is made, marked, held and removed.
//!
//! ```text
//! stopover-scratch-<16 hex>/   ours; 0700, or 0710 for the unprivileged server's group
//!     marker                   ours; locked (flock) as long as this process lives
//!     server.log               ours
//!     data-<16 hex>/           the server's, 0700
//!     socket/                  the server's, 0700; elsewhere when the path would be too long
//! ```
//!
//! The marker is written and locked under another name and renamed then: whoever sees a marker
//! that is not locked knows that its owner is gone. What a killed process leaves before that is
//! removed by the cleaner, which stands by before the folder exists.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::ServerError;
use super::user::ServerUser;
use crate::sweep::processes;
use crate::watch::{Cleaner, shell_as};

/// How a scratch folder's name begins; 16 hexadecimal digits follow.
pub(crate) const FOLDER_PREFIX: &str = "stopover-scratch-";
/// How the name of a socket folder begins that had to go elsewhere; the same digits follow.
pub(crate) const SOCKET_PREFIX: &str = "stopover-socket-";
/// How the data folder's name begins; the same digits follow.
pub(crate) const DATA_PREFIX: &str = "data-";
/// The marker's name.
pub(crate) const MARKER: &str = "marker";
/// The marker's first line.
pub(crate) const MARKER_FORMAT: &str = "stopover scratch 1";
/// What stands before the socket folder's path in the marker's second line.
pub(crate) const MARKER_SOCKET: &str = "socket ";

/// The usual port. It only names the socket's file: no server listens on TCP unless it is asked to.
/// Others have as many digits, or one more.
pub(crate) const PORT: u16 = 5432;

/// The longest path of a socket in bytes: `sun_path` less its final zero.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Folders to fall back on when an unprivileged server cannot enter the usual one.
pub(crate) const OPEN_FOLDERS: [&str; 2] = ["/tmp", "/var/tmp"];

/// A private server's folder; removed when dropped.
#[derive(Debug)]
pub(crate) struct ScratchFolder {
    path: PathBuf,
    data: PathBuf,
    socket: PathBuf,
    cleaner: Cleaner,
    // Held for its lock, which says that this folder has a living owner.
    _marker: File,
}

impl ScratchFolder {
    /// Makes a folder under `base`.
    pub(crate) fn create(base: &Path, user: &ServerUser) -> Result<Self, ServerError> {
        let failed = |what| ServerError::folder(base, what);
        let base = fs::canonicalize(base).map_err(failed("find"))?;
        let id = format!("{:016x}", rand::random::<u64>());
        let path = base.join(format!("{FOLDER_PREFIX}{id}"));
        let socket = socket_folder(&path, &id, user)?;
        let cleaner = Cleaner::start(&[path.clone(), socket.clone()])
            .map_err(|source| ServerError::Watch { source })?;
        private_folder(&path).map_err(failed("make a folder in"))?;
        let marker = write_marker(&path, &socket).map_err(failed("mark the folder in"))?;
        let data = path.join(format!("{DATA_PREFIX}{id}"));
        let folder = Self { path, data, socket, cleaner, _marker: marker };
        folder.furnish(user).map_err(failed("furnish the folder in"))?;
        Ok(folder)
    }

    fn furnish(&self, user: &ServerUser) -> io::Result<()> {
        if let ServerUser::Unprivileged { gid, .. } = user {
            // The server's group may pass through, nothing more: what lies here stays ours, so
            // that the sweep can trust it.
            chown(&self.path, None, Some(*gid))?;
            fs::set_permissions(&self.path, Permissions::from_mode(0o710))?;
        }
        spread(&self.path);
        for folder in [&self.data, &self.socket] {
            private_folder(folder)?;
            user.give(folder)?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    pub(crate) fn cleaner(&self) -> &Cleaner {
        &self.cleaner
    }

    /// A file of ours that programs append their messages to.
    pub(crate) fn open_log(&self, path: &Path) -> Result<File, ServerError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(ServerError::folder(path, "write"))
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Only when the guard was killed is anything left running here.
        processes::stop_server(&self.data);
        if let Err(error) = remove(&self.path, &self.data, &self.socket) {
            tracing::warn!(folder = %self.path.display(), %error, "scratch folder not removed");
        }
    }
}

/// Removes a scratch folder, its marker last: a removal that is cut short can be taken up again.
pub(crate) fn remove(path: &Path, data: &Path, socket: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(data))?;
    absent_is_fine(fs::remove_dir_all(socket))?;
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return absent_is_fine(Err(error)),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        let removed = if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        absent_is_fine(removed)?;
    }
    absent_is_fine(fs::remove_file(path.join(MARKER)))?;
    absent_is_fine(fs::remove_dir(path))
}

/// Asks the file system to place what is made in this folder apart from each other and from what
/// was there before (the ext file systems' "top of a hierarchy" flag, with which the place follows
/// from the name, hence the digits in the data folder's). Otherwise a server's thousand files come
/// to lie where the last server's were just deleted, and ext4 passes over each inode that was
/// deleted within the last minutes: one folder after another, copying became ten times slower.
#[cfg(target_os = "linux")]
pub(crate) fn spread(folder: &Path) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let Ok(folder) = File::open(folder) else { return };
    // Other file systems refuse, and do not need it.
    if let Ok(flags) = ioctl_getflags(&folder) {
        let _refused = ioctl_setflags(&folder, flags | IFlags::TOPDIR);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn spread(_folder: &Path) {}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A folder that only its owner may enter; an error when something of that name is there.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn write_marker(folder: &Path, socket: &Path) -> io::Result<File> {
    let unfinished = folder.join("marker.new");
    let mut file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.lock()?;
    file.write_all(format!("{MARKER_FORMAT}\n{MARKER_SOCKET}").as_bytes())?;
    file.write_all(socket.as_os_str().as_bytes())?;
    file.write_all(b"\n")?;
    fs::rename(unfinished, folder.join(MARKER))?;
    Ok(file)
}

/// Where the socket goes: inside the folder when the path is short enough for the kernel.
fn socket_folder(path: &Path, id: &str, user: &ServerUser) -> Result<PathBuf, ServerError> {
    let inside = path.join("socket");
    if fits(&inside) {
        return Ok(inside);
    }
    let own_run_folder = match user {
        ServerUser::Own => std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
        ServerUser::Unprivileged { .. } => None,
    };
    std::iter::once(PathBuf::from("/tmp"))
        .chain(own_run_folder)
        .filter_map(|folder| fs::canonicalize(folder).ok())
        .filter(|folder| nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok())
        .map(|folder| folder.join(format!("{SOCKET_PREFIX}{id}")))
        .find(|folder| fits(folder))
        .ok_or_else(|| ServerError::SocketPathTooLong { folder: inside, limit: SOCKET_PATH_LIMIT })
}

fn fits(socket_folder: &Path) -> bool {
    let socket = socket_folder.join(format!(".s.PGSQL.{}", u16::MAX));
    socket.as_os_str().len() <= SOCKET_PATH_LIMIT
}

/// The folder that scratch folders are made in: the wanted one or the system's temporary folder.
/// Only the latter may be replaced, when an unprivileged server cannot enter it (root's own
/// `TMPDIR`); the note says so.
pub(crate) fn base_folder(
    wanted: Option<&Path>,
    user: &ServerUser,
) -> Result<(PathBuf, Option<String>), ServerError> {
    let usual = std::env::temp_dir();
    let first = wanted.unwrap_or(&usual);
    if may_enter(first, user)? {
        return Ok((first.to_owned(), None));
    }
    if wanted.is_none() {
        for folder in OPEN_FOLDERS.map(Path::new) {
            if folder.is_dir() && may_enter(folder, user)? {
                let note = format!(
                    "{} cannot be entered by {}, as whom the server runs: {} is used instead",
                    first.display(),
                    user.name(),
                    folder.display()
                );
                return Ok((folder.to_owned(), Some(note)));
            }
        }
    }
    Err(ServerError::FolderClosed { folder: first.to_owned(), user: user.name().to_owned() })
}

fn may_enter(folder: &Path, user: &ServerUser) -> Result<bool, ServerError> {
    match user {
        // Its own user's rights show, with the system's own error, when the folder is made.
        ServerUser::Own => Ok(true),
        ServerUser::Unprivileged { .. } => {
            fs::metadata(folder).map_err(ServerError::folder(folder, "find"))?;
            shell_as(user, "cd -- \"$1\"", folder.as_os_str())
                .map_err(|source| ServerError::Watch { source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_may_fill_the_kernels_field_and_no_more() {
        let longest = SOCKET_PATH_LIMIT - "/.s.PGSQL.65535".len();
        assert!(fits(Path::new(&format!("/{}", "x".repeat(longest - 1)))));
        assert!(!fits(Path::new(&format!("/{}", "x".repeat(longest)))));
    }

    #[test]
    fn a_cut_short_removal_leaves_the_marker_and_a_second_one_finishes() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("scratch");
        let socket = base.path().join("socket");
        let data = folder.join("data-1");
        fs::create_dir_all(data.join("base")).unwrap();
        fs::write(folder.join(MARKER), MARKER_FORMAT).unwrap();
        fs::create_dir(&socket).unwrap();
        remove(&folder, &data, &socket).unwrap();
        assert!(!folder.exists() && !socket.exists());
        remove(&folder, &data, &socket).unwrap();
    }
}
