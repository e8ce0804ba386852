//! What the target's ledger says is applied.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Checksum, Version};

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
}

impl LedgerKind {
    /// Every kind, ours first: the order of strength when several exist.
    pub const ALL: [Self; 3] = [Self::Stopover, Self::Sqlx, Self::Diesel];

    /// The name, as `--ledger` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopover => "stopover",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
        }
    }

    /// The name as this ledger stores it: sqlx writes blanks for underscores
    /// (`sqlx-core/src/migrate/source.rs`), Diesel stores none.
    #[must_use]
    pub fn stored_name(self, name: &str) -> Option<String> {
        match self {
            Self::Stopover => Some(name.to_owned()),
            Self::Sqlx => Some(name.replace('_', " ")),
            Self::Diesel => None,
        }
    }

    /// The checksum as this ledger stores it; Diesel stores none.
    #[must_use]
    pub fn checksum(self, bytes: &[u8]) -> Option<Checksum> {
        match self {
            Self::Stopover => Some(Checksum::sha256(bytes)),
            Self::Sqlx => Some(Checksum::sha384(bytes)),
            Self::Diesel => None,
        }
    }

    /// Whether the ledger can hold versions of this form.
    #[must_use]
    pub const fn holds(self, version: &Version) -> bool {
        matches!(
            (self, version),
            (Self::Diesel, Version::Text(_)) | (Self::Stopover | Self::Sqlx, Version::Integer(_))
        )
    }
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
    /// The checksum in the ledger's kind, where it keeps one.
    pub checksum: Option<Checksum>,
    /// How the row comes here.
    pub provenance: Provenance,
    /// How long the statements took, in milliseconds.
    pub duration_ms: f64,
}
