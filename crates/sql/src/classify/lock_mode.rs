//! Table-level lock modes and claims of them.

use std::fmt;

/// PostgreSQL's table-level lock modes, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Reads.
    AccessShare,
    /// SELECT FOR UPDATE and the like.
    RowShare,
    /// Writes.
    RowExclusive,
    /// VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY and the like.
    ShareUpdateExclusive,
    /// CREATE INDEX.
    Share,
    /// CREATE TRIGGER, foreign keys.
    ShareRowExclusive,
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY.
    Exclusive,
    /// Most of ALTER TABLE, DROP, TRUNCATE.
    AccessExclusive,
}

impl fmt::Display for LockMode {
    /// As `pg_locks.mode` spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LockMode::AccessShare => "AccessShareLock",
            LockMode::RowShare => "RowShareLock",
            LockMode::RowExclusive => "RowExclusiveLock",
            LockMode::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            LockMode::Share => "ShareLock",
            LockMode::ShareRowExclusive => "ShareRowExclusiveLock",
            LockMode::Exclusive => "ExclusiveLock",
            LockMode::AccessExclusive => "AccessExclusiveLock",
        })
    }
}

impl LockMode {
    /// The mode that `LOCK TABLE … IN … MODE` names with these words, in capitals.
    pub(super) fn named(words: &str) -> Option<LockMode> {
        Some(match words {
            "ACCESS SHARE" => LockMode::AccessShare,
            "ROW SHARE" => LockMode::RowShare,
            "ROW EXCLUSIVE" => LockMode::RowExclusive,
            "SHARE UPDATE EXCLUSIVE" => LockMode::ShareUpdateExclusive,
            "SHARE" => LockMode::Share,
            "SHARE ROW EXCLUSIVE" => LockMode::ShareRowExclusive,
            "EXCLUSIVE" => LockMode::Exclusive,
            "ACCESS EXCLUSIVE" => LockMode::AccessExclusive,
            _ => return None,
        })
    }
}

/// A lock that a statement takes on a relation that its text names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LockClaim {
    /// How strong.
    pub mode: LockMode,
    /// The relation as written, with its schema if one is written; unquoted parts in lower case,
    /// quotes only where the name needs them.
    pub relation: String,
}
