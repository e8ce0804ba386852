//! Migrations and the source that they come from.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Fingerprinted, LedgerKind, Script, Version};

/// How a source's files are named and laid out: one per tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `NNN_name.up.sql` and `NNN_name.down.sql`: ours, golang-migrate's, sqlx's reversible.
    Pairs,
    /// `VERSION_name.sql`: sqlx's simple layout.
    Sqlx,
    /// `VERSION_name/up.sql` and `down.sql`: Diesel's.
    Diesel,
    /// `VERSION_name.sql` with `-- +goose Up` and `-- +goose Down`: goose's.
    Goose,
    /// `VERSION_name.sql` with `-- migrate:up` and `-- migrate:down`: dbmate's.
    Dbmate,
    /// `V1_2__name.sql`, `U1_2__name.sql`, `R__name.sql`: Flyway's.
    Flyway,
    /// `V1__name.sql` and `U1__name.sql`: refinery's.
    Refinery,
}

impl Layout {
    /// Every layout, in the order in which they are tried.
    pub const ALL: [Self; 7] = [
        Self::Pairs,
        Self::Sqlx,
        Self::Diesel,
        Self::Goose,
        Self::Dbmate,
        Self::Flyway,
        Self::Refinery,
    ];

    /// The name, as `--layout` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
            Self::Goose => "goose",
            Self::Dbmate => "dbmate",
            Self::Flyway => "flyway",
            Self::Refinery => "refinery",
        }
    }

    /// The ledger that goes with the layout where nothing is decided and none is there: ours, and
    /// the tool's own where ours cannot hold its versions.
    #[must_use]
    pub const fn ledger(self) -> LedgerKind {
        match self {
            Self::Pairs | Self::Sqlx | Self::Goose | Self::Dbmate | Self::Refinery => {
                LedgerKind::Stopover
            }
            Self::Diesel => LedgerKind::Diesel,
            Self::Flyway => LedgerKind::Flyway,
        }
    }

    /// Reads a version as a person writes it, with `ledger()`'s form; `None` where it is none.
    #[must_use]
    pub fn version(self, text: &str) -> Option<Version> {
        match self {
            Self::Diesel => self.ledger().version(&text.replace('-', "")),
            _ => self.ledger().version(text),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a migration is said to run outside of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionMark {
    /// Nothing is said: it runs in a transaction unless a statement in it cannot.
    Unmarked,
    /// The file or the layout's settings say that it runs without one; the text names the mark.
    NoTransaction(String),
}

/// What becomes of foreign keys while a migration runs. Only SQLite needs to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForeignKeys {
    /// They hold all the time.
    #[default]
    Enforced,
    /// They are off while the migration runs, and must hold before it commits: SQLite's way to
    /// rebuild a table that others point to.
    CheckedAtCommit,
}

/// Whether a migration may come after a higher version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderMark {
    /// It is out of order then, and the policy decides.
    Ascending,
    /// It is meant so: refinery's `U` files.
    Any,
}

/// What a migration's file asks of the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// In a transaction or not.
    pub transaction: TransactionMark,
    /// `-- stopover: lock-timeout 2s`: instead of the setting.
    pub lock_timeout: Option<Duration>,
    /// `-- stopover: statement-timeout 10min`: instead of the setting.
    pub statement_timeout: Option<Duration>,
    /// `-- stopover: idempotent`: may be run again by a heal.
    pub idempotent: bool,
    /// `-- stopover: allow data-loss(orders)`: relations that may lose rows.
    pub allow_data_loss: Vec<String>,
    /// `-- stopover: foreign-keys off`
    pub foreign_keys: ForeignKeys,
    /// Whether it is meant to run after higher versions.
    pub order: OrderMark,
}

impl Default for Directives {
    fn default() -> Self {
        Self {
            transaction: TransactionMark::Unmarked,
            lock_timeout: None,
            statement_timeout: None,
            idempotent: false,
            allow_data_loss: Vec::new(),
            foreign_keys: ForeignKeys::Enforced,
            order: OrderMark::Ascending,
        }
    }
}

/// One versioned change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// What it is ordered by.
    pub version: Version,
    /// Its name, as the file's name spells it without version and ending: `add_index`.
    pub name: String,
    /// The up file's path inside of the source, with `/`: `V1__a.sql`, `2026-07-30_a/up.sql`.
    pub file: String,
    /// The up script.
    pub up: Script,
    /// The down script, where there is one.
    pub down: Option<Script>,
    /// What the up script's head, or the layout's settings, ask for.
    pub directives: Directives,
    /// The same of the down script; the default where there is none.
    pub down_directives: Directives,
}

impl Migration {
    /// What its checksum in a ledger is made of.
    #[must_use]
    pub fn fingerprinted(&self) -> Fingerprinted<'_> {
        Fingerprinted { version: &self.version, name: &self.name, text: &self.up.text }
    }
}

/// Everything that a source holds, problems included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSet {
    /// The layout that it was read by.
    pub layout: Layout,
    /// The folder, as a person would type it.
    pub root: String,
    /// The migrations, ascending by version, at most one of each version.
    pub migrations: Vec<Migration>,
    /// Everything that is wrong with the source (errors), all at once, and notes on files that
    /// are no migrations. Nothing is skipped in silence.
    pub findings: Vec<Finding>,
}

impl SourceSet {
    /// The migration of `version`, if it is there.
    #[must_use]
    pub fn get(&self, version: &Version) -> Option<&Migration> {
        let found = self.migrations.binary_search_by(|migration| migration.version.cmp(version));
        found.ok().map(|index| &self.migrations[index])
    }

    /// The same migrations with integers for versions, as Stopover's own ledger holds them.
    ///
    /// # Errors
    /// Where a version spells no integer, or two would change places: what is said names them.
    pub fn in_integers(mut self) -> Result<Self, String> {
        let mut before: Option<(i64, Version)> = None;
        for migration in &mut self.migrations {
            let Some(value) = migration.version.spelled_integer() else {
                return Err(format!("version {} spells no integer", migration.version));
            };
            if let Some((_, lower)) = before.as_ref().filter(|(before, _)| *before >= value) {
                return Err(format!(
                    "as integers {lower} and {} would change places: the layout {} orders them \
                     another way",
                    migration.version, self.layout
                ));
            }
            before = Some((value, std::mem::replace(&mut migration.version, value.into())));
        }
        Ok(self)
    }
}

/// `a, b and c`: names as a sentence lists them.
#[must_use]
pub fn detail_list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
