//! Other sessions: old transactions, backups, vacuums.

use stopover_backend::BackendError;
use stopover_model::harness::{
    Fact, OpenTransaction, Party, RunningDump, Unread, WraparoundVacuum,
};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, HIDDEN, count, first, list, names};
use crate::lock::number;
use crate::session::{text, truth};

/// How many transactions are told, the oldest first.
const MOST: usize = 200;

/// Columns of `pg_stat_activity a` that make a [`Party`]: six.
pub(super) fn party_columns() -> String {
    format!(
        "a.pid, a.usename, a.application_name, a.state, \
         round(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000) AS age, \
         CASE WHEN a.query <> {HIDDEN} THEN a.query END AS doing"
    )
}

/// Reads them, from this column on.
pub(super) fn party(row: &SimpleQueryRow, at: usize) -> Party {
    Party {
        pid: number(row, at).unwrap_or_default(),
        user: text(row, at + 1),
        application: text(row, at + 2),
        state: text(row, at + 3),
        age_ms: count(row, at + 4),
        query: text(row, at + 5),
    }
}

/// The database that we are in.
pub(super) const OURS: &str = "(SELECT oid FROM pg_database WHERE datname = current_database())";

/// Relations of this database that a lock of `l` is on, by name.
pub(super) const LOCKED: &str = "\
    locked AS MATERIALIZED (SELECT l.pid, l.virtualtransaction, l.mode, l.granted, \
      quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS relation FROM pg_locks l \
      JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace \
      WHERE l.locktype IN ('relation', 'extend', 'page', 'tuple') AND n.nspname <> 'pg_catalog' \
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

/// Transactions of other sessions in this database. A session whose times are hidden is told where
/// it is in a transaction: each has a lock on its own virtual number, and locks are seen by all.
pub(super) async fn transactions(
    asking: &mut Asking<'_>,
) -> Result<Fact<Vec<OpenTransaction>>, BackendError> {
    let sql = format!(
        "WITH {LOCKED} SELECT {party}, \
           (SELECT {relations} FROM locked WHERE locked.pid = a.pid), \
           a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL \
         FROM pg_stat_activity a \
         WHERE a.datid = {OURS} AND a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL \
           AND ((a.xact_start IS NOT NULL AND a.backend_type IN ('client backend', 'walsender')) \
             OR (a.query = {HIDDEN} AND EXISTS (SELECT FROM pg_locks v WHERE v.pid = a.pid \
               AND v.locktype = 'virtualxid' AND v.granted))) \
         ORDER BY a.xact_start NULLS FIRST LIMIT {MOST}",
        party = party_columns(),
        relations = list("locked.relation"),
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| {
        let read = |row: &SimpleQueryRow| OpenTransaction {
            who: party(row, 0),
            relations: names(row, 6),
            has_snapshot: truth(row, 7),
        };
        rows.iter().map(read).collect()
    }))
}

/// Backups that are being made. A session's name is seen by all.
pub(super) async fn dumps(asking: &mut Asking<'_>) -> Result<Fact<Vec<RunningDump>>, BackendError> {
    let sql = format!(
        "SELECT {party}, a.application_name FROM pg_stat_activity a \
         WHERE a.datid = {OURS} AND a.pid <> pg_backend_pid() \
           AND a.application_name IN ('pg_dump', 'pg_dumpall') \
         UNION ALL SELECT {party}, 'a base backup' FROM pg_stat_progress_basebackup b \
         JOIN pg_stat_activity a ON a.pid = b.pid ORDER BY 1",
        party = party_columns(),
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| {
        let what = |row| text(row, 6).unwrap_or_else(|| "a backup".to_owned());
        rows.iter().map(|row| RunningDump { who: party(row, 0), what: what(row) }).collect()
    }))
}

/// Vacuums against wraparound in this database. What is a vacuum's is hidden from most roles: then
/// a worker may be one of them.
pub(super) async fn vacuums(
    asking: &mut Asking<'_>,
) -> Result<Fact<Vec<WraparoundVacuum>>, BackendError> {
    let sql = format!(
        "WITH {LOCKED} SELECT a.pid, \
           round(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000), \
           (SELECT {relations} FROM locked WHERE locked.pid = a.pid \
              AND locked.mode = 'ShareUpdateExclusiveLock' AND locked.granted), \
           a.query = {HIDDEN} \
         FROM pg_stat_activity a WHERE a.datid = {OURS} AND a.usesysid IS NULL \
           AND (a.query = {HIDDEN} OR (a.backend_type = 'autovacuum worker' \
             AND a.query LIKE '%(to prevent wraparound)%')) ORDER BY 1",
        relations = list("locked.relation"),
    );
    let rows = match asking.ask(&sql).await?.map(first) {
        Fact::Read(rows) => rows,
        Fact::Unread(unread) => return Ok(Fact::Unread(unread)),
        Fact::NotHere => return Ok(Fact::NotHere),
    };
    if let Some(row) = rows.iter().find(|row| truth(row, 3)) {
        let pid = number(row, 0).unwrap_or_default();
        return Ok(Fact::Unread(hidden(&format!("what the server's worker with pid {pid} does"))));
    }
    let read = |row: &SimpleQueryRow| WraparoundVacuum {
        pid: number(row, 0).unwrap_or_default(),
        relations: names(row, 2),
        age_ms: count(row, 1),
    };
    Ok(Fact::Read(rows.iter().map(read).collect()))
}

/// Something that this role may not see.
fn hidden(what: &str) -> Unread {
    Unread {
        why: format!("{what} is hidden from this role"),
        sqlstate: None,
        remedy: "GRANT pg_monitor to the role (pg_read_all_stats is enough), or connect as one \
                 that has it"
            .to_owned(),
    }
}
