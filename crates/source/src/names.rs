//! File names of the layouts that keep a migration in files: `VERSION_name.sql` and the two
//! endings of a pair.

use stopover_model::{Finding, Version};

use crate::folder::{Entry, Kind};

/// How a migration's file name ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `.up.sql`
    Up,
    /// `.down.sql`
    Down,
    /// `.sql`, without a direction.
    Plain,
}

impl Ending {
    const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Plain];

    const fn text(self) -> &'static str {
        match self {
            Self::Up => ".up.sql",
            Self::Down => ".down.sql",
            Self::Plain => ".sql",
        }
    }

    /// The ending of `name`, whatever its case.
    fn of(name: &str) -> Option<Self> {
        let name = name.as_bytes();
        let ends = |ending: &Self| {
            let text = ending.text().as_bytes();
            let start = name.len().checked_sub(text.len());
            start.is_some_and(|start| name[start..].eq_ignore_ascii_case(text))
        };
        Self::ALL.into_iter().find(ends)
    }
}

/// A file name that names a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName {
    /// The integer before the first `_`.
    pub(crate) version: Version,
    /// What stands between the first `_` and the ending.
    pub(crate) name: String,
    /// The ending.
    pub(crate) ending: Ending,
}

/// What an entry's name makes of it, in a layout of files.
pub(crate) enum Named {
    /// A migration's file.
    Migration(FileName),
    /// It is, or may be meant as, a migration's file, and cannot be read as one.
    Problem(Finding),
    /// Another file or folder.
    Other(Finding),
}

/// Reads an entry's name.
pub(crate) fn read(entry: &Entry, example: &str) -> Named {
    let Some(name) = entry.name.to_str() else {
        return Named::Problem(bad_name(entry, "the name is not UTF-8", example));
    };
    let Some(ending) = Ending::of(name).filter(|_| !entry.is_hidden()) else {
        return Named::Other(not_a_migration(entry));
    };
    if let Some(problem) = not_a_file(entry) {
        return Named::Problem(problem);
    }
    match parse(name, ending) {
        Ok(file) => Named::Migration(file),
        Err(reason) => Named::Problem(bad_name(entry, &reason, example)),
    }
}

/// The migration that a visible entry's name stands for, if it does: what recognises a layout.
pub(crate) fn recognise(entry: &Entry) -> Option<Ending> {
    let name = entry.name.to_str().filter(|_| !entry.is_hidden() && entry.kind != Kind::Folder)?;
    let ending = Ending::of(name)?;
    // A direction in the ending is a sign by itself; a plain `.sql` file is one only with a
    // version, or every stray file would be.
    (ending != Ending::Plain || parse(name, ending).is_ok()).then_some(ending)
}

fn parse(name: &str, ending: Ending) -> Result<FileName, String> {
    let Some(stem) = name.strip_suffix(ending.text()) else {
        return Err(format!("the ending must be spelled {} in lower case", ending.text()));
    };
    let Some((digits, rest)) = stem.split_once('_') else {
        return Err("a version and a name with an underscore between them are needed".to_owned());
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "the version before the first underscore must be digits, not {digits:?}"
        ));
    }
    match Version::integer(digits) {
        Some(version) => Ok(FileName { version, name: rest.to_owned(), ending }),
        None => Err(format!("the version {digits} is larger than {}", i64::MAX)),
    }
}

/// The finding for a name that does not parse.
pub(crate) fn bad_name(entry: &Entry, reason: &str, example: &str) -> Finding {
    Finding::error(
        "bad-name",
        entry.shown_path(),
        format!("{} is not the name of a migration: {reason}", entry.shown_name()),
        format!("rename it like {example}, or move it out of the folder"),
    )
}

/// The finding for an entry that is none of the layout's business.
pub(crate) fn not_a_migration(entry: &Entry) -> Finding {
    let what = match entry.kind {
        Kind::Folder => "is a folder, which this layout does not read",
        _ if entry.is_hidden() => "is a hidden file and no migration",
        _ => "is no migration",
    };
    let message = format!("{} {what}: left alone", entry.shown_name());
    Finding::note("not-a-migration", entry.shown_path(), message, "")
}

/// The finding for an entry with a migration's name that is no file, if it is none.
pub(crate) fn not_a_file(entry: &Entry) -> Option<Finding> {
    let reason = match &entry.kind {
        Kind::File => return None,
        Kind::Folder => "it is a folder, not a file",
        Kind::Special => "it is neither a file nor a folder",
        Kind::Broken(reason) => reason,
    };
    Some(unreadable(&entry.shown_path(), reason))
}

/// The finding for a migration that is no SQL.
pub(crate) fn not_sql(entry: &Entry, language: &str) -> Finding {
    let path = entry.shown_path();
    Finding::error(
        "not-sql",
        path.clone(),
        format!("{path} is a migration in {language}, which cannot be run here"),
        "write it in SQL, under the same version; or keep it in a folder of its own, and run it by \
         the tool that it was written for",
    )
}

/// The finding for something that cannot be read.
pub(crate) fn unreadable(path: &str, reason: &str) -> Finding {
    Finding::error(
        "unreadable",
        path,
        format!("{path} cannot be read: {reason}"),
        "make it a file that this user may read, or remove it",
    )
}
