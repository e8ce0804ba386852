//! PostgreSQL's table-level lock modes, who waits behind them, and for how long.
//!
//! Source of the conflicts: PostgreSQL's documentation, "Explicit Locking", "Conflicting Lock
//! Modes". What a lock means in words is the report's.

use std::fmt;

/// A table-level lock mode, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// SELECT.
    AccessShare,
    /// SELECT FOR UPDATE and the like.
    RowShare,
    /// INSERT, UPDATE, DELETE.
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

impl LockMode {
    /// All of them, weakest first.
    pub const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// What a SELECT takes.
    pub const READ: Self = Self::AccessShare;

    /// What INSERT, UPDATE and DELETE take.
    pub const WRITE: Self = Self::RowExclusive;

    /// The mode that `pg_locks` spells so; `None` for one that is no table-level lock.
    #[must_use]
    pub fn of(spelled: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == spelled)
    }

    /// As `pg_locks` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "AccessShareLock",
            Self::RowShare => "RowShareLock",
            Self::RowExclusive => "RowExclusiveLock",
            Self::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }

    /// Whether one of them waits while another session holds the other.
    #[must_use]
    pub fn conflicts_with(self, other: Self) -> bool {
        let (weak, strong) = if self <= other { (self, other) } else { (other, self) };
        match weak {
            Self::AccessShare => strong == Self::AccessExclusive,
            Self::RowShare => strong >= Self::Exclusive,
            Self::RowExclusive => strong >= Self::Share,
            Self::ShareUpdateExclusive => strong >= Self::ShareUpdateExclusive,
            // SHARE is the one mode from here on that does not conflict with itself.
            Self::Share => strong > Self::Share,
            Self::ShareRowExclusive | Self::Exclusive | Self::AccessExclusive => true,
        }
    }

    /// Whether whoever waits for `other` waits for this one as well.
    #[must_use]
    pub fn implies(self, other: Self) -> bool {
        let waits_for = |mode: Self| Self::ALL.map(|it| it.conflicts_with(mode));
        waits_for(other).into_iter().zip(waits_for(self)).all(|(other, this)| this || !other)
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A lock that was held for a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldLock {
    /// How strong.
    pub mode: LockMode,
    /// When it was taken, or queued for: whoever comes later waits behind a request as well.
    pub from_ms: f64,
    /// When it was given back.
    pub to_ms: f64,
}

/// How long somebody who wants `wanted` was shut out by any of the locks: the length of the union
/// of their times, in milliseconds.
#[must_use]
pub fn shut_out_ms(locks: &[HeldLock], wanted: LockMode) -> f64 {
    let shuts_out = |it: &&HeldLock| it.mode.conflicts_with(wanted) && it.to_ms > it.from_ms;
    let mut times: Vec<(f64, f64)> =
        locks.iter().filter(shuts_out).map(|it| (it.from_ms, it.to_ms)).collect();
    times.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut sum = 0.0;
    let mut until = f64::NEG_INFINITY;
    for (from, to) in times {
        sum += (to - from.max(until)).max(0.0);
        until = until.max(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The documentation's table, row by row: the modes that conflict with each.
    const CONFLICTS: [(LockMode, [bool; 8]); 8] = {
        use LockMode::*;
        const Y: bool = true;
        const N: bool = false;
        [
            (AccessShare, [N, N, N, N, N, N, N, Y]),
            (RowShare, [N, N, N, N, N, N, Y, Y]),
            (RowExclusive, [N, N, N, N, Y, Y, Y, Y]),
            (ShareUpdateExclusive, [N, N, N, Y, Y, Y, Y, Y]),
            (Share, [N, N, Y, Y, N, Y, Y, Y]),
            (ShareRowExclusive, [N, N, Y, Y, Y, Y, Y, Y]),
            (Exclusive, [N, Y, Y, Y, Y, Y, Y, Y]),
            (AccessExclusive, [Y, Y, Y, Y, Y, Y, Y, Y]),
        ]
    };

    #[test]
    fn conflicts_are_those_of_the_documentation() {
        for (mode, row) in CONFLICTS {
            for (other, expected) in LockMode::ALL.into_iter().zip(row) {
                assert_eq!(mode.conflicts_with(other), expected, "{mode} and {other}");
            }
        }
    }

    #[test]
    fn a_mode_implies_what_conflicts_with_no_more_than_it() {
        use LockMode::{
            AccessExclusive, AccessShare, Exclusive, Share, ShareRowExclusive, ShareUpdateExclusive,
        };
        for mode in LockMode::ALL {
            assert!(
                mode.implies(mode) && AccessExclusive.implies(mode) && mode.implies(AccessShare)
            );
        }
        assert!(ShareRowExclusive.implies(Share) && Exclusive.implies(ShareRowExclusive));
        assert!(!Share.implies(ShareUpdateExclusive), "SHARE does not keep another SHARE waiting");
    }

    #[test]
    fn modes_are_spelled_as_pg_locks_spells_them() {
        for mode in LockMode::ALL {
            assert_eq!(LockMode::of(mode.name()), Some(mode));
        }
        assert_eq!(LockMode::of("SIReadLock"), None);
    }

    fn held(mode: LockMode, from_ms: f64, to_ms: f64) -> HeldLock {
        HeldLock { mode, from_ms, to_ms }
    }

    #[test]
    fn times_that_overlap_count_once() {
        let locks = [
            held(LockMode::AccessExclusive, 10.0, 30.0),
            held(LockMode::AccessExclusive, 20.0, 25.0),
            held(LockMode::Share, 25.0, 40.0),
            held(LockMode::AccessExclusive, 50.0, 51.0),
            held(LockMode::ShareUpdateExclusive, 0.0, 1000.0),
        ];
        assert!((shut_out_ms(&locks, LockMode::READ) - 21.0).abs() < 1e-9);
        assert!((shut_out_ms(&locks, LockMode::WRITE) - 31.0).abs() < 1e-9);
        assert_eq!(shut_out_ms(&[], LockMode::READ), 0.0);
    }

    proptest! {
        #[test]
        fn a_reader_never_waits_longer_than_a_writer_nor_than_the_whole(
            locks in prop::collection::vec((0usize..8, 0u32..1000, 0u32..1000), 0..20)
        ) {
            let locks: Vec<HeldLock> = locks
                .into_iter()
                .map(|(mode, from, length)| {
                    held(LockMode::ALL[mode], f64::from(from), f64::from(from + length))
                })
                .collect();
            let reads = shut_out_ms(&locks, LockMode::READ);
            let writes = shut_out_ms(&locks, LockMode::WRITE);
            let end = locks.iter().map(|it| it.to_ms).fold(0.0, f64::max);
            prop_assert!(0.0 <= reads && reads <= writes && writes <= end);
        }
    }
}
