//! The second connection: it looks at what the session holds, and at nothing of the session's.
//!
//! What the session may be asked itself, and when, is told in [`super::within`]: elsewhere a
//! `SET TRANSACTION` must stay the first statement of its transaction, and a snapshot must be taken
//! by the migration's own statement.
//!
//! The database may be a hostile one: the search path is empty, everything is qualified, and what
//! is asked are functions and catalogs of PostgreSQL's own.

use std::time::Duration;

use stopover_backend::BackendError;
use stopover_model::LockMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use super::catalog::{self, FIRST_OF_USERS, Oid, Relation, Since, Sizes};
use super::record::Seen;
use crate::connect::PostgresBackend;
use crate::served::Served;

/// First look into a running statement; shorter ones are looked at when they have ended.
const FIRST: Duration = Duration::from_millis(4);

/// Longest pause between two looks into a running statement: no lock's begin is further off.
const LONGEST: Duration = Duration::from_millis(100);

/// The pause is so many times what a look costs, and so small a part of the statement's time.
const SHARE: u32 = 50;

/// How long the end waits for the session's process.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first major version whose sessions send their statistics when they are asked to.
pub(super) const STATISTICS_AT_ONCE: u32 = 15;

const STATISTICS: &str = "SELECT NULL::oid, pg_catalog.pg_stat_get_db_temp_bytes($1) \
    UNION ALL SELECT t.oid, pg_catalog.pg_stat_get_numscans(t.oid) \
    FROM pg_catalog.unnest($2) AS t (oid)";

/// What the server counts.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    pub(super) temp: i64,
    pub(super) scans: Vec<(Oid, i64)>,
}

/// Whether anybody else writes to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// Nobody: all of its WAL is the migrations'.
    None,
    /// Maybe somebody.
    Some,
}

/// Looks at one session.
pub(super) struct Lookout {
    client: Client,
    _served: Served,
    look: Statement,
    resolve: Statement,
    everything: Statement,
    statistics: Statement,
    pub(super) process: i32,
    pub(super) database: Oid,
    /// Whether a session can send its statistics at once, and does when it ends.
    pub(super) sends_statistics: bool,
}

impl Lookout {
    /// Connects beside the session of the process `process`.
    pub(super) async fn open(
        backend: &PostgresBackend,
        process: i32,
        neighbours: Neighbours,
    ) -> Result<Self, BackendError> {
        let (client, served, _) = backend.open().await?;
        let failed = |error: Error| crate::error::request_error(&error);
        client.batch_execute(&settings(&served.version)).await.map_err(failed)?;
        let database = "SELECT oid FROM pg_catalog.pg_database \
                        WHERE datname = pg_catalog.current_database()";
        let database = client.query_one(database, &[]).await.map_err(failed)?;
        let look = client.prepare_typed(&look_query(neighbours), &[Type::INT4, Type::OID]).await;
        let resolve = catalog::query("c.oid = ANY ($1)", Sizes::LeftOut);
        let resolve = client.prepare_typed(&resolve, &[Type::OID_ARRAY]).await;
        let everything = catalog::query(&of_users(), Sizes::LeftOut);
        Ok(Self {
            look: look.map_err(failed)?,
            resolve: resolve.map_err(failed)?,
            everything: client.prepare(&everything).await.map_err(failed)?,
            statistics: client
                .prepare_typed(STATISTICS, &[Type::OID, Type::OID_ARRAY])
                .await
                .map_err(failed)?,
            sends_statistics: major(&served.version) >= STATISTICS_AT_ONCE,
            database: database.try_get(0).map_err(failed)?,
            client,
            _served: served,
            process,
        })
    }

    /// Every relation of the users, with its size.
    pub(super) async fn baseline(&self) -> Result<Vec<(Oid, Relation)>, Error> {
        let sql = catalog::query(&of_users(), Sizes::Read);
        let rows = self.client.query(&sql, &[]).await?;
        Ok(rows.iter().filter_map(|row| catalog::relation(row, Since::Before)).collect())
    }

    /// Every relation of the users as it is now.
    pub(super) async fn everything(&self) -> Result<Vec<(Oid, Relation)>, Error> {
        let rows = self.client.query(&self.everything, &[]).await?;
        Ok(rows.iter().filter_map(|row| catalog::relation(row, Since::Run)).collect())
    }

    /// One look.
    pub(super) async fn look(&self) -> Result<Seen, Error> {
        let rows = self.client.query(&self.look, &[&self.process, &self.database]).await?;
        let mut seen = Seen::default();
        for row in &rows {
            let Some(relation) = row.try_get::<_, Option<Oid>>(0)? else {
                (seen.wal, seen.temp) = (row.try_get(2)?, row.try_get(3)?);
                continue;
            };
            // Nobody waits for a predicate lock (`SIReadLock`).
            seen.locks.extend(LockMode::of(row.try_get(1)?).map(|mode| (relation, mode)));
        }
        Ok(seen)
    }

    /// Bytes in temporary files, and how often each of the tables was read from its beginning.
    pub(super) async fn statistics(&self, tables: &[Oid]) -> Result<Statistics, Error> {
        let rows = self.client.query(&self.statistics, &[&self.database, &tables]).await?;
        let mut statistics = Statistics::default();
        for row in &rows {
            let (table, value): (Option<Oid>, i64) = (row.try_get(0)?, row.try_get(1)?);
            match table {
                Some(table) => statistics.scans.push((table, value)),
                None => statistics.temp = value,
            }
        }
        Ok(statistics)
    }

    /// Waits for the end of the session's process: its statistics are complete then.
    pub(super) async fn outlives(&self) -> bool {
        let sql = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity($1))";
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            match self.client.query_one(sql, &[&self.process]).await {
                Ok(row) if row.try_get(0).unwrap_or(false) => return true,
                Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(_) => return false,
            }
        }
        false
    }

    /// What these relations are, those that are there.
    pub(super) async fn resolve(&self, oids: &[Oid]) -> Result<Vec<(Oid, Relation)>, Error> {
        let rows = self.client.query(&self.resolve, &[&oids]).await?;
        Ok(rows.iter().filter_map(|row| catalog::relation(row, Since::Run)).collect())
    }
}

/// A pause that grows with the statement's time and with what a look costs.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { pause: FIRST }
    }

    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// A look took so long, so long after the statement's begin.
    pub(super) fn looked(&mut self, cost: Duration, elapsed: Duration) {
        self.pause = (cost * SHARE).max(elapsed / SHARE).clamp(FIRST, LONGEST);
    }
}

/// `15.18 (Debian …)` is 15; 0 where it cannot be read.
fn major(version: &str) -> u32 {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// Settings that hold whatever the role's are. A migration that locks the catalogs themselves must
/// not keep a look for longer than that.
pub(super) fn settings(version: &str) -> String {
    let idle = if major(version) < 14 { "" } else { "SET idle_session_timeout = 0;" };
    format!(
        "SET search_path = ''; SET jit = off; SET default_transaction_read_only = on; \
         SET default_transaction_isolation = 'read committed'; \
         SET statement_timeout = '5s'; SET lock_timeout = '1s'; {idle}"
    )
}

fn of_users() -> String {
    format!("c.oid >= {FIRST_OF_USERS}")
}

/// The position in the WAL as a number, where it means anything.
pub(super) const fn wal(neighbours: Neighbours) -> &'static str {
    match neighbours {
        Neighbours::None => {
            "pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint"
        }
        Neighbours::Some => "NULL::bigint",
    }
}

/// The locks of one process, and a row with the WAL position. Locks that are waited for count:
/// everybody who comes later queues behind them.
fn look_query(neighbours: Neighbours) -> String {
    let wal = wal(neighbours);
    format!(
        "SELECT NULL::oid, NULL::text, {wal}, pg_catalog.pg_stat_get_db_temp_bytes($2) \
         UNION ALL SELECT l.relation, l.mode, NULL, NULL \
         FROM pg_catalog.pg_lock_status() AS l \
         WHERE l.pid = $1 AND l.locktype = 'relation' AND l.database = $2 \
           AND l.relation >= {FIRST_OF_USERS}"
    )
}
