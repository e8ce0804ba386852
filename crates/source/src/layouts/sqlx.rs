//! `VERSION_name.sql`: sqlx's simple layout.
//!
//! sqlx reads simple and reversible migrations from one folder, each by its ending
//! (`sqlx-core/src/migrate/migration_type.rs`), so `.up.sql` and `.down.sql` are read here too.
//! A folder that holds both forms is recognised by nobody and needs `--layout sqlx`: for
//! golang-migrate the simple ones would not exist.

use super::{Candidate, Direction, Sorted, one_file};
use crate::folder::Folder;
use crate::names::{self, Ending, Named};

pub(super) const EXAMPLE: &str = "20260730120000_create_orders.sql";

pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    one_file::witness(folder, one_file::Marks::None)
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let mut sorted = Sorted::of_at_most(folder.entries.len());
    for entry in &folder.entries {
        match names::read(entry, EXAMPLE) {
            Named::Migration(file) => {
                let direction = match file.ending {
                    Ending::Up | Ending::Plain => Direction::Up,
                    Ending::Down => Direction::Down,
                };
                let candidate = Candidate::new(file.version, file.name, direction, entry.path());
                sorted.candidates.push(candidate);
            }
            Named::Problem(finding) | Named::Other(finding) => sorted.findings.push(finding),
        }
    }
    sorted
}
