//! `V1__name.sql` and `U1__name.sql`, in the folder and those below it: refinery's.
//!
//! After `refinery_core/src/util.rs`: `^([U|V])(\d+(?:\.\d+)?)__(\w+)`. `V` and `U` differ in one
//! thing: a `U` may come after higher versions (`verify_migrations` in `traits/mod.rs`); it is no
//! undo script. refinery has none, and no marks. A migration written in Rust cannot be run here,
//! and is never passed over.

use stopover_model::{OrderMark, Version};

use super::{Candidate, Direction, Sorted};
use crate::folder::{Entry, Folder};
use crate::names;

pub(super) const EXAMPLE: &str = "V1__create_orders.sql";

/// A name that refinery reads.
pub(super) struct Named {
    pub(super) version: Version,
    pub(super) name: String,
    pub(super) order: OrderMark,
}

pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    if !folder.may_begin_with(b"VU") {
        return None;
    }
    let entries = folder.deep();
    if super::flyway::only_flyway(&entries) {
        return None;
    }
    let found = entries.iter().find(|entry| matches!(parse(entry, ".sql"), Some(Ok(_))));
    found.map(|entry| folder.relative(&entry.path()))
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let mut sorted = Sorted::of_at_most(folder.entries.len());
    for entry in folder.deep() {
        if let Some(Ok(_)) = parse(&entry, ".rs") {
            sorted.findings.push(names::not_sql(&entry, "Rust"));
            continue;
        }
        let Some(named) = parse(&entry, ".sql") else {
            sorted.findings.push(names::not_a_migration(&entry));
            continue;
        };
        match (names::not_a_file(&entry), named) {
            (Some(problem), _) => sorted.findings.push(problem),
            (None, Ok(named)) => sorted.candidates.push(Candidate {
                order: named.order,
                ..Candidate::new(named.version, named.name, Direction::Up, entry.path())
            }),
            (None, Err(reason)) => {
                sorted.findings.push(names::bad_name(&entry, &reason, EXAMPLE));
            }
        }
    }
    sorted
}

/// Reads the name of a visible entry; `None` where it has another ending.
pub(super) fn parse(entry: &Entry, ending: &str) -> Option<Result<Named, String>> {
    let shown = entry.shown_name();
    if entry.is_hidden() || !shown.to_ascii_lowercase().ends_with(ending) {
        return None;
    }
    Some(parse_name(entry, ending))
}

fn parse_name(entry: &Entry, ending: &str) -> Result<Named, String> {
    let name = entry.name.to_str().ok_or("the name is not UTF-8")?;
    let stem = name
        .strip_suffix(ending)
        .ok_or_else(|| format!("the ending must be spelled {ending} in lower case"))?;
    let order = match stem.chars().next() {
        Some('V') => OrderMark::Ascending,
        Some('U') => OrderMark::Any,
        _ => return Err("it must start with V or U and a version".to_owned()),
    };
    let Some((digits, name)) = stem[1..].split_once("__") else {
        return Err("two underscores are needed between version and name".to_owned());
    };
    let version = Version::integer(digits)
        .ok_or_else(|| format!("the version must be a whole number, not {digits:?}"))?;
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err("the name may hold letters, digits and underscores".to_owned());
    }
    Ok(Named { version, name: name.to_owned(), order })
}
