//! Where a database is: `sqlite:path`, `sqlite://path?mode=ro`, `sqlite::memory:`.
//!
//! The forms are those that sqlx reads (`sqlx-sqlite/src/options/parse.rs`), so that one
//! `DATABASE_URL` serves a service and its migrations.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// What may be done with the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// `mode=ro`: it is read.
    ReadOnly,
    /// `mode=rw`: it is read and written, and must be there.
    ReadWrite,
    /// `mode=rwc`, the default: it is made by the first write where it is not there.
    #[default]
    Create,
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In the memory of one session, and gone with it.
    Memory,
}

/// Which files the statements of a session get to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those that they name: `ATTACH`, `VACUUM INTO`.
    #[default]
    Anywhere,
    /// The database alone: what a script names beside it is no copy.
    Itself,
}

/// A database that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) place: Place,
    pub(crate) access: Access,
    pub(crate) reach: Reach,
}

/// A URL that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the database URL does not parse: {reason}")]
pub struct TargetError {
    /// Why.
    pub reason: String,
}

impl Target {
    /// Reads `sqlite:path`, `sqlite://path?mode=ro` or `sqlite::memory:`. The path is relative
    /// unless it begins with a slash, and percent-decoded.
    ///
    /// # Errors
    /// Where it is none of these, or names an option that is not known.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let failed = |reason: String| TargetError { reason };
        let rest = text
            .trim()
            .strip_prefix("sqlite:")
            .ok_or_else(|| failed("it does not begin with sqlite:".to_owned()))?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let mut target = Self::file(decode(path).map_err(failed)?);
        if path == ":memory:" {
            target.place = Place::Memory;
        } else if path.is_empty() {
            return Err(failed("it names no file".to_owned()));
        }
        for option in options.split('&').filter(|it| !it.is_empty()) {
            match option.split_once('=').unwrap_or((option, "")) {
                ("mode", "ro") => target.access = Access::ReadOnly,
                ("mode", "rw") => target.access = Access::ReadWrite,
                ("mode", "rwc") => target.access = Access::Create,
                ("mode", "memory") => target.place = Place::Memory,
                _ => return Err(failed(format!("`{option}` is none of mode=ro, rw, rwc, memory"))),
            }
        }
        Ok(target)
    }

    /// The database in this file, made by the first write where it is not there.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::File(path.into()), access: Access::Create, reach: Reach::Anywhere }
    }

    /// A copy in this file, that migrations are tried on: its sessions attach and write no other
    /// file.
    pub fn copy(path: impl Into<PathBuf>) -> Self {
        Self { reach: Reach::Itself, ..Self::file(path) }
    }

    /// The same, opened only to be read.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The file, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Memory => ":memory:".to_owned(),
        }
    }

    /// The file by the one name that all ways to it share: symbolic links are followed, so that
    /// two runners meet at one lock. `None` where its folder is not there.
    pub(crate) fn resolved(path: &Path) -> Option<PathBuf> {
        if let Ok(whole) = path.canonicalize() {
            return Some(whole);
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let pair = tail.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match (first, pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'%', None) => return Err("a % is not followed by two hex digits".to_owned()),
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| "the decoded path is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, access: Access) -> Target {
        Target { access, ..Target::file(path) }
    }

    #[test]
    fn the_forms_of_sqlx_are_read() {
        for (text, target) in [
            ("sqlite:app.db", file("app.db", Access::Create)),
            ("sqlite://data/app.db", file("data/app.db", Access::Create)),
            ("sqlite:///srv/a%20b.db?mode=ro", file("/srv/a b.db", Access::ReadOnly)),
            ("sqlite:/srv/x.db?mode=rw", file("/srv/x.db", Access::ReadWrite)),
            ("sqlite::memory:", Target { place: Place::Memory, ..Target::file("") }),
            ("sqlite://:memory:", Target { place: Place::Memory, ..Target::file("") }),
        ] {
            assert_eq!(Target::parse(text), Ok(target), "{text}");
        }
    }

    #[test]
    fn what_is_none_of_them_says_why() {
        for (text, reason) in [
            ("sqlite:", "it names no file"),
            ("app.db", "it does not begin with sqlite:"),
            ("sqlite:a.db?vfs=x", "`vfs=x` is none of mode=ro, rw, rwc, memory"),
            ("sqlite:a%2", "a % is not followed by two hex digits"),
        ] {
            assert_eq!(Target::parse(text).unwrap_err().reason, reason, "{text}");
        }
    }
}
