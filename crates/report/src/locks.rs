//! What a lock means for the people who use the table.

use std::collections::HashMap;

use stopover_model::PlannedLock;

use crate::look::Ink;

/// PostgreSQL's table-level lock modes as `pg_locks` spells them, weakest first.
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// Who waits behind a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Readers and writers.
    Everybody,
    /// Writers.
    Writers,
    /// Neither readers nor writers; other schema changes may.
    Nobody,
    /// A mode that we do not know.
    Unknown,
}

impl Effect {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Everybody => "shuts out reads and writes",
            Self::Writers => "shuts out writes",
            Self::Nobody => "reads and writes go on",
            Self::Unknown => "",
        }
    }

    /// [`Self::words`] in a column of its own.
    pub(crate) const fn stops(self) -> &'static str {
        match self {
            Self::Everybody => "no reads, no writes",
            Self::Writers => "no writes",
            Self::Nobody | Self::Unknown => "",
        }
    }

    pub(crate) const fn ink(self) -> Ink {
        match self {
            Self::Everybody => Ink::Bad,
            Self::Writers => Ink::Doubtful,
            Self::Nobody => Ink::Good,
            Self::Unknown => Ink::Plain,
        }
    }
}

/// What `mode` does to SELECT (ACCESS SHARE) and to INSERT, UPDATE and DELETE (ROW EXCLUSIVE).
///
/// Source: PostgreSQL's documentation, "Explicit Locking", table of conflicting lock modes.
pub(crate) fn effect(mode: &str) -> Effect {
    match strength(mode) {
        0 => Effect::Unknown,
        1..=4 => Effect::Nobody,
        5..=7 => Effect::Writers,
        _ => Effect::Everybody,
    }
}

/// From 1 (weakest); 0 for a mode that we do not know.
pub(crate) fn strength(mode: &str) -> usize {
    MODES.iter().position(|it| *it == mode).map_or(0, |at| at + 1)
}

/// `AccessExclusiveLock` as LOCK TABLE spells it: `ACCESS EXCLUSIVE`.
pub(crate) fn in_sql(mode: &str) -> String {
    let mut words = String::new();
    for c in mode.strip_suffix("Lock").unwrap_or(mode).chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_uppercase());
    }
    words
}

/// The strongest mode for each relation, relations in the order in which they are first locked.
pub(crate) fn strongest<'l>(
    locks: impl Iterator<Item = &'l PlannedLock>,
) -> Vec<(&'l str, &'l str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for lock in locks {
        let at = *places.entry(&lock.relation).or_insert_with(|| {
            found.push((&lock.relation, &lock.mode));
            found.len() - 1
        });
        if strength(&lock.mode) > strength(found[at].1) {
            found[at].1 = &lock.mode;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_lock_of_each_table_counts() {
        let lock = |mode: &str, relation: &str| PlannedLock {
            mode: mode.to_owned(),
            relation: relation.to_owned(),
        };
        let locks = [
            lock("ShareLock", "orders"),
            lock("RowExclusiveLock", "items"),
            lock("AccessExclusiveLock", "orders"),
            lock("RowShareLock", "orders"),
        ];
        assert_eq!(
            strongest(locks.iter()),
            [("orders", "AccessExclusiveLock"), ("items", "RowExclusiveLock")]
        );
    }

    #[test]
    fn effects_follow_the_conflict_table() {
        assert_eq!(effect("ShareUpdateExclusiveLock"), Effect::Nobody);
        assert_eq!(effect("ShareLock"), Effect::Writers);
        assert_eq!(effect("ExclusiveLock"), Effect::Writers);
        assert_eq!(effect("AccessExclusiveLock"), Effect::Everybody);
        assert_eq!(effect("SIReadLock"), Effect::Unknown);
    }
}
