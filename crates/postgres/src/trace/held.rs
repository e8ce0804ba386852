//! Which locks were held, from when to when, as far as looks at the server tell.
//!
//! A lock that a look shows and the one before did not was taken somewhere between them: it counts
//! from the moment when the earlier look was sent. One that is gone counts until the later look.
//! So a time is never too short, and too long by two looks' distance at most.

use std::collections::HashMap;

use stopover_model::LockMode;

use super::catalog::Oid;

/// A lock of a relation.
pub(super) type Lock = (Oid, LockMode);

/// A lock, and its time in milliseconds since the observation began.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) lock: Lock,
    pub(super) from: f64,
    /// `None` while it is held.
    pub(super) to: Option<f64>,
    /// The statement that took it: its place in the record.
    pub(super) statement: usize,
    /// Who can wait for it.
    pub(super) reach: Reach,
}

/// Who can wait for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everybody: the relation was there.
    Everybody,
    /// Nobody else: the open transaction has made the relation.
    Nobody,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) spans: Vec<Span>,
    open: HashMap<Lock, usize>,
}

impl Held {
    /// A look during or after `statement` showed exactly these locks. New ones count from `from`,
    /// lost ones until `to`.
    pub(super) fn see(&mut self, locks: &[(Lock, Reach)], statement: usize, from: f64, to: f64) {
        let spans = &mut self.spans;
        self.open.retain(|lock, at| {
            let is_held = locks.iter().any(|it| it.0 == *lock);
            if !is_held {
                spans[*at].to = Some(to);
            }
            is_held
        });
        for &(lock, reach) in locks {
            self.open.entry(lock).or_insert_with(|| {
                spans.push(Span { lock, from, to: None, statement, reach });
                spans.len() - 1
            });
        }
    }

    /// The transaction has ended, and every lock with it.
    pub(super) fn end(&mut self, at: f64) {
        for (_, open) in self.open.drain() {
            self.spans[open].to = Some(at);
        }
    }

    /// A lock that no look showed, and that was held at most so long.
    pub(super) fn claim(&mut self, lock: Lock, statement: usize, from: f64, to: f64) {
        let is_known = |it: &Span| it.statement == statement && it.lock == lock;
        if !self.spans.iter().rev().any(is_known) && !self.open.contains_key(&lock) {
            let reach = Reach::Everybody;
            self.spans.push(Span { lock, from, to: Some(to), statement, reach });
        }
    }

    /// Takes out the locks that are held no more.
    pub(super) fn take_ended(&mut self) -> Vec<Span> {
        let (ended, held): (Vec<Span>, Vec<Span>) =
            std::mem::take(&mut self.spans).into_iter().partition(|it| it.to.is_some());
        self.open = held.iter().enumerate().map(|(at, it)| (it.lock, at)).collect();
        self.spans = held;
        ended
    }

    /// What is held now.
    pub(super) fn open(&self) -> impl Iterator<Item = Lock> + '_ {
        self.open.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: (Lock, Reach) = ((1, LockMode::AccessExclusive), Reach::Everybody);
    const WEAK: (Lock, Reach) = ((1, LockMode::AccessShare), Reach::Everybody);

    #[test]
    fn a_lock_is_held_from_the_look_before_it_to_the_transactions_end() {
        let mut held = Held::default();
        held.see(&[WEAK], 0, 1.0, 2.0);
        held.see(&[WEAK, WIDE], 1, 5.0, 8.0);
        held.end(20.0);
        let times: Vec<_> =
            held.spans.iter().map(|it| (it.lock, it.statement, it.from, it.to)).collect();
        assert_eq!(times, [(WEAK.0, 0, 1.0, Some(20.0)), (WIDE.0, 1, 5.0, Some(20.0))]);
        assert_eq!(held.open().count(), 0);
    }

    #[test]
    fn what_a_rollback_to_a_savepoint_frees_is_held_until_then_only() {
        let mut held = Held::default();
        held.see(&[WIDE], 0, 0.0, 1.0);
        held.see(&[], 1, 1.0, 4.0);
        held.end(9.0);
        assert_eq!(held.spans[0].to, Some(4.0));
        held.see(&[WIDE], 2, 10.0, 11.0);
        assert_eq!(held.spans.len(), 2, "taken again, it is another lock");
    }

    #[test]
    fn a_lock_that_was_seen_is_not_claimed_again() {
        let mut held = Held::default();
        held.see(&[WIDE], 0, 2.0, 3.0);
        held.see(&[], 0, 3.0, 4.0);
        held.claim(WIDE.0, 0, 0.0, 10.0);
        held.claim(WEAK.0, 0, 0.0, 10.0);
        assert_eq!(held.spans.len(), 2);
        assert_eq!(held.spans[0].to, Some(4.0));
        assert_eq!(held.spans[1].to, Some(10.0));
    }
}
