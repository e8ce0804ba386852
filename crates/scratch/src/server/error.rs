//! Why a private server did not start or stop.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Why a private server did not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// This process is root's and there is no other user to run the server.
    #[error(
        "PostgreSQL refuses to run as root, and none of the users {} is here to run it; \
         start this as another user, or create the user `postgres`", tried.join(", ")
    )]
    NoUnprivilegedUser {
        /// The users that were looked for.
        tried: &'static [&'static str],
    },
    /// The user of this process has no name, which PostgreSQL needs.
    #[error("user {uid} has no entry in the user database, which PostgreSQL needs; add one")]
    NoLoginName {
        /// The user's number.
        uid: u32,
    },
    /// Something in the file system failed.
    #[error("cannot {what} {}", path.display())]
    Folder {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The unprivileged user cannot get to the folder.
    #[error(
        "{} cannot be entered by {user}, as whom the server runs because this process is root's; \
         allow it (chmod a+x on the folder and those above it) or set TMPDIR to an open folder",
        folder.display()
    )]
    FolderClosed {
        /// The folder.
        folder: PathBuf,
        /// Whom the server runs as.
        user: String,
    },
    /// The unprivileged user cannot run the binaries.
    #[error(
        "{} cannot be run by {user}, as whom the server runs; \
         make the folder and its programs readable for that user, or name others with --pg-bin: \
         {said}", program.display()
    )]
    ProgramClosed {
        /// The program.
        program: PathBuf,
        /// Whom the server runs as.
        user: String,
        /// What the shell said.
        said: String,
    },
    /// No folder is short enough for the server's socket.
    #[error(
        "{} is too long for a Unix socket (at most {limit} bytes with the socket's name) and \
         /tmp cannot be written to; set TMPDIR to a shorter folder", folder.display()
    )]
    SocketPathTooLong {
        /// The folder that did not do.
        folder: PathBuf,
        /// The kernel's limit in bytes.
        limit: usize,
    },
    /// A setting, encoding or locale cannot be written down safely.
    #[error("`{value}` is not a valid {what}")]
    BadOption {
        /// What it should have been.
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// The watching shell could not be started.
    #[error("cannot start /bin/sh, which watches over the server")]
    Watch {
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// initdb failed.
    #[error("initdb failed ({status}): {said}")]
    Initdb {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        said: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL ended before it was ready ({status}): {log}")]
    EndedEarly {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// The server neither ended nor became ready.
    #[error("PostgreSQL was not ready after {} s: {log}", after.as_secs())]
    NotReady {
        /// How long it was waited for.
        after: Duration,
        /// The end of its log.
        log: String,
    },
    /// The server runs but this tool cannot use it.
    #[error("cannot set up the superuser of the private server; its log ends with: {log}")]
    SetUp {
        /// The end of its log.
        log: String,
        /// The connection's or the server's error.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A base could not be copied.
    #[error(transparent)]
    Base(#[from] crate::base::BaseError),
    /// The server did not stop in order.
    #[error("the private server did not stop in order: {said}")]
    NotSettled {
        /// What it said, or what is known.
        said: String,
    },
    /// The work was cut off: the runtime is shutting down.
    #[error("the start of the private server was cut off")]
    CutOff {
        /// What happened to the task.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl ServerError {
    /// Makes the error for a path, to be given to `map_err`.
    pub(crate) fn folder(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Self + Copy {
        move |source| Self::Folder { what, path: path.to_owned(), source }
    }
}
