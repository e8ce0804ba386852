//! What the layouts have in common that keep up and down in one file, and how they are told from
//! sqlx's, whose names look the same: by the marks in the first file that has a version.

use stopover_model::{Extent, Finding, TransactionMark};

use crate::folder::Folder;
use crate::head;
use crate::names::{self, Ending};

/// Whose marks a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// None.
    None,
    /// `-- +goose Up`
    Goose,
    /// `-- migrate:up`
    Dbmate,
}

impl Marks {
    /// The marks before the first statement of `text`.
    pub(crate) fn of(text: &str) -> Self {
        head::comments(text)
            .into_iter()
            .map(|it| Self::in_comment(it.text))
            .find(|it| *it != Self::None)
            .unwrap_or(Self::None)
    }

    /// The mark that a comment is, by what follows its hyphens.
    pub(crate) fn in_comment(comment: &str) -> Self {
        if comment.starts_with("+goose") {
            Self::Goose
        } else if comment.starts_with("migrate:up") || comment.starts_with("migrate:down") {
            Self::Dbmate
        } else {
            Self::None
        }
    }

    /// The tool.
    pub(crate) const fn tool(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Goose => Some("goose"),
            Self::Dbmate => Some("dbmate"),
        }
    }
}

/// The first file that is named like a migration without a direction, if it has these marks.
///
/// One file decides: reading all of them twice would cost more than a run that finds nothing to
/// do. What another file has instead is found when it is read as a script.
pub(super) fn witness(folder: &Folder<'_>, wanted: Marks) -> Option<String> {
    let plain =
        folder.entries.iter().find(|entry| names::recognise(entry) == Some(Ending::Plain))?;
    let bytes = folder.store.read(&plain.path()).unwrap_or_default();
    let marks = Marks::of(&String::from_utf8_lossy(&bytes));
    (marks == wanted).then(|| plain.shown_name().into_owned())
}

/// One direction of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// What runs.
    pub(crate) extent: Extent,
    /// Where it begins, in bytes: its directives are looked for from there.
    pub(crate) start: usize,
    /// What the marks say of its transaction.
    pub(crate) mark: TransactionMark,
}

/// Both directions of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What makes the change. Where something is wrong it is empty, and a finding says what.
    pub(crate) up: Part,
    /// What takes it back.
    pub(crate) down: Option<Part>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
}

/// A mark, or its absence, that makes the file unreadable.
pub(super) fn bad_parts(path: &str, line: usize, reason: &str, remedy: &str) -> Finding {
    let place = format!("{path}:{line}");
    Finding::error("bad-parts", place.clone(), format!("{place}: {reason}"), remedy)
}

/// A line that the tool takes for a mark and that is text for PostgreSQL.
pub(super) fn marked_text(path: &str, line: usize, tool: &str) -> Finding {
    let place = format!("{path}:{line}");
    Finding::warning(
        "mark-in-text",
        place.clone(),
        format!(
            "{place}: this line looks like a mark and stands in a string or a block comment: it \
             is text here, and {tool} would cut the file there"
        ),
        "write the line another way",
    )
}
