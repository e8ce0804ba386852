//! Durations as people write them in directives and settings.

use std::time::Duration;

/// The longest time that PostgreSQL's timeouts take: 2³¹ − 1 milliseconds, about 24 days.
const LIMIT_MS: u64 = i32::MAX as u64;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a whole number with a unit.
    #[error("{0:?} is not a duration: write a whole number and a unit, ms, s, min or h, e.g. 2s")]
    Malformed(String),
    /// Longer than PostgreSQL's timeouts can be.
    #[error("{0:?} is too long: a timeout is at most 2147483647 ms (24 days)")]
    TooLong(String),
}

/// Reads a duration: a whole number and one of PostgreSQL's units `ms`, `s`, `min`, `h`, with or
/// without blanks between. `0` needs no unit; as in PostgreSQL, a timeout of zero is none.
///
/// # Errors
/// When the text is not of that form, or longer than PostgreSQL's timeouts can be.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(split);
    let factor: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "" if digits == "0" => 0,
        _ => return Err(malformed()),
    };
    if digits.is_empty() {
        return Err(malformed());
    }
    let value: Option<u64> = digits.parse().ok();
    value
        .and_then(|value| value.checked_mul(factor))
        .filter(|&ms| ms <= LIMIT_MS)
        .map(Duration::from_millis)
        .ok_or_else(|| DurationError::TooLong(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_counts_and_zero_needs_none() {
        for (text, ms) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("10min", 600_000),
            (" 1 h ", 3_600_000),
            ("0", 0),
            ("0s", 0),
            ("2147483647ms", 2_147_483_647),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text:?}");
        }
    }

    #[test]
    fn what_could_mean_several_things_is_refused() {
        for text in ["", "5", "s", "5m", "5S", "1.5s", "-1s", "+1s", "2s 3s", "٣s", "5 s x"] {
            assert_eq!(parse_duration(text), Err(DurationError::Malformed(text.to_owned())));
        }
        for text in ["2147483648ms", "99999999999999999999s", "9999999999999999h"] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong(text.to_owned())));
        }
    }
}
