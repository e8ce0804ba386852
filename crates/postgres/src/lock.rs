//! The run lock: a session advisory lock, taken by polling.
//!
//! Each request for it names the process that it is meant for. Through a proxy that pools
//! transactions it could reach another one, and would leave a lock there that nobody gives back.

use std::time::{Duration, Instant};

use stopover_backend::{
    BackendError, FirstQuery, LedgerId, LockAttempt, LockKept, RunLock, UnitLimits,
};
use stopover_model::{Checksum, LockHolder};

use crate::ledger::{self, JOURNAL_TABLE, journal_schema};
use crate::literal::literal;
use crate::pinned::not_pinned;
use crate::session::{JournalState, PostgresSession, at_leisure, text, truth};
use crate::sighting::{WIDTH, journal_of, width};

/// How long the lock's process is looked for, where a proxy may have put us with another one.
const LOOKING: Duration = Duration::from_secs(1);

const LOST_LOCK: &str = "the run lock was given away, and another runner has it now";

/// The advisory lock's key: the first 63 bits of SHA-256 over the ledger's qualified name.
/// Advisory locks belong to one database, so the database needs no part in it.
pub(crate) fn key(ledger: &LedgerId) -> i64 {
    let name = format!("stopover run lock {}.{}", ledger.schema, ledger.table);
    let digest = Checksum::sha256(name.as_bytes());
    let head = digest.hex().get(..16).unwrap_or("0");
    (u64::from_str_radix(head, 16).unwrap_or(0) >> 1).cast_signed()
}

impl RunLock for PostgresSession {
    async fn try_lock(&mut self, ledger: &LedgerId) -> Result<LockAttempt, BackendError> {
        let key = key(ledger);
        let lock = self.in_process(&format!("pg_catalog.pg_try_advisory_lock({key})"));
        let mut sql = format!("SELECT {lock}, pg_catalog.pg_backend_pid();");
        if self.journals.get(ledger) != Some(&JournalState::Present) {
            sql.push_str(&journal_query(ledger));
        }
        let sets = match self.next_read(ledger) {
            // The server reads it when it has given the lock.
            Some(ahead) => self.rows_and_ahead(&sql, at_leisure(&ahead)).await?,
            None => self.rows(&sql).await?,
        };
        let row = sets.first().and_then(|rows| rows.first());
        self.answered(row.and_then(|row| number(row, 1)))?;
        if !row.is_some_and(|row| truth(row, 0)) {
            // What was seen of the database is old by the time that the lock is free.
            (self.located, self.foreseen) = (None, None);
            return Ok(LockAttempt::Held(self.holder(key).await?));
        }
        self.lock = Some(key);
        // The runner before us may have made a journal since we looked, and left a migration
        // half done; one that was there stays.
        if let Some(journal) = sets.get(1).and_then(|rows| rows.first()) {
            self.journals.insert(ledger.clone(), journal_of(width(journal, 0)));
        }
        Ok(LockAttempt::Taken)
    }

    async fn keep_lock(&mut self, ledger: &LedgerId) -> Result<LockKept, BackendError> {
        let key = key(ledger);
        let again = self.in_process(&format!("pg_catalog.pg_try_advisory_lock({key})"));
        // A lock that is taken twice would have to be given back twice.
        let sql = format!(
            "SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks l \
               WHERE l.pid = pg_catalog.pg_backend_pid() AND {}) \
             THEN NULL ELSE {again} END, pg_catalog.pg_backend_pid()",
            is_lock(key)
        );
        let sets = self.rows(&sql).await?;
        let row = sets.first().and_then(|rows| rows.first());
        self.answered(row.and_then(|row| number(row, 1)))?;
        match row.and_then(|row| text(row, 0)).as_deref() {
            None => Ok(LockKept::Held),
            Some("t") => Ok(LockKept::TakenAgain),
            Some(_) => Ok(LockKept::Gone(self.holder(key).await?)),
        }
    }

    async fn unlock(&mut self, ledger: &LedgerId) -> Result<LockKept, BackendError> {
        self.lock = self.lock.and(Some(key(ledger)));
        let Some(sql) = self.unlocking() else { return Ok(LockKept::Held) };
        let began = Instant::now();
        self.lock = None;
        loop {
            let sets = self.rows(&sql).await?;
            match sets.first().and_then(|rows| rows.first()).and_then(|row| text(row, 0)) {
                Some(held) if held == "t" => return Ok(LockKept::Held),
                Some(_) => return Ok(LockKept::Gone(None)),
                // Another process: the one that has our lock must come round again.
                None if began.elapsed() < LOOKING => tokio::task::yield_now().await,
                None => return Err(not_pinned()),
            }
        }
    }
}

impl PostgresSession {
    /// What a transaction asks at its beginning, together with it: whether it is in the session
    /// of the server that has the run lock, and whether nobody else has it. It takes the lock for
    /// itself as well, until its end: whatever it does with our own, it keeps others out.
    pub(crate) fn guard(&self, limits: &UnitLimits) -> String {
        // A query before a `SET TRANSACTION` would be one too many.
        let lock = self.lock.filter(|_| limits.first_query == FirstQuery::Ours);
        lock.map_or_else(String::new, |key| {
            format!(
                "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_try_advisory_xact_lock({key})"
            )
        })
    }

    /// Reads the answer to [`Self::guard`].
    pub(crate) fn guarded(
        &mut self,
        answer: Option<&tokio_postgres::SimpleQueryRow>,
    ) -> Result<(), BackendError> {
        let Some(row) = answer.filter(|_| self.lock.is_some()) else { return Ok(()) };
        self.answered(number(row, 0))?;
        if truth(row, 1) { Ok(()) } else { Err(BackendError::Overtaken(LOST_LOCK.to_owned())) }
    }

    /// The request that gives the run lock back, if we have it: true where it was there, NULL
    /// where it meets another process.
    pub(crate) fn unlocking(&self) -> Option<String> {
        let call = format!("pg_catalog.pg_advisory_unlock({})", self.lock?);
        Some(format!("SELECT {}", self.in_process(&call)))
    }

    /// `call`, if it reaches the process that answered before; NULL from any other.
    fn in_process(&self, call: &str) -> String {
        match self.process {
            Some(pid) => {
                format!("CASE WHEN pg_catalog.pg_backend_pid() = {pid} THEN {call} END")
            }
            None => call.to_owned(),
        }
    }

    /// Who holds the advisory lock `key`.
    async fn holder(&mut self, key: i64) -> Result<Option<LockHolder>, BackendError> {
        let sql = format!(
            "SELECT {HOLDER_COLUMNS} FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE {}",
            is_lock(key)
        );
        let sets = self.rows(&sql).await?;
        Ok(sets.first().and_then(|rows| rows.first()).map(holder_of))
    }
}

/// Whether there is a journal, and of which version.
fn journal_query(ledger: &LedgerId) -> String {
    format!(
        "SELECT {WIDTH} FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND c.relname = {} AND n.nspname = {}",
        literal(JOURNAL_TABLE),
        literal(journal_schema(ledger)),
    )
}

impl PostgresSession {
    /// What is read next where the lock is taken: the ledger, if it and its journal were seen.
    fn next_read(&self, ledger: &LedgerId) -> Option<String> {
        let journal = self.journals.get(ledger).filter(|it| **it == JournalState::Present)?;
        let located = self.located.as_ref()?;
        located.is_there(ledger).then(|| ledger::select(ledger, *journal))
    }
}

/// Which row of `pg_locks l` is the advisory lock `key`. It is split there: high half `classid`,
/// low half `objid`, `objsubid` 1 (source: PostgreSQL's documentation of `pg_locks`).
fn is_lock(key: i64) -> String {
    let bits = key.cast_unsigned();
    let (high, low) = (bits >> 32, bits & 0xffff_ffff);
    format!(
        "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                           WHERE datname = pg_catalog.current_database()) \
         AND l.classid = {high}::oid AND l.objid = {low}::oid"
    )
}

/// The columns of `pg_stat_activity a` that make a [`LockHolder`].
pub(crate) const HOLDER_COLUMNS: &str = "a.pid, a.application_name, \
     coalesce(pg_catalog.host(a.client_addr), 'the local socket'), \
     pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";

pub(crate) fn holder_of(row: &tokio_postgres::SimpleQueryRow) -> LockHolder {
    LockHolder {
        pid: number(row, 0).unwrap_or_default(),
        application: text(row, 1),
        host: text(row, 2),
        since: text(row, 3).and_then(|at| at.parse().ok()),
    }
}

/// A column as a number; `None` for NULL.
pub(crate) fn number(row: &tokio_postgres::SimpleQueryRow, column: usize) -> Option<i32> {
    text(row, column)?.parse().ok()
}
