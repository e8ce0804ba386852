//! Migrations and the source that they come from.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Version};

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
}

impl Layout {
    /// Every layout, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Pairs, Self::Sqlx, Self::Diesel];

    /// The name, as `--layout` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One script of a migration: its bytes as they are in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The file's path, as a person would type it to open the file.
    pub path: String,
    /// The file's text, byte for byte (a byte-order mark and CRLF included).
    pub text: String,
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
    /// The up script.
    pub up: Script,
    /// The down script, where there is one.
    pub down: Option<Script>,
    /// What the up script's head, or the layout's settings, ask for.
    pub directives: Directives,
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
