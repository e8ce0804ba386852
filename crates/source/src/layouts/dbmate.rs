//! `VERSION_name.sql` with up and down in one file, told apart by `-- migrate:up` and
//! `-- migrate:down`: dbmate's.
//!
//! Names after `migrationFileRegexp` in dbmate's `pkg/dbmate/db.go`: digits, then anything, then
//! `.sql`. The marks are read by [`super::dbmate_marks`].

use stopover_model::Version;

use super::{Candidate, Direction, Sorted, one_file};
use crate::folder::{Entry, Folder};
use crate::names;

pub(super) const EXAMPLE: &str = "20260730120000_create_orders.sql with -- migrate:up";

const NAME_EXAMPLE: &str = "20260730120000_create_orders.sql";
const ENDING: &str = ".sql";

pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    one_file::witness(folder, one_file::Marks::Dbmate)
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let mut sorted = Sorted::of_at_most(folder.entries.len());
    for entry in &folder.entries {
        let is_sql = entry.shown_name().to_ascii_lowercase().ends_with(ENDING);
        if entry.is_hidden() || !is_sql {
            sorted.findings.push(names::not_a_migration(entry));
            continue;
        }
        if let Some(problem) = names::not_a_file(entry) {
            sorted.findings.push(problem);
            continue;
        }
        match parse(entry) {
            Ok((version, name)) => {
                let candidate = Candidate::new(version, name, Direction::Both, entry.path());
                sorted.candidates.push(candidate);
            }
            Err(reason) => sorted.findings.push(names::bad_name(entry, &reason, NAME_EXAMPLE)),
        }
    }
    sorted
}

fn parse(entry: &Entry) -> Result<(Version, String), String> {
    let name = entry.name.to_str().ok_or("the name is not UTF-8")?;
    let stem = name
        .strip_suffix(ENDING)
        .ok_or_else(|| format!("the ending must be spelled {ENDING} in lower case"))?;
    let rest = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &stem[..stem.len() - rest.len()];
    if digits.is_empty() {
        return Err("it must start with a version in digits".to_owned());
    }
    let version = Version::integer(digits)
        .ok_or_else(|| format!("the version {digits} is larger than {}", i64::MAX))?;
    Ok((version, rest.trim_start_matches(['_', '-']).to_owned()))
}
