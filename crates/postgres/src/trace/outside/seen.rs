//! What the looks show, put together: locks and statements with their times.

use std::collections::{BTreeMap, HashMap};

use super::super::catalog::Catalog;
use super::super::held::{Held, Lock, Reach, Span};
use super::look::{Glimpse, Look};

/// A statement that took longer is told of whether or not it held a lock.
const LONG_MS: f64 = 100.0;

/// How many statements are told of.
const MOST: usize = 500;

/// A statement as far as it was seen.
#[derive(Debug, Clone)]
pub(in crate::trace) struct Glimpsed {
    pub(in crate::trace) session: u32,
    pub(in crate::trace) text: String,
    pub(in crate::trace) from: f64,
    pub(in crate::trace) to: f64,
}

/// One session.
#[derive(Debug, Default)]
struct Watched {
    number: u32,
    held: Held,
    /// The statement that was seen last: its place, and when it began by the server's clock.
    last: Option<(usize, Option<f64>)>,
    transaction: Option<f64>,
}

/// Everything that was seen. Times are milliseconds since the first look, by the server's clock.
#[derive(Debug, Default)]
pub(in crate::trace) struct Watch {
    began: Option<f64>,
    looked: f64,
    pub(in crate::trace) count: u64,
    pub(in crate::trace) longest: f64,
    next: usize,
    numbers: u32,
    sessions: HashMap<i32, Watched>,
    pub(in crate::trace) statements: BTreeMap<usize, Glimpsed>,
    pub(in crate::trace) spans: Vec<Span>,
}

impl Watch {
    /// Takes up a look.
    pub(super) fn see(&mut self, look: Look, catalog: &Catalog) {
        let began = *self.began.get_or_insert(look.now);
        let now = look.now - began;
        if self.count > 0 {
            self.longest = self.longest.max(now - self.looked);
        }
        let gone: Vec<i32> =
            self.sessions.keys().filter(|it| !look.sessions.contains_key(it)).copied().collect();
        for process in gone {
            if let Some(session) = self.sessions.remove(&process) {
                self.close(session, now);
            }
        }
        for (process, glimpse) in look.sessions {
            self.see_session(process, &glimpse, now, catalog);
        }
        self.count += 1;
        self.looked = now;
    }

    fn see_session(&mut self, process: i32, glimpse: &Glimpse, now: f64, catalog: &Catalog) {
        let began = self.began.unwrap_or_default();
        let at = |time: Option<f64>| time.map(|it| it - began);
        let mut session = self.sessions.remove(&process).unwrap_or_else(|| {
            self.numbers += 1;
            Watched { number: self.numbers, ..Watched::default() }
        });
        if session.transaction != glimpse.transaction && session.transaction.is_some() {
            // Between this look and the one before; the server may tell it more closely.
            let told = at(glimpse.transaction.or(glimpse.change)).unwrap_or(now);
            session.held.end(told.clamp(self.looked.min(now), now));
        }
        session.transaction = glimpse.transaction;
        let place = self.see_statement(&mut session, glimpse, now);
        let earliest = at(glimpse.transaction).unwrap_or(self.looked).max(self.looked);
        let reach = |oid| if catalog.get(oid).is_some() { Reach::Everybody } else { Reach::Nobody };
        let locks: Vec<(Lock, Reach)> = glimpse
            .locks
            .iter()
            .map(|lock| (*lock, reach(lock.0)))
            .filter(|it| it.1 == Reach::Everybody)
            .collect();
        session.held.see(&locks, place, earliest.min(now), now);
        self.spans.append(&mut session.held.take_ended());
        self.sessions.insert(process, session);
    }

    /// The place of the statement that the session runs, or ran last.
    fn see_statement(&mut self, session: &mut Watched, glimpse: &Glimpse, now: f64) -> usize {
        let began = self.began.unwrap_or_default();
        let at = |time: Option<f64>| time.map(|it| it - began);
        let end = if glimpse.active { now } else { at(glimpse.change).unwrap_or(now).min(now) };
        let place = match session.last.filter(|it| it.1 == glimpse.query) {
            Some((place, _)) => place,
            None => {
                let next = self.next;
                self.next += 1;
                let from = at(glimpse.query).unwrap_or(self.looked).max(0.0);
                if let Some((last, _)) = session.last.replace((next, glimpse.query)) {
                    self.leave(last, &session.held);
                }
                let text = glimpse.text.clone();
                let glimpsed = Glimpsed { session: session.number, text, from, to: from };
                self.statements.insert(next, glimpsed);
                next
            }
        };
        if let Some(statement) = self.statements.get_mut(&place) {
            statement.to = statement.to.max(end);
        }
        place
    }

    /// A session that is gone.
    fn close(&mut self, mut session: Watched, now: f64) {
        session.held.end(now);
        let ended = session.held.take_ended();
        self.spans.extend(ended);
        if let Some((last, _)) = session.last {
            self.leave(last, &session.held);
        }
    }

    /// A statement that is over: one that held nothing and was short is forgotten.
    fn leave(&mut self, place: usize, held: &Held) {
        let short = self.statements.get(&place).is_some_and(|it| it.to - it.from < LONG_MS);
        let holds = |spans: &[Span]| spans.iter().rev().any(|it| it.statement == place);
        if short && !holds(&self.spans) && !holds(&held.spans) {
            self.statements.remove(&place);
        }
    }

    /// Nothing more is seen.
    pub(super) fn end(&mut self) {
        let now = self.looked;
        for (_, session) in std::mem::take(&mut self.sessions) {
            self.close(session, now);
        }
        if self.statements.len() > MOST {
            let mut by_length: Vec<(f64, usize)> =
                self.statements.iter().map(|(place, it)| (it.to - it.from, *place)).collect();
            by_length.sort_by(|left, right| right.0.total_cmp(&left.0));
            for (_, place) in by_length.into_iter().skip(MOST) {
                self.statements.remove(&place);
            }
        }
    }

    /// The usual distance of two looks.
    pub(in crate::trace) fn every(&self) -> f64 {
        if self.count > 1 { self.looked / (self.count - 1) as f64 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use stopover_model::LockMode;

    use super::*;
    use crate::trace::catalog::tests::table;

    fn glimpse(transaction: f64, query: f64, locks: &[Lock]) -> Glimpse {
        Glimpse {
            active: true,
            transaction: Some(transaction),
            query: Some(query),
            change: Some(query),
            text: "ALTER TABLE orders".to_owned(),
            locks: locks.to_vec(),
        }
    }

    fn look(now: f64, sessions: &[(i32, Glimpse)]) -> Look {
        Look { now, sessions: sessions.iter().cloned().collect() }
    }

    const WIDE: Lock = (1, LockMode::AccessExclusive);

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.take(1, table("public.orders", &[]));
        catalog
    }

    #[test]
    fn a_lock_counts_from_the_look_before_it_to_the_end_that_the_server_tells() {
        let (catalog, mut watch) = (catalog(), Watch::default());
        watch.see(look(1000.0, &[]), &catalog);
        watch.see(look(1010.0, &[(7, glimpse(1004.0, 1004.0, &[]))]), &catalog);
        watch.see(look(1020.0, &[(7, glimpse(1004.0, 1012.0, &[WIDE]))]), &catalog);
        let idle = Glimpse {
            active: false,
            transaction: None,
            change: Some(1214.0),
            ..glimpse(0.0, 1012.0, &[])
        };
        watch.see(look(1220.0, &[(7, idle)]), &catalog);
        watch.end();
        let spans: Vec<_> = watch.spans.iter().map(|it| (it.from, it.to)).collect();
        assert_eq!(spans, [(10.0, Some(214.0))]);
        let told: Vec<_> = watch.statements.values().map(|it| (it.from, it.to)).collect();
        assert_eq!(told, [(12.0, 214.0)], "the short one without a lock is forgotten");
        assert_eq!((watch.count, watch.longest), (4, 200.0));
    }

    #[test]
    fn two_sessions_that_hold_the_same_lock_are_told_apart_and_one_that_is_gone_holds_nothing() {
        let (catalog, mut watch) = (catalog(), Watch::default());
        let share: Lock = (1, LockMode::Share);
        watch.see(look(0.0, &[]), &catalog);
        let both = [(7, glimpse(2.0, 2.0, &[share])), (8, glimpse(3.0, 3.0, &[share]))];
        watch.see(look(10.0, &both), &catalog);
        watch.see(look(20.0, &[(8, glimpse(3.0, 3.0, &[share]))]), &catalog);
        watch.see(look(30.0, &[]), &catalog);
        watch.end();
        let spans: Vec<_> = watch.spans.iter().map(|it| (it.from, it.to)).collect();
        assert_eq!(spans, [(2.0, Some(20.0)), (3.0, Some(30.0))]);
        assert_eq!(watch.statements.values().map(|it| it.session).max(), Some(2));
    }

    #[test]
    fn a_relation_that_was_not_there_before_keeps_nobody_waiting() {
        let (catalog, mut watch) = (catalog(), Watch::default());
        let new: Lock = (9, LockMode::AccessExclusive);
        watch.see(look(0.0, &[]), &catalog);
        watch.see(look(10.0, &[(7, glimpse(2.0, 2.0, &[new]))]), &catalog);
        watch.end();
        assert!(watch.spans.is_empty());
    }
}
