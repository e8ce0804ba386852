//! What the target's ledger says is applied.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Checksum, ChecksumKind, Version, VersionWidth};

/// Whose ledger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerKind {
    /// Our own: `stopover.applied_migrations`.
    Stopover,
    /// sqlx's `_sqlx_migrations`, used in place.
    Sqlx,
    /// Diesel's `__diesel_schema_migrations`, used in place.
    Diesel,
    /// goose's `goose_db_version`, used in place.
    Goose,
    /// dbmate's `schema_migrations`, used in place.
    Dbmate,
    /// Flyway's `flyway_schema_history`, used in place.
    Flyway,
    /// refinery's `refinery_schema_history`, used in place.
    Refinery,
}

impl LedgerKind {
    /// Every kind, ours first: the order of strength when several exist.
    pub const ALL: [Self; 7] = [
        Self::Stopover,
        Self::Sqlx,
        Self::Diesel,
        Self::Goose,
        Self::Dbmate,
        Self::Flyway,
        Self::Refinery,
    ];

    /// The name, as `--ledger` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopover => "stopover",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
            Self::Goose => "goose",
            Self::Dbmate => "dbmate",
            Self::Flyway => "flyway",
            Self::Refinery => "refinery",
        }
    }

    /// The name as this ledger stores it: sqlx (`sqlx-core/src/migrate/source.rs`) and Flyway
    /// (`ResourceNameParser`, `AbbreviationUtils`) write blanks for underscores, Diesel, goose and
    /// dbmate store none.
    #[must_use]
    pub fn stored_name(self, name: &str) -> Option<String> {
        match self {
            Self::Stopover | Self::Refinery => Some(name.to_owned()),
            Self::Sqlx => Some(name.replace('_', " ")),
            Self::Flyway => Some(flyway_description(name)),
            Self::Diesel | Self::Goose | Self::Dbmate => None,
        }
    }

    /// How this ledger fingerprints a migration, as its tool makes it by default.
    #[must_use]
    pub const fn checksums(self) -> ChecksumKind {
        match self {
            Self::Stopover => ChecksumKind::Sha256,
            Self::Sqlx => ChecksumKind::Sha384,
            Self::Flyway => ChecksumKind::Crc32,
            Self::Refinery => ChecksumKind::Sip13(VersionWidth::Int4),
            Self::Diesel | Self::Goose | Self::Dbmate => ChecksumKind::None,
        }
    }

    /// Whether the ledger can hold versions of this form.
    #[must_use]
    pub const fn holds(self, version: &Version) -> bool {
        match self {
            Self::Stopover | Self::Sqlx | Self::Goose | Self::Dbmate | Self::Refinery => {
                matches!(version, Version::Integer(_))
            }
            Self::Diesel => matches!(version, Version::Text(_)),
            Self::Flyway => matches!(version, Version::Dotted(_) | Version::Repeatable(_)),
        }
    }

    /// Reads a version of the form that this ledger holds; `None` where it is none.
    #[must_use]
    pub fn version(self, text: &str) -> Option<Version> {
        match self {
            Self::Stopover | Self::Sqlx | Self::Goose | Self::Dbmate | Self::Refinery => {
                Version::integer(text)
            }
            Self::Diesel => Some(Version::Text(text.to_owned())),
            Self::Flyway => Version::flyway(text),
        }
    }
}

/// Flyway's column holds 200 UTF-16 units; what is longer is cut and marked.
fn flyway_description(name: &str) -> String {
    const LIMIT: usize = 200;
    const MARK: &str = "...";
    let description = name.replace('_', " ");
    let mut units = 0;
    let mut cut = 0;
    for (at, c) in description.char_indices() {
        if units + c.len_utf16() <= LIMIT - MARK.len() {
            cut = at + c.len_utf8();
        }
        units += c.len_utf16();
    }
    if units <= LIMIT { description } else { format!("{}{MARK}", &description[..cut]) }
}

impl fmt::Display for LedgerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a row came into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// The migration was run.
    Applied,
    /// Taken over from a counter; nobody saw it run.
    Assumed,
    /// Recorded by a repair.
    Manual,
}

impl Provenance {
    /// As the ledger's column spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Assumed => "assumed",
            Self::Manual => "manual",
        }
    }

    /// Reads the ledger's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Applied, Self::Assumed, Self::Manual].into_iter().find(|it| it.name() == text)
    }
}

/// Whether what a row tells of is known to have finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowState {
    /// It finished.
    Done,
    /// It was started and is not known to have finished; the text says how far it came.
    Dirty(String),
    /// No migration ran: every version up to this one counts as applied (Flyway's baseline).
    Baseline,
}

/// One row of a ledger, whichever tool's it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// The version.
    pub version: Version,
    /// The name as stored, where the ledger stores one (see [`LedgerKind::stored_name`]).
    pub name: Option<String>,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// The up file's checksum; `None` where what ran is not known. Never compared then.
    pub checksum: Option<Checksum>,
    /// How the row came here.
    pub provenance: Provenance,
    /// Whether it finished.
    pub state: RowState,
}

/// What the engine writes for a migration that it applied.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLedgerRow {
    /// The version.
    pub version: Version,
    /// The name as the source spells it; each ledger stores it its own way.
    pub name: String,
    /// The up file's path inside of the source, as [`crate::Migration::file`].
    pub file: String,
    /// The checksum in the ledger's kind, where it keeps one.
    pub checksum: Option<Checksum>,
    /// How the row comes here.
    pub provenance: Provenance,
    /// How long the statements took, in milliseconds; `None` where only the server knows, which
    /// counts from the transaction's beginning.
    pub duration_ms: Option<f64>,
    /// The up file's text, for the journal to keep; `None` where nobody knows what ran.
    pub script: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ledger_reads_the_versions_that_it_holds() {
        for kind in LedgerKind::ALL {
            let version = kind.version("20260730").unwrap();
            assert!(kind.holds(&version), "{kind}");
            assert_eq!(version.to_string(), "20260730");
        }
        assert_eq!(LedgerKind::Goose.version("1.2"), None);
    }

    #[test]
    fn flyways_descriptions_have_blanks_and_are_cut_as_flyway_cuts_them() {
        let stored = |name: &str| LedgerKind::Flyway.stored_name(name).unwrap();
        assert_eq!(stored("add_all_views"), "add all views");
        assert_eq!(stored(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(stored(&"ä".repeat(201)), format!("{}...", "ä".repeat(197)));
    }
}
