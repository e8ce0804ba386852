//! The version of a new migration: higher than every other's, and numbered as they are.

use std::path::Path;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use stopover_model::{DottedVersion, Version};

use super::{NewMigration, Numbering, no_such_form};
use crate::SourceError;
use crate::layouts::Candidate;

/// Digits of a timestamp version: `YYYYMMDDHHMMSS`.
const TIMESTAMP_WIDTH: usize = 14;

/// The next version's digits; `first` is the first number of a sequence.
pub(super) fn integer(
    root: &Path,
    existing: &[Candidate],
    request: &NewMigration<'_>,
    first: &str,
) -> Result<String, SourceError> {
    let highest = existing
        .iter()
        .filter_map(|candidate| Some((candidate.version.as_integer()?, digits_of(candidate))))
        .max();
    let now: i64 = compact(utc(request.now)).parse().unwrap_or_default();
    let Some((highest, digits)) = highest else {
        return Ok(match request.numbering {
            Some(Numbering::Sequence) => first.to_owned(),
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
    let name = name.trim_start_matches(['V', 'U']);
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    name[..digits].to_owned()
}

fn numbering_of(digits: &str) -> Numbering {
    let is_time = digits.len() == TIMESTAMP_WIDTH && !digits.starts_with('0');
    if is_time { Numbering::Timestamp } else { Numbering::Sequence }
}

/// The next version as Diesel's folders spell it, higher as text than every other.
pub(super) fn diesel(existing: &[Candidate], now: Timestamp) -> String {
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

/// The next version of Flyway's, at the depth of the highest.
pub(super) fn dotted(
    root: &Path,
    existing: &[Candidate],
    request: &NewMigration<'_>,
) -> Result<String, SourceError> {
    let versions = existing.iter().filter_map(|candidate| match &candidate.version {
        Version::Dotted(dotted) => Some(dotted),
        _ => None,
    });
    let now = compact(utc(request.now));
    let Some(highest) = versions.max() else {
        return Ok(match request.numbering {
            Some(Numbering::Timestamp) => now,
            Some(Numbering::Sequence) | None => "1".to_owned(),
        });
    };
    let next = highest.next().ok_or_else(|| {
        no_such_form(root, &format!("no version after {highest} can be counted; name it by hand"))
    })?;
    let is_time = match request.numbering {
        Some(numbering) => numbering == Numbering::Timestamp,
        None => numbering_of(highest.text()) == Numbering::Timestamp,
    };
    let now = DottedVersion::parse(&now).filter(|now| is_time && *now > next);
    Ok(now.unwrap_or(next).text().to_owned())
}
