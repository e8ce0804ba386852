//! One module for each layout, all of the same shape:
//!
//! - `EXAMPLE`: what a name looks like;
//! - `witness`: a name in the folder that only this layout explains, which recognises it;
//! - `sort`: what each entry is: a script of some version, a problem, or none of its business.
//!
//! They know names, the layout's own settings, and where up and down are in a file that holds
//! both; everything else in the contents, and pairing, is the assembly's.

mod dbmate;
mod dbmate_marks;
mod diesel;
pub(crate) mod flyway;
mod goose;
mod goose_marks;
pub(crate) mod one_file;
mod pairs;
mod refinery;
mod sqlx;

use std::path::PathBuf;

use stopover_model::{Finding, Layout, OrderMark, TransactionMark, Version};

use self::one_file::Parts;
use crate::environment::Environment;

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
    /// It holds both, told apart by marks: see [`parts`].
    Both,
}

/// Whether the layout's tool puts values into a script before it runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholders {
    /// It does: `${name}` is not SQL.
    Replaced,
    /// It does not.
    Kept,
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
    /// Whether it may come after higher versions.
    pub(crate) order: OrderMark,
    /// Whether the tool would put values into it.
    pub(crate) placeholders: Placeholders,
}

impl Candidate {
    /// A script without anything special.
    pub(crate) const fn new(
        version: Version,
        name: String,
        direction: Direction,
        path: PathBuf,
    ) -> Self {
        Self {
            version,
            name,
            direction,
            path,
            mark: TransactionMark::Unmarked,
            order: OrderMark::Ascending,
            placeholders: Placeholders::Kept,
        }
    }
}

/// A folder's entries, told apart.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Scripts, in the order of their files' names.
    pub(crate) candidates: Vec<Candidate>,
    /// Problems and notes, in the order of the entries' names.
    pub(crate) findings: Vec<Finding>,
}

impl Sorted {
    /// Nothing yet, and room for so many scripts.
    fn of_at_most(scripts: usize) -> Self {
        Self { candidates: Vec::with_capacity(scripts), findings: Vec::new() }
    }
}

/// What a name in this layout looks like.
pub(crate) const fn example(layout: Layout) -> &'static str {
    match layout {
        Layout::Pairs => pairs::EXAMPLE,
        Layout::Sqlx => sqlx::EXAMPLE,
        Layout::Diesel => diesel::EXAMPLE,
        Layout::Goose => goose::EXAMPLE,
        Layout::Dbmate => dbmate::EXAMPLE,
        Layout::Flyway => flyway::EXAMPLE,
        Layout::Refinery => refinery::EXAMPLE,
    }
}

/// Tells the folder's entries apart, as `layout` does.
pub(crate) fn sort(layout: Layout, folder: &Folder<'_>) -> Sorted {
    match layout {
        Layout::Pairs => pairs::sort(folder),
        Layout::Sqlx => sqlx::sort(folder),
        Layout::Diesel => diesel::sort(folder),
        Layout::Goose => goose::sort(folder),
        Layout::Dbmate => dbmate::sort(folder),
        Layout::Flyway => flyway::sort(folder),
        Layout::Refinery => refinery::sort(folder),
    }
}

/// The parts of a file that holds up and down; `None` in layouts that have a file for each.
pub(crate) fn parts(
    layout: Layout,
    path: &str,
    text: &str,
    environment: Environment<'_>,
) -> Option<Parts> {
    match layout {
        Layout::Goose => Some(goose_marks::parts(path, text, environment)),
        Layout::Dbmate => Some(dbmate_marks::parts(path, text)),
        Layout::Pairs | Layout::Sqlx | Layout::Diesel | Layout::Flyway | Layout::Refinery => None,
    }
}

fn witness(layout: Layout, folder: &Folder<'_>) -> Option<String> {
    match layout {
        Layout::Pairs => pairs::witness(folder),
        Layout::Sqlx => sqlx::witness(folder),
        Layout::Diesel => diesel::witness(folder),
        Layout::Goose => goose::witness(folder),
        Layout::Dbmate => dbmate::witness(folder),
        Layout::Flyway => flyway::witness(folder),
        Layout::Refinery => refinery::witness(folder),
    }
}

/// The layout to read the folder by: the given one if it finds anything, else the only one that
/// does.
pub(crate) fn choose(folder: &Folder<'_>, given: Option<Layout>) -> Result<Layout, SourceError> {
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
/// simple ones, in one folder; names that look the same are told apart by the first file alone;
/// and Flyway's and refinery's may look the same altogether.
fn reads(layout: Layout, form: Layout) -> bool {
    const SAME_NAMES: [[Layout; 3]; 2] = [
        [Layout::Sqlx, Layout::Goose, Layout::Dbmate],
        [Layout::Flyway, Layout::Refinery, Layout::Refinery],
    ];
    let look_same = |names: &[Layout; 3]| names.contains(&layout) && names.contains(&form);
    layout == form
        || (layout == Layout::Sqlx && form == Layout::Pairs)
        || SAME_NAMES.iter().any(look_same)
}

fn empty(folder: &Folder<'_>, layouts: Vec<Layout>) -> SourceError {
    let names = folder.entries.iter().map(|entry| entry.shown_name().into_owned());
    let seen = names.take(SEEN_LIMIT).collect();
    SourceError::Empty { path: folder.path.clone(), layouts, seen }
}
