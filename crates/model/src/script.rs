//! The script of a migration: a file, or the parts of a file that run.

use std::ops::Range;

/// One script of a migration: its file's text, and which of it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The file's path, as a person would type it to open the file.
    pub path: String,
    /// The file's text, byte for byte (a byte-order mark and CRLF included).
    pub text: String,
    /// Which part of the text runs.
    pub extent: Extent,
}

impl Script {
    /// A script that is the whole file.
    #[must_use]
    pub fn whole(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), extent: Extent::Whole }
    }

    /// Whether values of the environment take the place of some of the text.
    #[must_use]
    pub fn is_substituted(&self) -> bool {
        match &self.extent {
            Extent::Whole => false,
            Extent::Passages(passages) => passages.iter().any(|it| !it.substitutions.is_empty()),
        }
    }
}

/// Which part of a file's text a script is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// These passages, ascending: tools that keep up and down in one file.
    Passages(Vec<Passage>),
}

/// Bytes of a file that run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Where they are in the file's text.
    pub range: Range<usize>,
    /// Who says where its statements end.
    pub boundaries: Boundaries,
    /// What is put in the place of some of the bytes, ascending.
    pub substitutions: Vec<Substitution>,
}

/// Who says where the statements of a passage end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundaries {
    /// The text itself, as PostgreSQL reads it.
    Text,
    /// The author, by marks around it: the passage is sent as one.
    Marked,
}

/// A value in the place of a piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitution {
    /// The piece, in bytes of the file's text.
    pub range: Range<usize>,
    /// What runs instead.
    pub text: String,
}
