//! One module for each layout, all of the same shape:
//!
//! - `EXAMPLE`: what a name looks like;
//! - `witness`: a name in the folder that only this layout explains, which recognises it;
//! - `sort`: what each entry is: a script of some version, a problem, or none of its business.
//!
//! They know names and the layout's own settings; contents and pairing are the assembly's.

mod diesel;
mod pairs;
mod sqlx;

use std::path::PathBuf;

use stopover_model::{Finding, Layout, TransactionMark, Version};

use crate::SourceError;
use crate::folder::Folder;

/// How many names an error about an empty source shows.
const SEEN_LIMIT: usize = 5;

/// Which way a script goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// It makes the change.
    Up,
    /// It takes the change back.
    Down,
}

/// A file that is a migration's script, by its name.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The version.
    pub(crate) version: Version,
    /// The migration's name.
    pub(crate) name: String,
    /// Up or down.
    pub(crate) direction: Direction,
    /// The file.
    pub(crate) path: PathBuf,
    /// What the layout's settings (not the file's text) say of the transaction.
    pub(crate) mark: TransactionMark,
}

/// A folder's entries, told apart.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Scripts, in the order of their files' names.
    pub(crate) candidates: Vec<Candidate>,
    /// Problems and notes, in the order of the entries' names.
    pub(crate) findings: Vec<Finding>,
}

/// What a name in this layout looks like.
pub(crate) const fn example(layout: Layout) -> &'static str {
    match layout {
        Layout::Pairs => pairs::EXAMPLE,
        Layout::Sqlx => sqlx::EXAMPLE,
        Layout::Diesel => diesel::EXAMPLE,
    }
}

/// Tells the folder's entries apart, as `layout` does.
pub(crate) fn sort(layout: Layout, folder: &Folder) -> Sorted {
    match layout {
        Layout::Pairs => pairs::sort(folder),
        Layout::Sqlx => sqlx::sort(folder),
        Layout::Diesel => diesel::sort(folder),
    }
}

fn witness(layout: Layout, folder: &Folder) -> Option<String> {
    match layout {
        Layout::Pairs => pairs::witness(folder),
        Layout::Sqlx => sqlx::witness(folder),
        Layout::Diesel => diesel::witness(folder),
    }
}

/// The layout to read the folder by: the given one if it finds anything, else the only one that
/// does.
pub(crate) fn choose(folder: &Folder, given: Option<Layout>) -> Result<Layout, SourceError> {
    let fits: Vec<_> = Layout::ALL
        .into_iter()
        .filter_map(|layout| witness(layout, folder).map(|file| (layout, file)))
        .collect();
    let path = folder.path.clone();
    if let Some(given) = given {
        return match fits.as_slice() {
            [] => Err(empty(folder, vec![given])),
            _ if fits.iter().any(|(layout, _)| reads(given, *layout)) => Ok(given),
            _ => Err(SourceError::OtherLayout { path, given, fits }),
        };
    }
    match fits.as_slice() {
        [] => Err(empty(folder, Layout::ALL.to_vec())),
        [(layout, _)] => Ok(*layout),
        _ => Err(SourceError::TwoLayouts { path, fits }),
    }
}

/// Whether `layout` reads files in the form of `form`: sqlx runs reversible migrations as well as
/// simple ones, in one folder.
fn reads(layout: Layout, form: Layout) -> bool {
    layout == form || (layout == Layout::Sqlx && form == Layout::Pairs)
}

fn empty(folder: &Folder, layouts: Vec<Layout>) -> SourceError {
    let names = folder.entries.iter().map(|entry| entry.shown_name().into_owned());
    let seen = names.take(SEEN_LIMIT).collect();
    SourceError::Empty { path: folder.path.clone(), layouts, seen }
}
