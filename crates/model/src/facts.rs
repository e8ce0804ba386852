//! What was read from a database before judging.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ChecksumKind, Edit, Healed, LedgerKind, LedgerRow, Recovery, Version};

/// Whose database it is: it decides how scripts are read, and what can be in a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// SQLite.
    Sqlite,
}

impl std::fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        })
    }
}

/// A ledger as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFacts {
    /// Whose it is.
    pub kind: LedgerKind,
    /// The table's qualified name.
    pub table: String,
    /// Whether the table is there. A ledger that is not there yet has no rows.
    pub exists: bool,
    /// How it fingerprints migrations: mostly [`LedgerKind::checksums`].
    pub checksums: ChecksumKind,
    /// Its rows, ascending by version.
    pub rows: Vec<LedgerRow>,
}

/// A ledger that is there, chosen or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSeen {
    /// Whose it is.
    pub kind: LedgerKind,
    /// The table's qualified name.
    pub table: String,
}

/// A golang-migrate counter that is there: it can be adopted, not used in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    /// The table's qualified name.
    pub table: String,
}

/// Everything that the planner needs to know of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whose database it is.
    pub database: DatabaseKind,
    /// The ledger that is used.
    pub ledger: LedgerFacts,
    /// Every ledger that is there.
    pub ledgers: Vec<LedgerSeen>,
    /// Counters of golang-migrate that are there.
    pub trackers: Vec<Tracker>,
    /// Up to five names of tables of users (no ledger, no extension's), to tell an empty
    /// database from one with a history.
    pub user_tables: Vec<String>,
    /// The server's version as it says it, e.g. `15.18`.
    pub server_version: String,
    /// The role that asks.
    pub role: String,
    /// How it reads plain strings, in the session of this role.
    pub plain_strings: PlainStrings,
    /// What was found out of migrations that were interrupted; those that are not named here
    /// were not looked at.
    pub recoveries: Vec<Recovery>,
    /// Whether the rows' checksums were held against the files.
    pub fingerprints: Fingerprints,
    /// What was found out of migrations that were edited since they were applied; those that are
    /// not named here were not looked at.
    pub edits: Vec<Edit>,
    /// Every heal that the journal tells of, oldest first.
    pub healed: Vec<Healed>,
}

/// What a backslash in `'…'` is: the setting `standard_conforming_strings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlainStrings {
    /// A backslash.
    #[default]
    Standard,
    /// The beginning of an escape.
    Escaping,
}

/// Who holds the run lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockHolder {
    /// Backend process id.
    pub pid: i32,
    /// `application_name`.
    pub application: Option<String>,
    /// Client address, or `local` for a Unix socket.
    pub host: Option<String>,
    /// Since when its session lives.
    pub since: Option<jiff::Timestamp>,
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if let Some(application) = self.application.as_deref().filter(|it| !it.is_empty()) {
            write!(f, ", {application}")?;
        }
        write!(f, " on {}", self.host.as_deref().unwrap_or("an unknown host"))?;
        if let Some(since) = self.since {
            write!(f, ", since {}", since.strftime("%Y-%m-%dT%H:%M:%SZ"))?;
        }
        Ok(())
    }
}

/// The ledger's checksums against the files of the source, for whoever compares them before the plan
/// does: of a long history several threads do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fingerprints {
    /// Nobody has looked: whoever needs to know compares.
    #[default]
    NotCompared,
    /// Every row was compared with the file of its version. These have another one than was applied;
    /// a repeatable migration that has changed is none of them.
    Compared(BTreeSet<Version>),
}
