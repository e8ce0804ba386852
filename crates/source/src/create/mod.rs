//! `stopover new`: the files of the next migration, in the source's own layout.

mod numbering;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use stopover_model::Layout;

use crate::SourceError;
use crate::folder::{Folder, Store};
use crate::layouts::{self, Candidate};

/// What a new script holds.
const UP_TEXT: &str = "-- Write the change here.\n";
const DOWN_TEXT: &str = "-- Take the change back here.\n";

/// How new versions are numbered, in layouts with integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// The next number, in the width of the highest: `0009` is followed by `0010`.
    Sequence,
    /// The UTC time, 14 digits: two branches seldom take the same.
    Timestamp,
}

/// Whether a migration can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversibility {
    /// With a down script.
    Reversible,
    /// Without one.
    UpOnly,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct NewMigration<'a> {
    /// What it does; white space becomes `_`.
    pub name: &'a str,
    /// The layout; `None` is the one that the folder is in, and pairs where the folder is empty
    /// or not there.
    pub layout: Option<Layout>,
    /// The numbering; `None` is the one of the highest version, and timestamps where there is
    /// none yet (in Flyway's layout, 1). Diesel's layout always has the time.
    pub numbering: Option<Numbering>,
    /// With or without a down script; `None` is with one where that is the layout's custom: not in
    /// sqlx's simple layout, refinery's and Flyway's.
    pub reversibility: Option<Reversibility>,
    /// What time it is.
    pub now: Timestamp,
}

/// Creates the files of the next migration in the folder `root`, which is created where it is
/// not there, and returns their paths, the up script first. Its version is higher than every
/// other's. Nothing that exists is overwritten.
///
/// # Errors
/// When the folder's layout is not clear, the name cannot be a file's, or a file cannot be
/// written.
pub fn create(root: &Path, request: &NewMigration<'_>) -> Result<Vec<PathBuf>, SourceError> {
    let name = clean(request.name)?;
    let (layout, existing) = survey(root, request.layout)?;
    let files = match layout {
        Layout::Diesel => {
            let version = numbering::diesel(&existing, request.now);
            let folder = root.join(format!("{version}_{name}"));
            claim(root, &folder)?;
            pair([folder.join("up.sql"), folder.join("down.sql")], request)
        }
        Layout::Pairs => {
            let stem = format!("{}_{name}", numbering::integer(root, &existing, request, "0001")?);
            pair(["up", "down"].map(|end| root.join(format!("{stem}.{end}.sql"))), request)
        }
        Layout::Sqlx => {
            let reason = "sqlx's simple layout has no down scripts; use the layout pairs in a \
                          folder of its own";
            only_up(root, request, reason)?;
            let version = numbering::integer(root, &existing, request, "0001")?;
            vec![up(root.join(format!("{version}_{name}.sql")))]
        }
        Layout::Goose | Layout::Dbmate => {
            let version = numbering::integer(root, &existing, request, "00001")?;
            vec![(root.join(format!("{version}_{name}.sql")), marked_text(layout, request))]
        }
        Layout::Flyway => flyways(root, &name, &existing, request)?,
        Layout::Refinery => refinerys(root, name, &existing, request)?,
    };
    write_all(root, files)
}

/// A file to be made, and what it holds.
type NewFile = (PathBuf, String);

fn up(path: PathBuf) -> NewFile {
    (path, UP_TEXT.to_owned())
}

/// Up and down in a file each.
fn pair(paths: [PathBuf; 2], request: &NewMigration<'_>) -> Vec<NewFile> {
    let files = paths.into_iter().zip([UP_TEXT, DOWN_TEXT].map(str::to_owned));
    files.take(if request.reversibility == Some(Reversibility::UpOnly) { 1 } else { 2 }).collect()
}

/// Up and down in one file.
fn marked_text(layout: Layout, request: &NewMigration<'_>) -> String {
    let is_goose = layout == Layout::Goose;
    let (up, down) = if is_goose {
        ("-- +goose Up", "-- +goose Down")
    } else {
        ("-- migrate:up", "-- migrate:down")
    };
    match request.reversibility {
        Some(Reversibility::UpOnly) if is_goose => format!("{up}\n{UP_TEXT}"),
        // dbmate takes no file without the mark.
        Some(Reversibility::UpOnly) => format!("{up}\n{UP_TEXT}\n{down}\n"),
        Some(Reversibility::Reversible) | None => {
            format!("{up}\n{UP_TEXT}\n{down}\n{DOWN_TEXT}")
        }
    }
}

/// Flyway's undo scripts are part of its paid editions: one is made only when it is asked for.
fn flyways(
    root: &Path,
    name: &str,
    existing: &[Candidate],
    request: &NewMigration<'_>,
) -> Result<Vec<NewFile>, SourceError> {
    let version = numbering::dotted(root, existing, request)?;
    let paths = ["V", "U"].map(|it| root.join(format!("{it}{version}__{name}.sql")));
    let reversibility = request.reversibility.or(Some(Reversibility::UpOnly));
    Ok(pair(paths, &NewMigration { reversibility, ..*request }))
}

fn refinerys(
    root: &Path,
    name: String,
    existing: &[Candidate],
    request: &NewMigration<'_>,
) -> Result<Vec<NewFile>, SourceError> {
    only_up(root, request, "refinery has no down scripts")?;
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let reason = "refinery takes letters, digits and underscores only";
        return Err(SourceError::BadNewName { name, reason });
    }
    // The column of its ledger holds no timestamps unless refinery is built for it.
    let first = existing.is_empty().then_some(Numbering::Sequence);
    let numbering = request.numbering.or(first);
    let request = NewMigration { numbering, ..*request };
    let version = numbering::integer(root, existing, &request, "1")?;
    Ok(vec![up(root.join(format!("V{version}__{name}.sql")))])
}

fn only_up(root: &Path, request: &NewMigration<'_>, reason: &str) -> Result<(), SourceError> {
    if request.reversibility == Some(Reversibility::Reversible) {
        return Err(no_such_form(root, reason));
    }
    Ok(())
}

/// The name as it stands in a file's name.
fn clean(name: &str) -> Result<String, SourceError> {
    let bad = |reason| SourceError::BadNewName { name: name.to_owned(), reason };
    let cleaned = name.split_whitespace().collect::<Vec<_>>().join("_");
    if cleaned.is_empty() {
        return Err(bad("it is empty"));
    }
    if cleaned.contains(['/', '\\']) {
        return Err(bad("it holds a slash"));
    }
    if cleaned.chars().any(char::is_control) {
        return Err(bad("it holds a control character"));
    }
    let lower = cleaned.to_ascii_lowercase();
    if [".sql", ".up", ".down"].iter().any(|ending| lower.ends_with(ending)) {
        return Err(bad("it holds the ending, which is added by itself"));
    }
    Ok(cleaned)
}

/// The layout of the folder, and the scripts that are there.
fn survey(root: &Path, given: Option<Layout>) -> Result<(Layout, Vec<Candidate>), SourceError> {
    let folder = match Folder::open(Store::Disk, root) {
        Ok(folder) => folder,
        Err(SourceError::NotThere { .. }) => {
            return Ok((given.unwrap_or(Layout::Pairs), Vec::new()));
        }
        Err(error) => return Err(error),
    };
    match layouts::choose(&folder, given) {
        Ok(layout) => {
            let candidates = layouts::sort(layout, &folder).candidates;
            Ok((form_to_write(layout, &candidates), candidates))
        }
        Err(SourceError::Empty { .. }) => Ok((given.unwrap_or(Layout::Pairs), Vec::new())),
        Err(error) => Err(error),
    }
}

/// A folder that is read as sqlx's and holds pairs only goes on in pairs.
fn form_to_write(layout: Layout, candidates: &[Candidate]) -> Layout {
    let is_half = |candidate: &Candidate| {
        let name = candidate.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.ends_with(".up.sql") || name.ends_with(".down.sql")
    };
    match layout {
        Layout::Sqlx if candidates.iter().all(is_half) => Layout::Pairs,
        _ => layout,
    }
}

fn no_such_form(root: &Path, reason: &str) -> SourceError {
    SourceError::NoSuchForm { path: root.to_owned(), reason: reason.to_owned() }
}

fn make_folder(path: &Path) -> Result<(), SourceError> {
    fs::create_dir_all(path)
        .map_err(|source| SourceError::NotWritten { path: path.to_owned(), source })
}

/// Makes a migration's own folder, which must not be there.
fn claim(root: &Path, folder: &Path) -> Result<(), SourceError> {
    make_folder(root)?;
    fs::create_dir(folder)
        .map_err(|source| SourceError::NotWritten { path: folder.to_owned(), source })
}

/// Writes the files; when one cannot be written, takes back those that were.
fn write_all(root: &Path, files: Vec<NewFile>) -> Result<Vec<PathBuf>, SourceError> {
    make_folder(root)?;
    for (at, (path, text)) in files.iter().enumerate() {
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(source) = written {
            for (ours, _) in &files[..at] {
                // The first error is the one to tell; a file that stays is a visible leftover.
                let _ = fs::remove_file(ours);
            }
            return Err(SourceError::NotWritten { path: path.clone(), source });
        }
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}
