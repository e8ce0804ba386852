//! Why bases cannot be used or kept here.

use std::io;
use std::path::{Path, PathBuf};

use super::room::Refused;

/// Why bases cannot be used or kept here.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The folder cannot be used.
    #[error("the folder of bases {} cannot be used: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Others may write there.
    #[error(
        "the folder of bases {} belongs to another user, or it or the folder above is open to \
         others: what they put there must not become a server of ours",
        path.display()
    )]
    Open {
        /// Which.
        path: PathBuf,
    },
    /// What was to be copied is not what was written down.
    #[error("{} {what}", path.display())]
    NotWhole {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The place of a copy refused it; what was to be copied is as good as before.
    #[error(transparent)]
    Target(Refused),
    /// The system refused something in a base's folder, or in what a base is made of.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

impl BaseError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "set cache_dir to a folder that may be written",
            Self::Open { .. } => "take the others' right to write (chmod go-w), or set cache_dir",
            Self::NotWhole { .. } | Self::Target(_) | Self::Io { .. } => "",
        }
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
