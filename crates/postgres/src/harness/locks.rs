//! Who waits for whom, and two-phase transactions.

use stopover_backend::BackendError;
use stopover_model::harness::{Fact, LockWait, Party, PreparedTransaction};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, count, first, list, names};
use super::sessions::{LOCKED, OURS, party, party_columns};
use crate::session::text;

/// Everybody who waits for a lock in this database, a row for each whom they wait for.
pub(super) async fn waits(asking: &mut Asking<'_>) -> Result<Fact<Vec<LockWait>>, BackendError> {
    let sql = format!(
        "WITH {LOCKED}, who AS MATERIALIZED (SELECT {party}, a.datid FROM pg_stat_activity a), \
           waits AS MATERIALIZED (SELECT l.pid, l.mode, l.locktype, l.relation, l.database \
             FROM pg_locks l WHERE NOT l.granted AND l.pid <> pg_backend_pid()) \
         SELECT w.*, b.*, t.mode || coalesce(' on ' || (SELECT quote_ident(n.nspname) || '.' || \
             quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = t.relation AND t.database = {OURS}), ' on a ' || t.locktype), \
           (SELECT {relations} FROM locked WHERE locked.pid IN (t.pid, x.pid)), x.pid \
         FROM waits t JOIN who w ON w.pid = t.pid \
         LEFT JOIN LATERAL unnest(pg_blocking_pids(t.pid)) x(pid) ON true \
         LEFT JOIN who b ON b.pid = x.pid \
         WHERE w.datid = {OURS} ORDER BY t.pid, x.pid",
        party = party_columns(),
        relations = list("locked.relation"),
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| grouped(&rows)))
}

/// Where the columns of the blocked and of the blocking party begin: six each, and a database.
const BLOCKED: usize = 0;
const BLOCKING: usize = 7;
const LOCK: usize = 14;

fn grouped(rows: &[SimpleQueryRow]) -> Vec<LockWait> {
    let mut waits: Vec<LockWait> = Vec::new();
    for row in rows {
        let blocked = party(row, BLOCKED);
        // A prepared transaction has no session: the server says 0.
        let blocker = text(row, LOCK + 2).map(|pid| {
            let known = party(row, BLOCKING);
            if known.pid == 0 {
                return Party { pid: pid.parse().unwrap_or_default(), ..Party::default() };
            }
            known
        });
        let relations = names(row, LOCK + 1);
        match waits.last_mut().filter(|it| it.blocked.pid == blocked.pid) {
            Some(wait) => {
                wait.blockers.extend(blocker);
                wait.relations.extend(relations);
            }
            None => waits.push(LockWait {
                blocked,
                blockers: blocker.into_iter().collect(),
                lock: text(row, LOCK).unwrap_or_default(),
                relations,
            }),
        }
    }
    waits
}

/// Two-phase transactions of this database that nobody has ended. Their locks have no process; which
/// are whose tells the one that each holds on its own number.
pub(super) async fn prepared(
    asking: &mut Asking<'_>,
) -> Result<Fact<Vec<PreparedTransaction>>, BackendError> {
    let sql = format!(
        "WITH {LOCKED} SELECT p.gid, p.owner, \
           round(extract(epoch FROM clock_timestamp() - p.prepared) * 1000), \
           (SELECT {relations} FROM locked WHERE locked.pid IS NULL \
              AND locked.virtualtransaction IN (SELECT x.virtualtransaction FROM pg_locks x \
                WHERE x.locktype = 'transactionid' AND x.transactionid = p.transaction \
                AND x.pid IS NULL)) \
         FROM pg_prepared_xacts p WHERE p.database = current_database() ORDER BY p.prepared",
        relations = list("locked.relation"),
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| {
        let read = |row: &SimpleQueryRow| PreparedTransaction {
            gid: text(row, 0).unwrap_or_default(),
            owner: text(row, 1).unwrap_or_default(),
            age_ms: count(row, 2),
            relations: names(row, 3),
        };
        rows.iter().map(read).collect()
    }))
}
