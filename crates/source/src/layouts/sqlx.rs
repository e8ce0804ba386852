//! `VERSION_name.sql`: sqlx's simple layout.
//!
//! sqlx reads simple and reversible migrations from one folder, each by its ending
//! (`sqlx-core/src/migrate/migration_type.rs`), so `.up.sql` and `.down.sql` are read here too.
//! A folder that holds both forms is recognised by nobody and needs `--layout sqlx`: for
//! golang-migrate the simple ones would not exist.

use stopover_model::TransactionMark;

use super::{Candidate, Direction, Sorted};
use crate::folder::Folder;
use crate::names::{self, Ending, Named};

pub(super) const EXAMPLE: &str = "20260730120000_create_orders.sql";

pub(super) fn witness(folder: &Folder) -> Option<String> {
    let plain = Some(Ending::Plain);
    let found = folder.entries.iter().find(|entry| names::recognise(entry) == plain);
    found.map(|entry| entry.shown_name().into_owned())
}

pub(super) fn sort(folder: &Folder) -> Sorted {
    let mut sorted = Sorted::default();
    for entry in &folder.entries {
        match names::read(entry, EXAMPLE) {
            Named::Migration(file) => sorted.candidates.push(Candidate {
                version: file.version,
                name: file.name,
                direction: match file.ending {
                    Ending::Up | Ending::Plain => Direction::Up,
                    Ending::Down => Direction::Down,
                },
                path: entry.path.clone(),
                mark: TransactionMark::Unmarked,
            }),
            Named::Problem(finding) | Named::Other(finding) => sorted.findings.push(finding),
        }
    }
    sorted
}
