//! Looks from outside at sessions that somebody else opened: a tool of the user's that migrates.
//!
//! Nobody tells when its statements begin and end, so a third connection looks at `pg_locks` and
//! `pg_stat_activity` again and again. A lock counts from the look before it was seen (but not from
//! before its transaction) to the look that misses it (or to the end of its transaction, which the
//! server tells): never too short for what was seen at all. What is held for a shorter time than
//! the distance of two looks may not be seen, and the report says so.
//!
//! Locks that keep neither readers nor writers nor each other waiting are left out, and so are
//! those on relations that were not there before.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stopover_backend::BackendError;
use stopover_model::LockMode;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row, Statement};

use super::catalog::{self, Catalog, FIRST_OF_USERS, Kind, Oid, Relation, Since, Sizes};
use super::held::{Held, Lock, Reach, Span};
use super::lookout::settings;
use crate::connect::PostgresBackend;
use crate::served::Served;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(10);

/// The pause is so many times what a look costs, at least.
const SHARE: u32 = 20;

/// A statement that took longer is told of whether or not it held a lock.
const LONG_MS: f64 = 100.0;

/// How many statements are told of.
const MOST: usize = 500;

/// Weaker ones keep nobody waiting but those who want a whole table.
const WEAKEST: LockMode = LockMode::ShareUpdateExclusive;

/// How long ended sessions may take to go.
const GOING: Duration = Duration::from_secs(2);

/// `$1`: the database. Sessions of other roles are left alone.
const END_OTHERS: &str = "SELECT pg_catalog.pg_terminate_backend(a.pid) \
    FROM pg_catalog.pg_stat_get_activity(NULL) AS a \
    WHERE a.datid = $1 AND a.pid <> pg_catalog.pg_backend_pid() \
      AND a.backend_type = 'client backend' AND a.usesysid = ( \
        SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user)";

/// `$1`: the database. One row for each session, and for each of its locks.
fn look_query() -> String {
    let ms = |it: &str| format!("(1000 * extract(epoch FROM {it}))::float8");
    let (now, transaction) = (ms("pg_catalog.clock_timestamp()"), ms("a.xact_start"));
    let (query, change) = (ms("a.query_start"), ms("a.state_change"));
    format!(
        "SELECT {now}, a.pid, a.state = 'active', {transaction}, {query}, {change}, \
           pg_catalog.left(a.query, 1000), l.relation, l.mode \
         FROM (SELECT) AS one \
         LEFT JOIN (pg_catalog.pg_stat_get_activity(NULL) AS a \
           LEFT JOIN pg_catalog.pg_lock_status() AS l \
             ON l.pid = a.pid AND l.locktype = 'relation' AND l.database = $1 \
             AND l.relation >= {FIRST_OF_USERS} \
             AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')) \
         ON a.datid = $1 AND a.pid <> pg_catalog.pg_backend_pid() \
           AND a.backend_type = 'client backend'"
    )
}

/// What one look shows of one session.
#[derive(Debug, Clone, Default)]
struct Glimpse {
    active: bool,
    transaction: Option<f64>,
    query: Option<f64>,
    change: Option<f64>,
    text: String,
    locks: Vec<Lock>,
}

/// One look: the server's clock, and every session that is not ours, by process.
#[derive(Debug, Default)]
struct Look {
    now: f64,
    sessions: BTreeMap<i32, Glimpse>,
}

impl Look {
    fn of(rows: &[Row]) -> Result<Self, Error> {
        let mut look = Self::default();
        for row in rows {
            look.now = row.try_get(0)?;
            let Some(process) = row.try_get::<_, Option<i32>>(1)? else { continue };
            if let std::collections::btree_map::Entry::Vacant(new) = look.sessions.entry(process) {
                new.insert(Glimpse {
                    // Of other roles' sessions nothing is told.
                    active: row.try_get::<_, Option<bool>>(2)?.unwrap_or(true),
                    transaction: row.try_get(3)?,
                    query: row.try_get(4)?,
                    change: row.try_get(5)?,
                    text: row.try_get::<_, Option<String>>(6)?.unwrap_or_default(),
                    locks: Vec::new(),
                });
            }
            let (Some(oid), Some(mode)) = (row.try_get(7)?, row.try_get::<_, Option<&str>>(8)?)
            else {
                continue;
            };
            if let (Some(glimpse), Some(mode)) =
                (look.sessions.get_mut(&process), LockMode::of(mode).filter(|it| *it >= WEAKEST))
            {
                glimpse.locks.push((oid, mode));
            }
        }
        Ok(look)
    }
}

/// A statement as far as it was seen.
#[derive(Debug, Clone)]
pub(super) struct Glimpsed {
    pub(super) session: u32,
    pub(super) text: String,
    pub(super) from: f64,
    pub(super) to: f64,
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
pub(super) struct Watch {
    began: Option<f64>,
    looked: f64,
    pub(super) count: u64,
    pub(super) longest: f64,
    next: usize,
    numbers: u32,
    sessions: HashMap<i32, Watched>,
    pub(super) statements: BTreeMap<usize, Glimpsed>,
    pub(super) spans: Vec<Span>,
}

impl Watch {
    /// Takes up a look.
    fn see(&mut self, look: Look, catalog: &Catalog) {
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
        let known = session.last.filter(|it| it.1 == glimpse.query);
        let end = if glimpse.active { now } else { at(glimpse.change).unwrap_or(now).min(now) };
        let place = match known {
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
    fn end(&mut self) {
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
    pub(super) fn every(&self) -> f64 {
        if self.count > 1 { self.looked / (self.count - 1) as f64 } else { 0.0 }
    }
}

/// Looks until it is told to end.
pub(super) struct Watcher {
    stop: watch::Sender<bool>,
    looking: JoinHandle<Result<(), Error>>,
    seen: Arc<Mutex<Watch>>,
    before: Catalog,
    backend: PostgresBackend,
}

/// What a watcher saw, and the relations before and after.
pub(super) struct Watching {
    pub(super) watch: Watch,
    pub(super) before: Catalog,
    after: Vec<(Oid, Relation)>,
}

struct Eye {
    client: Client,
    _served: Served,
    look: Statement,
    database: Oid,
}

impl Eye {
    async fn open(backend: &PostgresBackend) -> Result<Self, BackendError> {
        let (client, served, _) = backend.open().await?;
        let failed = |error: Error| crate::error::request_error(&error);
        client.batch_execute(&settings(&served.version)).await.map_err(failed)?;
        let database = "SELECT oid FROM pg_catalog.pg_database \
                        WHERE datname = pg_catalog.current_database()";
        let database = client.query_one(database, &[]).await.map_err(failed)?;
        let look = client.prepare_typed(&look_query(), &[Type::OID]).await.map_err(failed)?;
        let database = database.try_get(0).map_err(failed)?;
        Ok(Self { client, _served: served, look, database })
    }

    async fn look(&self) -> Result<Look, Error> {
        Look::of(&self.client.query(&self.look, &[&self.database]).await?)
    }

    /// Ends the sessions that are left of programs that have ended: a statement may go on without its
    /// client, and keep its locks.
    async fn end_others(&self) -> Result<(), Error> {
        let began = Instant::now();
        while began.elapsed() < GOING {
            let left = self.client.query(END_OTHERS, &[&self.database]).await?;
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Every relation of the users, with its size.
    async fn relations(&self) -> Result<Vec<(Oid, Relation)>, Error> {
        let sql = catalog::query(&format!("c.oid >= {FIRST_OF_USERS}"), Sizes::Read);
        let rows = self.client.query(&sql, &[]).await?;
        Ok(rows.iter().filter_map(|row| catalog::relation(row, Since::Before)).collect())
    }
}

impl Watcher {
    /// Connects, looks once, and goes on looking.
    pub(super) async fn start(backend: PostgresBackend) -> Result<Self, BackendError> {
        let failed = |error: Error| crate::error::request_error(&error);
        let eye = Eye::open(&backend).await?;
        let (mut known, mut before) = (Catalog::default(), Catalog::default());
        for (oid, relation) in eye.relations().await.map_err(failed)? {
            known.take(oid, relation.clone());
            before.take(oid, relation);
        }
        let mut first = Watch::default();
        first.see(eye.look().await.map_err(failed)?, &known);
        let seen = Arc::new(Mutex::new(first));
        let (stop, stopping) = watch::channel(false);
        let looking = tokio::spawn(keep_looking(eye, known, Arc::clone(&seen), stopping));
        Ok(Self { stop, looking, seen, before, backend })
    }

    /// Looks no more, and tells what was seen.
    pub(super) async fn finish(self) -> Result<Watching, String> {
        // Nobody listens where it broke off by itself.
        let _ = self.stop.send(true);
        match self.looking.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(error) => return Err(error.to_string()),
        }
        let mut watch =
            std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        watch.end();
        let eye = Eye::open(&self.backend).await.map_err(|error| error.to_string())?;
        eye.end_others().await.map_err(|error| error.to_string())?;
        let after = eye.relations().await.map_err(|error| error.to_string())?;
        Ok(Watching { watch, before: self.before, after })
    }
}

async fn keep_looking(
    eye: Eye,
    known: Catalog,
    seen: Arc<Mutex<Watch>>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Error> {
    let mut pause = EVERY;
    loop {
        let ended = tokio::select! {
            changed = stopping.changed() => changed.is_err() || *stopping.borrow(),
            () = tokio::time::sleep(pause) => false,
        };
        let sent = Instant::now();
        let look = eye.look().await?;
        seen.lock().unwrap_or_else(PoisonError::into_inner).see(look, &known);
        if ended {
            return Ok(());
        }
        pause = (sent.elapsed() * SHARE).max(EVERY);
    }
}

impl Watching {
    /// Tables that have another file than before; an empty one was only emptied.
    pub(super) fn rewrites(&self) -> Vec<String> {
        let rewritten = |(oid, now): &(Oid, Relation)| {
            let known = self.before.get(*oid)?;
            let is_other = known.kind == Kind::Table && known.filenode != now.filenode;
            (is_other && now.bytes != Some(0)).then(|| known.name_before.clone())
        };
        let mut rewrites: Vec<String> = self.after.iter().filter_map(rewritten).collect();
        rewrites.sort();
        rewrites
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::tests::table;
    use super::*;

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
