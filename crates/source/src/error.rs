//! Why a source could not be read, or a new migration not be made, at all.

use std::io;
use std::path::PathBuf;

use stopover_model::{Layout, detail_list};

use crate::layouts;

/// A source that cannot be read at all. Problems of single files are findings instead.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing at the path.
    #[error(
        "there is no folder {}: create it with `stopover new NAME`, or name the folder with the \
         migrations by --migrations",
        path.display()
    )]
    NotThere {
        /// Where the folder was looked for.
        path: PathBuf,
    },
    /// Something else is at the path.
    #[error(
        "{} is not a folder: name the folder that holds the migrations, not a file in it",
        path.display()
    )]
    NotAFolder {
        /// What was named.
        path: PathBuf,
    },
    /// The folder cannot be listed.
    #[error(
        "the folder {} cannot be read: check that this user may list it",
        path.display()
    )]
    NotReadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No layout finds a migration in the folder.
    #[error(
        "there is no migration in {}: {}; rename the files, or create the first migration with \
         `stopover new NAME`{}",
        path.display(), tried(layouts), seen_list(seen)
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// The layouts that were tried.
        layouts: Vec<Layout>,
        /// Names of some entries that are there.
        seen: Vec<String>,
    },
    /// The names fit more than one layout.
    #[error(
        "two layouts fit {}: {}; say which one holds by --layout, or keep each in a folder of \
         its own",
        path.display(), fit_list(fits)
    )]
    TwoLayouts {
        /// The folder.
        path: PathBuf,
        /// Each layout that fits, with the name of a file that says so.
        fits: Vec<(Layout, String)>,
    },
    /// The layout that was asked for finds nothing, another one would.
    #[error(
        "{} is not in the layout {given} (files like {}): {}; leave --layout out, or name the \
         layout that fits",
        path.display(), layouts::example(*given), fit_list(fits)
    )]
    OtherLayout {
        /// The folder.
        path: PathBuf,
        /// The layout that was asked for.
        given: Layout,
        /// Each layout that fits, with the name of a file that says so.
        fits: Vec<(Layout, String)>,
    },
    /// A name that cannot be a file's.
    #[error(
        "{name:?} cannot be a migration's name: {reason}; say what the migration does, e.g. add_orders_index"
    )]
    BadNewName {
        /// The name that was asked for.
        name: String,
        /// Why it cannot be one.
        reason: &'static str,
    },
    /// A new migration that the layout has no form for.
    #[error("a new migration in {} cannot be made: {reason}", path.display())]
    NoSuchForm {
        /// The folder.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A file of the new migration could not be written.
    #[error(
        "{} could not be written: nothing that exists is ever overwritten; check that the name is \
         free and that this user may write there",
        path.display()
    )]
    NotWritten {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn tried(layouts: &[Layout]) -> String {
    let each = |&layout: &Layout| format!("{layout} ({})", layouts::example(layout));
    let list: Vec<_> = layouts.iter().map(each).collect();
    let noun = if list.len() == 1 { "the layout" } else { "the layouts" };
    format!("tried {noun} {}", detail_list(&list))
}

fn seen_list(seen: &[String]) -> String {
    if seen.is_empty() {
        return String::from(" (the folder is empty)");
    }
    format!(" (the folder holds {})", detail_list(seen))
}

fn fit_list(fits: &[(Layout, String)]) -> String {
    let list: Vec<_> = fits.iter().map(|(layout, file)| format!("{layout} ({file})")).collect();
    match list.as_slice() {
        [one] => format!("its files fit {one}"),
        _ => detail_list(&list),
    }
}
