//! What a layout orders migrations by.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::DottedVersion;

/// What a repeatable migration's version is shown with, as Flyway's file names begin.
const REPEATABLE: &str = "R__";

/// A migration's version: the value that orders it and that the ledger holds.
///
/// Most layouts order by a 64-bit integer (`007` is 7, `9` comes before `10`); Diesel's orders
/// by the digits of the folder's name, compared as text; Flyway's by dotted numbers, then
/// repeatable migrations by their description. Versions of one source are all of one kind (but
/// for the last two); the kinds sort one after the other so that the order is total.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// A 64-bit integer, compared as a number.
    Integer(i64),
    /// Digits compared as text, as Diesel does.
    Text(String),
    /// Dotted numbers, compared part by part.
    Dotted(DottedVersion),
    /// No version: it runs after all that have one, whenever its file has changed. The text is
    /// Flyway's description, with blanks for underscores.
    Repeatable(String),
}

impl Version {
    /// Reads the digits of an integer version: at least one ASCII digit, nothing else, and the
    /// value fits 63 bits. `None` where it does not.
    #[must_use]
    pub fn integer(digits: &str) -> Option<Self> {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok().map(Self::Integer))?
    }

    /// The integer, where this version is one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Text(_) | Self::Dotted(_) | Self::Repeatable(_) => None,
        }
    }

    /// The integer that it spells, whatever orders it: Diesel's digits, a dotted version of one
    /// part. `None` where it spells none.
    #[must_use]
    pub fn spelled_integer(&self) -> Option<i64> {
        let parsed = |digits: &str| Self::integer(digits)?.as_integer();
        match self {
            Self::Integer(value) => Some(*value),
            Self::Text(digits) => parsed(digits),
            Self::Dotted(dotted) => parsed(&dotted.canonical()),
            Self::Repeatable(_) => None,
        }
    }

    /// Whether it stands for a migration that runs again when its file has changed.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Repeatable(_))
    }

    /// Reads a version of Flyway's: `1.2`, `1_2`, or `R__add_views`.
    #[must_use]
    pub fn flyway(text: &str) -> Option<Self> {
        match text.strip_prefix(REPEATABLE) {
            Some(description) => Some(Self::Repeatable(description.replace('_', " "))),
            None => DottedVersion::parse(text).map(Self::Dotted),
        }
    }
}

impl From<i64> for Version {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Dotted(dotted) => dotted.fmt(f),
            Self::Repeatable(description) => {
                write!(f, "{REPEATABLE}{}", description.replace(' ', "_"))
            }
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(value) => serializer.serialize_i64(*value),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Integer(i64),
            Text(String),
        }
        Ok(match Wire::deserialize(deserializer)? {
            Wire::Integer(value) => Self::Integer(value),
            // A dotted version of one part cannot be told from Diesel's digits: it reads as those.
            Wire::Text(text) if text.starts_with(REPEATABLE) || text.contains('.') => {
                Self::flyway(&text).unwrap_or(Self::Text(text))
            }
            Wire::Text(text) => Self::Text(text),
        })
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A migration's version: an integer, or text in layouts that order by text or by dotted numbers.",
            "type": ["integer", "string"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_comes_before_ten_and_007_is_7() {
        assert!(Version::integer("9") < Version::integer("10"));
        assert_eq!(Version::integer("007"), Some(Version::Integer(7)));
    }

    #[test]
    fn diesels_digits_compare_as_text() {
        let text = |digits: &str| Version::Text(digits.to_owned());
        assert!(text("20140924113530") < text("20170923182408"));
        assert!(text("202607301400000000") < text("20270101000000"));
    }

    #[test]
    fn repeatable_migrations_come_last_by_description() {
        let mut versions: Vec<_> =
            ["R__b", "R__a_b", "10", "9.1"].iter().filter_map(|it| Version::flyway(it)).collect();
        versions.sort();
        let shown: Vec<_> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["9.1", "10", "R__a_b", "R__b"]);
    }

    #[test]
    fn signs_spaces_and_overflow_are_no_versions() {
        for bad in ["", "+1", "-1", " 1", "1a", "9223372036854775808", "٣"] {
            assert_eq!(Version::integer(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn json_keeps_numbers_as_numbers_and_texts_as_texts() {
        for (version, json) in [
            (Version::Integer(42), "42"),
            (Version::Text("20190226002946".into()), "\"20190226002946\""),
            (Version::flyway("1_2").unwrap(), "\"1.2\""),
            (Version::flyway("R__add_all_views").unwrap(), "\"R__add_all_views\""),
        ] {
            assert_eq!(serde_json::to_string(&version).unwrap(), json);
            assert_eq!(serde_json::from_str::<Version>(json).unwrap(), version);
        }
    }
}
