//! Whose fault it is that no server started on a copy of a base.
//!
//! A base that is not whole is thrown away and the backup restored. What the place of the copy or
//! the machine refuses is no fault of the base: it stays, and a restore there would fail as well,
//! some minutes later.

use std::io;

use nix::errno::Errno;

use super::BaseError;
use crate::server::ServerError;

/// How a server's log says that the machine, and not its data, is at fault: strerror, in the locale
/// C. The data that it reads are the copy, which was compared with the base's list: an error of
/// input is the copy's disk's.
const REFUSED: [&str; 6] = [
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "Read-only file system",
    "Input/output error",
    "Cannot allocate memory",
];

/// The class of SQLSTATE that says so: insufficient resources.
const INSUFFICIENT: &str = "53";

/// What to do where there is no room, or no right to write.
pub(crate) const ELSEWHERE: &str =
    "make room there, or name a folder with room that may be written: --scratch-dir";

impl BaseError {
    /// Whether what failed is the base itself: not the place of its copy, nor the machine.
    #[must_use]
    pub fn is_of_base(&self) -> bool {
        match self {
            Self::NotWhole { .. } => true,
            Self::Io { source, .. } => !is_used_up(source),
            // A folder of bases that cannot be used says nothing about a base in it.
            Self::Target(_) | Self::Folder { .. } | Self::Open { .. } => false,
        }
    }
}

impl ServerError {
    /// Whether a server that was to start on a copy of a base failed because of the base: then
    /// another start, without it, may do.
    #[must_use]
    pub fn is_of_base(&self) -> bool {
        match self {
            Self::Base(error) => error.is_of_base(),
            Self::EndedEarly { log, .. } | Self::NotReady { log, .. } => !says_refused(log),
            Self::SetUp { log, source } => {
                let code = source.code().map(tokio_postgres::error::SqlState::code);
                !says_refused(log) && !code.is_some_and(|it| it.starts_with(INSUFFICIENT))
            }
            // Its settings are read from the copy: they are the base's. Other folders that are not
            // there are the user's.
            Self::Folder { path, source, .. } => {
                let unreadable =
                    matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData);
                unreadable && path.ends_with("postgresql.conf")
            }
            _ => false,
        }
    }

    /// What to do about it; empty where the message says so itself.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Base(BaseError::Target(_)) => ELSEWHERE,
            Self::Base(error) => error.remedy(),
            Self::Folder { source, .. } if is_refused(source) => ELSEWHERE,
            Self::EndedEarly { log: said, .. }
            | Self::NotReady { log: said, .. }
            | Self::SetUp { log: said, .. }
            | Self::Initdb { said, .. }
                if says_no_room(said) =>
            {
                ELSEWHERE
            }
            _ => "",
        }
    }
}

/// Whether the machine has no more of what an open file takes.
fn is_used_up(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM))
}

/// Whether another folder would have taken it.
pub(crate) fn is_refused(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
    )
}

fn says_refused(log: &str) -> bool {
    REFUSED.iter().any(|it| log.contains(it))
}

/// Whether a server's log says that its folder has no room or may not be written.
pub(crate) fn says_no_room(log: &str) -> bool {
    // The others are not about room.
    REFUSED[..4].iter().any(|it| log.contains(it))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::path::{Path, PathBuf};
    use std::process::ExitStatus;

    use super::*;

    fn ended(log: &str) -> ServerError {
        ServerError::EndedEarly { status: ExitStatus::from_raw(256), log: log.to_owned() }
    }

    fn read(code: Errno) -> ServerError {
        let source = io::Error::from_raw_os_error(code as i32);
        BaseError::io("read", Path::new("data/1"))(source).into()
    }

    fn folder(code: Errno) -> ServerError {
        let source = io::Error::from_raw_os_error(code as i32);
        ServerError::folder(Path::new("data/postgresql.conf"), "write")(source)
    }

    #[test]
    fn what_is_wrong_with_the_base_is_told_from_what_the_machine_refuses() {
        let what = "is missing".to_owned();
        let missing = BaseError::NotWhole { path: PathBuf::from("data/1"), what };
        assert!(ServerError::from(missing).is_of_base());
        assert!(read(Errno::EIO).is_of_base() && read(Errno::EACCES).is_of_base());
        assert!(!read(Errno::EMFILE).is_of_base(), "too many open files are ours");
        assert!(ended("FATAL:  could not locate a valid checkpoint record").is_of_base());
        assert!(ended("PANIC:  could not read file \"global/pg_control\"").is_of_base());
        for no_fault in [
            "FATAL:  could not write lock file \"postmaster.pid\": No space left on device",
            "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
            "PANIC:  could not write to file: Disk quota exceeded",
        ] {
            assert!(!ended(no_fault).is_of_base(), "{no_fault}");
        }
        for code in [Errno::ENOSPC, Errno::EDQUOT, Errno::EROFS, Errno::EACCES, Errno::EIO] {
            assert!(!folder(code).is_of_base(), "{code}");
        }
        assert!(folder(Errno::ENOENT).is_of_base(), "a base without its settings");
        let source = io::Error::from_raw_os_error(Errno::ENOENT as i32);
        let nowhere = ServerError::folder(Path::new("/nowhere"), "find")(source);
        assert!(!nowhere.is_of_base(), "a --scratch-dir that is not there");
    }

    #[test]
    fn where_there_is_no_room_another_folder_is_advised() {
        for error in [folder(Errno::ENOSPC), folder(Errno::EDQUOT), folder(Errno::EROFS)] {
            assert!(error.remedy().contains("--scratch-dir"), "{error}");
        }
        assert!(ended("could not extend file: No space left on device").remedy().contains("room"));
        assert_eq!(ended("could not map shared memory: Cannot allocate memory").remedy(), "");
        assert_eq!(read(Errno::EIO).remedy(), "");
    }
}
