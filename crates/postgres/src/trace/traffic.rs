//! Synthetic readers and writers beside the migrations: what they really wait for.
//!
//! Each table that a statement's text names gets a reader and a writer before the statement runs,
//! each with a connection of its own, until the end. A read is of one row; a write is a DELETE of the
//! row at a place where none can be, rolled back: it locks what every write locks, and finds nothing. Where a
//! trigger would run for it, or a rule puts another statement in its place, the lock alone is
//! taken.
//!
//! What they wait is not the trace: it is what the trace is compared with.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use stopover_model::report::TrafficReport;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error};

use super::catalog::{Oid, Relation};
use super::lookout::settings;
use crate::connect::PostgresBackend;
use crate::served::Served;

/// Tables with traffic: each needs two connections of the server's.
const MOST_TABLES: usize = 20;

/// A query that took longer has waited for something.
const WAITED: Duration = Duration::from_millis(20);

/// How long the end waits for a query that still waits for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// All readers and writers.
pub(super) struct Traffic {
    pause: Duration,
    tables: HashMap<Oid, Pair>,
    /// Those that cannot have any, with what was tried.
    without: HashSet<Oid>,
    stop: watch::Sender<bool>,
}

struct Pair {
    reader: JoinHandle<Waits>,
    writer: JoinHandle<Waits>,
}

/// What one of them met.
#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    count: u64,
    longest: Duration,
    /// All waits together.
    sum: Duration,
}

impl Traffic {
    pub(super) fn new(per_second: u32) -> Self {
        let pause = Duration::from_secs(1) / per_second.max(1);
        Self {
            pause,
            tables: HashMap::new(),
            without: HashSet::new(),
            stop: watch::channel(false).0,
        }
    }

    /// Whether `table` is to get a reader and a writer: it has none, and was not tried.
    pub(super) fn lacks(&self, table: Oid) -> bool {
        !self.tables.contains_key(&table)
            && !self.without.contains(&table)
            && self.tables.len() < MOST_TABLES
    }

    /// What a starter needs to know.
    pub(super) fn starter(&self) -> Starter {
        Starter { pause: self.pause, stop: self.stop.subscribe() }
    }

    pub(super) fn started(&mut self, table: Oid, pair: Option<StartedPair>) {
        match pair {
            Some(pair) => {
                let StartedPair { reader, writer } = pair;
                self.tables.insert(table, Pair { reader, writer });
            }
            None => {
                self.without.insert(table);
            }
        }
    }

    /// Stops them, and tells what they waited.
    pub(super) async fn finish(self) -> HashMap<Oid, TrafficReport> {
        // Nobody listens where there was nothing to ask.
        let _ = self.stop.send(true);
        let mut reports = HashMap::new();
        for (table, pair) in self.tables {
            let (reads, writes) = (ended(pair.reader).await, ended(pair.writer).await);
            reports.insert(
                table,
                TrafficReport {
                    reads: reads.count,
                    read_waited_ms: ms(reads.sum),
                    longest_read_ms: ms(reads.longest),
                    writes: writes.count,
                    write_waited_ms: ms(writes.sum),
                    longest_write_ms: ms(writes.longest),
                },
            );
        }
        reports
    }
}

async fn ended(task: JoinHandle<Waits>) -> Waits {
    let abort = task.abort_handle();
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(ended) => ended.unwrap_or_default(),
        Err(_) => {
            abort.abort();
            Waits::default()
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Starts a reader and a writer.
pub(super) struct Starter {
    pause: Duration,
    stop: watch::Receiver<bool>,
}

/// They run.
pub(super) struct StartedPair {
    reader: JoinHandle<Waits>,
    writer: JoinHandle<Waits>,
}

impl Starter {
    /// Connects, asks once, and goes on asking. `None` where the table cannot be read or written.
    pub(super) async fn start(
        &self,
        backend: &PostgresBackend,
        relation: &Relation,
    ) -> Option<StartedPair> {
        let table = &relation.name;
        let read = format!("SELECT 1 FROM {table} LIMIT 1");
        let write = match writable(backend, table).await {
            Ok(true) => format!("BEGIN; DELETE FROM {table} WHERE ctid = '(0,0)'; ROLLBACK"),
            Ok(false) => format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; ROLLBACK"),
            Err(error) => {
                tracing::debug!("no traffic on {table}: {error}");
                return None;
            }
        };
        let reader = self.asking(backend, read).await?;
        let writer = self.asking(backend, write).await?;
        Some(StartedPair { reader, writer })
    }

    async fn asking(&self, backend: &PostgresBackend, sql: String) -> Option<JoinHandle<Waits>> {
        let (client, served) = connect(backend).await?;
        if let Err(error) = client.batch_execute(&sql).await {
            tracing::debug!("no traffic: {error}");
            return None;
        }
        Some(tokio::spawn(ask(client, served, sql, self.pause, self.stop.clone())))
    }
}

async fn connect(backend: &PostgresBackend) -> Option<(Client, Served)> {
    let (client, served, _) = backend.open().await.ok()?;
    // Who uses the table waits as long as it takes.
    let sql = format!(
        "{} SET statement_timeout = 0; SET lock_timeout = 0; \
         SET default_transaction_read_only = off",
        settings(&served.version)
    );
    client.batch_execute(&sql).await.ok()?;
    Some((client, served))
}

/// Whether a DELETE of no row runs nothing of the copy's own.
async fn writable(backend: &PostgresBackend, table: &str) -> Result<bool, Error> {
    let Some((client, _served)) = connect(backend).await else { return Ok(false) };
    let sql = "SELECT c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT EXISTS ( \
                 SELECT FROM pg_catalog.pg_trigger t \
                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) \
               FROM pg_catalog.pg_class c WHERE c.oid = $1::text::pg_catalog.regclass";
    client.query_one(sql, &[&table]).await?.try_get(0)
}

/// Asks until the end, or until the table is gone.
async fn ask(
    client: Client,
    _served: Served,
    sql: String,
    pause: Duration,
    stop: watch::Receiver<bool>,
) -> Waits {
    let mut waits = Waits::default();
    while !*stop.borrow() {
        let began = Instant::now();
        if client.batch_execute(&sql).await.is_err() {
            break;
        }
        let took = began.elapsed();
        waits.count += 1;
        waits.longest = waits.longest.max(took);
        if took >= WAITED {
            waits.sum += took;
        }
        tokio::time::sleep(pause).await;
    }
    waits
}
