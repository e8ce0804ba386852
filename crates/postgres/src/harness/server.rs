//! The server: who follows it, and how many sessions it has.

use stopover_backend::BackendError;
use stopover_model::harness::{Connections, Fact, InactiveSlot, Quota, Replica, Replication};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, HIDDEN, count, first};
use super::sessions::OURS;
use crate::literal::literal;
use crate::lock::number;
use crate::session::{text, truth};

/// Slots that nobody reads, and who is fed. A role without `pg_read_all_stats` sees senders
/// without a state.
pub(super) async fn replication(
    asking: &mut Asking<'_>,
) -> Result<Fact<Replication>, BackendError> {
    let sql = "SELECT s.slot_name, CASE WHEN pg_is_in_recovery() THEN NULL \
           ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) END \
         FROM pg_replication_slots s WHERE NOT s.active AND NOT s.temporary ORDER BY 1;\
         SELECT r.pid, r.application_name, round(extract(epoch FROM r.replay_lag) * 1000), \
           r.state IS NULL FROM pg_stat_replication r \
         WHERE r.state IS DISTINCT FROM 'backup' ORDER BY 1";
    Ok(asking.ask(sql).await?.map(|sets| {
        let slot = |row: &SimpleQueryRow| InactiveSlot {
            name: text(row, 0).unwrap_or_default(),
            retained_bytes: count(row, 1),
        };
        let replica = |row: &SimpleQueryRow| Replica {
            pid: number(row, 0).unwrap_or_default(),
            application: text(row, 1),
            lag_ms: count(row, 2),
            is_hidden: truth(row, 3),
        };
        Replication {
            inactive_slots: sets.first().into_iter().flatten().map(slot).collect(),
            replicas: sets.get(1).into_iter().flatten().map(replica).collect(),
        }
    }))
}

/// How many sessions there are, and may be. What is kept for superusers, and for roles that may use
/// reserved connections (since version 16), is not for an apply.
pub(super) async fn connections(
    asking: &mut Asking<'_>,
    role: Option<&str>,
) -> Result<Fact<Connections>, BackendError> {
    let role = role.map_or_else(|| "session_user".to_owned(), literal);
    let sql = format!(
        "WITH s AS MATERIALIZED (SELECT a.datid, a.usesysid FROM pg_stat_activity a \
           WHERE a.usesysid IS NOT NULL AND (a.backend_type = 'client backend' \
             OR a.query = {HIDDEN})) \
         SELECT (SELECT count(*) FROM s), current_setting('max_connections')::int, \
           current_setting('superuser_reserved_connections')::int \
             + coalesce(current_setting('reserved_connections', true), '0')::int, \
           d.datconnlimit, (SELECT count(*) FROM s WHERE s.datid = d.oid), \
           r.rolconnlimit, (SELECT count(*) FROM s WHERE s.usesysid = r.oid) \
         FROM pg_database d JOIN pg_roles r ON r.rolname = {role} WHERE d.oid = {OURS}"
    );
    let rows = asking.ask(&sql).await?.map(first);
    let read = |row: &SimpleQueryRow| {
        let at = |column| count(row, column).and_then(|it| u32::try_from(it).ok());
        let reserved = at(2)?;
        // No limit is -1.
        let limited = |limit: usize, used: usize| {
            let limit = number(row, limit).and_then(|it| u32::try_from(it).ok())?;
            Some(Quota { used: at(used)?, limit })
        };
        Some(Connections {
            server: Quota { used: at(0)?, limit: at(1)?.saturating_sub(reserved) },
            reserved,
            database: limited(3, 4),
            role: limited(5, 6),
        })
    };
    Ok(match rows.map(|rows| rows.first().and_then(read)) {
        Fact::Read(Some(connections)) => Fact::Read(connections),
        Fact::Read(None) => Fact::Unread(stopover_model::harness::Unread {
            why: format!("there is no role {role}, or the server does not say its limits"),
            sqlstate: None,
            remedy: "name a role that is there: role under [preflight] in stopover.toml".to_owned(),
        }),
        Fact::Unread(unread) => Fact::Unread(unread),
        Fact::NotHere => Fact::NotHere,
    })
}
