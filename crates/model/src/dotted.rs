//! Flyway's versions: numbers with dots, compared part by part.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A dotted version such as `1.2` or `2026.07.30.1`.
///
/// After Flyway's `MigrationVersion`: an underscore means a dot, each part is a number of any
/// size, parts that are missing are 0. So `1`, `1.0` and `01` are one version. How it was written
/// is kept for showing and for the ledger.
#[derive(Debug, Clone)]
pub struct DottedVersion {
    /// Without zeros at the end.
    parts: Vec<Number>,
    text: String,
}

/// A number of any size: its digits without zeros at the front. Longer is greater.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Number(String);

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl DottedVersion {
    /// Reads `1_2`, `1.2` or `20260730`; `None` where a part is no number.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let text = written.replace('_', ".");
        let mut parts = Vec::new();
        for part in text.split('.') {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            parts.push(Number(part.trim_start_matches('0').to_owned()));
        }
        while parts.last().is_some_and(|last| last.0.is_empty()) {
            parts.pop();
        }
        Some(Self { parts, text })
    }

    /// As it was written, with dots: what Flyway shows and stores.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The shortest spelling: `1` for `01.0`.
    #[must_use]
    pub fn canonical(&self) -> String {
        let digits = |part: &Number| if part.0.is_empty() { "0" } else { &part.0 }.to_owned();
        let parts: Vec<String> = self.parts.iter().map(digits).collect();
        if parts.is_empty() { "0".to_owned() } else { parts.join(".") }
    }

    /// The lowest version of the same depth that is higher: the last part plus one. `None` where
    /// that part is larger than any number that is counted on.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let (before, last) = self.text.rsplit_once('.').map_or(("", &*self.text), |it| it);
        let next = last.parse::<u64>().ok()?.checked_add(1)?;
        let dot = if before.is_empty() { "" } else { "." };
        Self::parse(&format!("{before}{dot}{next:0width$}", width = last.len()))
    }
}

impl PartialEq for DottedVersion {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for DottedVersion {}

impl Hash for DottedVersion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

impl Ord for DottedVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        // Parts end in no zero, so the longer of two with a common beginning is the greater.
        self.parts.cmp(&other.parts)
    }
}

impl PartialOrd for DottedVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for DottedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotted(text: &str) -> DottedVersion {
        DottedVersion::parse(text).unwrap()
    }

    /// The cases of Flyway's `MigrationVersionTest`.
    #[test]
    fn parts_are_compared_as_numbers() {
        let ascending =
            ["0", "0.1", "1", "1.0.1", "1.2", "1.2.3", "1.11", "2", "10", "99999999999999999999"];
        for pair in ascending.windows(2) {
            assert!(dotted(pair[0]) < dotted(pair[1]), "{pair:?}");
        }
        for (one, other) in [("1", "1.0"), ("1", "01"), ("1_2", "1.2"), ("1.0.0", "1"), ("0", "00")]
        {
            assert_eq!(dotted(one), dotted(other));
        }
    }

    #[test]
    fn what_was_written_is_kept_with_dots() {
        assert_eq!(dotted("01_2_0").to_string(), "01.2.0");
        for (written, canonical) in [("01_2_0", "1.2"), ("0.0", "0"), ("1.0.03", "1.0.3")] {
            assert_eq!(dotted(written).canonical(), canonical);
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        for bad in ["", "a", "1a", "1..2", "1.", ".1", "-1", "1__2", "1 2"] {
            assert!(DottedVersion::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_next_version_goes_on_at_the_same_depth() {
        for (before, next) in [("1", "2"), ("1.9", "1.10"), ("009", "010"), ("2_3", "2.4")] {
            assert_eq!(dotted(before).next().unwrap().text(), next);
        }
    }
}
