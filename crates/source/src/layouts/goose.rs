//! `VERSION_name.sql` with up and down in one file, told apart by `-- +goose` marks: goose's.
//!
//! Names after `NumericComponent` in goose's `migration.go`: a version above 0 before the first
//! `_`, the ending `.sql`. A migration written in Go cannot be run here, and is never passed over.
//! The marks are read by [`super::goose_marks`].

use stopover_model::{Finding, Version};

use super::{Candidate, Direction, Sorted, one_file};
use crate::folder::{Entry, Folder};
use crate::names::{self, Ending, Named};

pub(super) const EXAMPLE: &str = "00001_create_orders.sql with -- +goose Up";

const NAME_EXAMPLE: &str = "00001_create_orders.sql";

pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    one_file::witness(folder, one_file::Marks::Goose)
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let mut sorted = Sorted::of_at_most(folder.entries.len());
    for entry in &folder.entries {
        let file = match names::read(entry, NAME_EXAMPLE) {
            Named::Migration(file) => file,
            Named::Problem(finding) => {
                sorted.findings.push(finding);
                continue;
            }
            Named::Other(finding) => {
                sorted.findings.push(written_in_go(entry).unwrap_or(finding));
                continue;
            }
        };
        if file.version == Version::Integer(0) {
            let reason = "goose's versions begin at 1; its ledger has 0 for the empty database";
            sorted.findings.push(names::bad_name(entry, reason, NAME_EXAMPLE));
            continue;
        }
        let name = match file.ending {
            Ending::Plain => file.name,
            // For goose the whole rest is the name.
            Ending::Up => format!("{}.up", file.name),
            Ending::Down => format!("{}.down", file.name),
        };
        let candidate = Candidate::new(file.version, name, Direction::Both, entry.path());
        sorted.candidates.push(candidate);
    }
    sorted
}

fn written_in_go(entry: &Entry) -> Option<Finding> {
    let name = entry.name.to_str()?;
    let stem = name.strip_suffix(".go").filter(|_| !name.ends_with("_test.go"))?;
    let (digits, _) = stem.split_once('_')?;
    Version::integer(digits).filter(|it| *it != Version::Integer(0))?;
    Some(names::not_sql(entry, "Go"))
}
