//! Whom the server runs as: PostgreSQL refuses to run as root.

use std::io;
use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{User, geteuid};

use super::ServerError;

/// Unprivileged users that a server started by root runs as, best first: `postgres` may read
/// PostgreSQL's files wherever they are, `nobody` is everywhere.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Whom the server runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerUser {
    /// The user of this process.
    Own,
    /// Another one, because this process is root's.
    Unprivileged {
        /// Its name.
        name: String,
        /// Its number.
        uid: u32,
        /// Its group's number.
        gid: u32,
    },
}

impl ServerUser {
    /// The user to take in this process.
    pub(crate) fn for_this_process() -> Result<Self, ServerError> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        UNPRIVILEGED
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .filter(|user| !user.uid.is_root())
            .map(|user| Self::Unprivileged {
                name: user.name,
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            })
            .ok_or(ServerError::NoUnprivilegedUser { tried: &UNPRIVILEGED })
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Own => "this user",
            Self::Unprivileged { name, .. } => name,
        }
    }

    /// Makes the command run as this user. With another user, std also drops root's supplementary
    /// groups.
    pub(crate) fn run_as(&self, command: &mut Command) {
        if let Self::Unprivileged { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// Gives a file or folder to this user; a symbolic link is not followed.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { uid, gid, .. } => lchown(path, Some(*uid), Some(*gid)),
        }
    }
}

/// The login name of this process' user, as the server's peer authentication sees it.
pub(crate) fn own_login_name() -> Result<String, ServerError> {
    let uid = geteuid();
    User::from_uid(uid)
        .ok()
        .flatten()
        .map(|user| user.name)
        .ok_or(ServerError::NoLoginName { uid: uid.as_raw() })
}
