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

mod look;
mod seen;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stopover_backend::BackendError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use super::catalog::{self, Catalog, FIRST_OF_USERS, Kind, Oid, Relation, Since, Sizes};
use super::lookout::settings;
use crate::connect::PostgresBackend;
use crate::served::Served;

use look::{Look, look_query};
pub(super) use seen::Glimpsed;
use seen::Watch;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(10);

/// The pause is so many times what a look costs, at least.
const SHARE: u32 = 20;

/// How long ended sessions may take to go.
const GOING: Duration = Duration::from_secs(2);

/// Who is there. `$1`: the database.
const PRESENT: &str = "SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) AS a \
    WHERE a.datid = $1";

/// `$1`: the database. Sessions of other roles are left alone, and so is `$2`: who was there before the
/// programs, such as the session that keeps a given scratch for this rehearsal.
const END_OTHERS: &str = "SELECT pg_catalog.pg_terminate_backend(a.pid) \
    FROM pg_catalog.pg_stat_get_activity(NULL) AS a \
    WHERE a.datid = $1 AND a.pid <> pg_catalog.pg_backend_pid() AND a.pid <> ALL ($2) \
      AND a.backend_type = 'client backend' AND a.usesysid = ( \
        SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user)";

/// Looks until it is told to end.
pub(super) struct Watcher {
    stop: watch::Sender<bool>,
    looking: JoinHandle<Result<(), Error>>,
    seen: Arc<Mutex<Watch>>,
    before: Catalog,
    /// Processes of sessions that were there before.
    present: Vec<i32>,
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
    async fn end_others(&self, but: &[i32]) -> Result<(), Error> {
        let began = Instant::now();
        while began.elapsed() < GOING {
            let left = self.client.query(END_OTHERS, &[&self.database, &but]).await?;
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The processes of the sessions in the database.
    async fn present(&self) -> Result<Vec<i32>, Error> {
        self.client
            .query(PRESENT, &[&self.database])
            .await?
            .iter()
            .map(|it| it.try_get(0))
            .collect()
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
        let present = eye.present().await.map_err(failed)?;
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
        Ok(Self { stop, looking, seen, before, present, backend })
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
        eye.end_others(&self.present).await.map_err(|error| error.to_string())?;
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
