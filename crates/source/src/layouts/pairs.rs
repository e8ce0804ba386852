//! `NNN_name.up.sql` and `NNN_name.down.sql`: ours, golang-migrate's, sqlx's reversible one.

use super::{Candidate, Direction, Sorted};
use crate::folder::Folder;
use crate::names::{self, Ending, Named};

pub(super) const EXAMPLE: &str = "0001_create_orders.up.sql";

pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    let fits = |ending| matches!(ending, Ending::Up | Ending::Down);
    let found = folder.entries.iter().find(|entry| names::recognise(entry).is_some_and(fits));
    found.map(|entry| entry.shown_name().into_owned())
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let mut sorted = Sorted::of_at_most(folder.entries.len());
    for entry in &folder.entries {
        let file = match names::read(entry, EXAMPLE) {
            Named::Migration(file) => file,
            Named::Problem(finding) | Named::Other(finding) => {
                sorted.findings.push(finding);
                continue;
            }
        };
        let direction = match file.ending {
            Ending::Up => Direction::Up,
            Ending::Down => Direction::Down,
            // golang-migrate passes such a file over without a word: it would never run.
            Ending::Plain => {
                let reason = "it says neither up nor down; beside pairs of files, only the \
                              layout sqlx takes it for an up script";
                sorted.findings.push(names::bad_name(entry, reason, EXAMPLE));
                continue;
            }
        };
        sorted.candidates.push(Candidate::new(file.version, file.name, direction, entry.path()));
    }
    sorted
}
