//! The run lock: a session advisory lock, taken by polling.

use stopover_backend::{BackendError, LedgerId, LockAttempt, RunLock};
use stopover_model::{Checksum, LockHolder};

use crate::ledger::{JOURNAL_TABLE, journal_schema};
use crate::literal::literal;
use crate::session::{JournalState, PostgresSession, text, truth};

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
        let sql = format!(
            "SELECT pg_catalog.pg_try_advisory_lock({key});\
             SELECT FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p') AND c.relname = {} AND n.nspname = {}",
            literal(JOURNAL_TABLE),
            literal(journal_schema(ledger)),
        );
        let sets = self.rows(&sql).await?;
        if !sets.first().and_then(|rows| rows.first()).is_some_and(|row| truth(row, 0)) {
            // What was seen of the database is old by the time that the lock is free.
            self.located = None;
            return Ok(LockAttempt::Held(self.holder(key).await?));
        }
        // The runner before us may have made a journal since we looked, and left a migration
        // half done.
        if sets.get(1).is_some_and(|rows| !rows.is_empty()) {
            self.journals.insert(ledger.clone(), JournalState::Present);
        }
        Ok(LockAttempt::Taken)
    }

    async fn unlock(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        self.run(&format!("SELECT pg_catalog.pg_advisory_unlock({})", key(ledger))).await
    }
}

impl PostgresSession {
    /// Who holds the advisory lock `key`. `pg_locks` splits it: high half `classid`, low half
    /// `objid`, `objsubid` 1 (source: PostgreSQL's documentation of `pg_locks`).
    async fn holder(&mut self, key: i64) -> Result<Option<LockHolder>, BackendError> {
        let bits = key.cast_unsigned();
        let (high, low) = (bits >> 32, bits & 0xffff_ffff);
        let sql = format!(
            "SELECT {HOLDER_COLUMNS} FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                               WHERE datname = pg_catalog.current_database()) \
             AND l.classid = {high}::oid AND l.objid = {low}::oid"
        );
        let sets = self.rows(&sql).await?;
        Ok(sets.first().and_then(|rows| rows.first()).map(holder_of))
    }
}

/// The columns of `pg_stat_activity a` that make a [`LockHolder`].
pub(crate) const HOLDER_COLUMNS: &str = "a.pid, a.application_name, \
     coalesce(pg_catalog.host(a.client_addr), 'the local socket'), \
     pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";

pub(crate) fn holder_of(row: &tokio_postgres::SimpleQueryRow) -> LockHolder {
    LockHolder {
        pid: text(row, 0).and_then(|pid| pid.parse().ok()).unwrap_or_default(),
        application: text(row, 1),
        host: text(row, 2),
        since: text(row, 3).and_then(|at| at.parse().ok()),
    }
}
