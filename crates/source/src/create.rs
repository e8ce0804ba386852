//! `stopover new`: the files of the next migration, in the source's own layout.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use stopover_model::{Layout, Version};

use crate::SourceError;
use crate::folder::Folder;
use crate::layouts::{self, Candidate};

/// Digits of a timestamp version: `YYYYMMDDHHMMSS`.
const TIMESTAMP_WIDTH: usize = 14;

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
    /// none yet. Diesel's layout always has the time.
    pub numbering: Option<Numbering>,
    /// With or without a down script; `None` is with one, except in sqlx's simple layout.
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
            let version = diesel_version(&existing, request.now);
            let folder = root.join(format!("{version}_{name}"));
            claim(root, &folder)?;
            vec![folder.join("up.sql"), folder.join("down.sql")]
        }
        Layout::Pairs => {
            let stem = format!("{}_{name}", integer_version(root, &existing, request)?);
            make_folder(root)?;
            ["up", "down"].map(|end| root.join(format!("{stem}.{end}.sql"))).to_vec()
        }
        Layout::Sqlx => {
            if request.reversibility == Some(Reversibility::Reversible) {
                let reason = "sqlx's simple layout has no down scripts; use the layout pairs in \
                              a folder of its own";
                return Err(no_such_form(root, reason));
            }
            let version = integer_version(root, &existing, request)?;
            make_folder(root)?;
            vec![root.join(format!("{version}_{name}.sql"))]
        }
    };
    let count = if request.reversibility == Some(Reversibility::UpOnly) { 1 } else { files.len() };
    write_all(files.into_iter().take(count).collect())
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
    let folder = match Folder::open(root) {
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

/// The next version's digits.
fn integer_version(
    root: &Path,
    existing: &[Candidate],
    request: &NewMigration<'_>,
) -> Result<String, SourceError> {
    let highest = existing
        .iter()
        .filter_map(|candidate| Some((candidate.version.as_integer()?, digits_of(candidate))))
        .max();
    let now: i64 = compact(utc(request.now)).parse().unwrap_or_default();
    let Some((highest, digits)) = highest else {
        return Ok(match request.numbering {
            Some(Numbering::Sequence) => "0001".to_owned(),
            Some(Numbering::Timestamp) | None => now.to_string(),
        });
    };
    let next = highest.checked_add(1).ok_or_else(|| {
        no_such_form(root, &format!("no version is higher than {highest}; rename that migration"))
    })?;
    let numbering = request.numbering.unwrap_or_else(|| numbering_of(&digits));
    Ok(match numbering {
        Numbering::Sequence => format!("{next:0width$}", width = digits.len()),
        Numbering::Timestamp => next.max(now).to_string(),
    })
}

/// The version as the file's name spells it.
fn digits_of(candidate: &Candidate) -> String {
    let name = candidate.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('_').next().unwrap_or_default().to_owned()
}

fn numbering_of(digits: &str) -> Numbering {
    let is_time = digits.len() == TIMESTAMP_WIDTH && !digits.starts_with('0');
    if is_time { Numbering::Timestamp } else { Numbering::Sequence }
}

/// The next version as Diesel's folders spell it, higher as text than every other.
fn diesel_version(existing: &[Candidate], now: Timestamp) -> String {
    let now = utc(now);
    let highest = existing.iter().map(|candidate| &candidate.version).max();
    let Some(Version::Text(highest)) = highest else { return hyphenated(now) };
    if compact(now) > *highest {
        return hyphenated(now);
    }
    let after = highest
        .get(..TIMESTAMP_WIDTH)
        .and_then(|digits| DateTime::strptime("%Y%m%d%H%M%S", digits).ok())
        .and_then(|time| time.checked_add(jiff::Span::new().seconds(1)).ok())
        .filter(|&time| compact(time) > *highest);
    // A version that is no time: one more digit makes the text greater.
    after.map_or_else(|| format!("{highest}0"), hyphenated)
}

fn utc(now: Timestamp) -> DateTime {
    now.to_zoned(TimeZone::UTC).datetime()
}

fn compact(time: DateTime) -> String {
    time.strftime("%Y%m%d%H%M%S").to_string()
}

fn hyphenated(time: DateTime) -> String {
    time.strftime("%Y-%m-%d-%H%M%S").to_string()
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
fn write_all(files: Vec<PathBuf>) -> Result<Vec<PathBuf>, SourceError> {
    const TEXTS: [&str; 2] = ["-- Write the change here.\n", "-- Take the change back here.\n"];
    for (at, path) in files.iter().enumerate() {
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .and_then(|mut file| file.write_all(TEXTS[at % TEXTS.len()].as_bytes()));
        if let Err(source) = written {
            for ours in &files[..at] {
                // The first error is the one to tell; a file that stays is a visible leftover.
                let _ = fs::remove_file(ours);
            }
            return Err(SourceError::NotWritten { path: path.clone(), source });
        }
    }
    Ok(files)
}
