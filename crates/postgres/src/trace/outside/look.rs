//! One look from outside: every session that is not ours, with its transaction, its statement and its
//! locks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use stopover_model::LockMode;
use tokio_postgres::{Error, Row};

use super::super::catalog::FIRST_OF_USERS;
use super::super::held::Lock;

/// Weaker ones keep nobody waiting but those who want a whole table.
const WEAKEST: LockMode = LockMode::ShareUpdateExclusive;

/// `$1`: the database. One row for each session, and for each of its locks.
pub(super) fn look_query() -> String {
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
pub(super) struct Glimpse {
    pub(super) active: bool,
    pub(super) transaction: Option<f64>,
    pub(super) query: Option<f64>,
    pub(super) change: Option<f64>,
    pub(super) text: String,
    pub(super) locks: Vec<Lock>,
}

/// One look: the server's clock, and every session that is not ours, by process.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) now: f64,
    pub(super) sessions: BTreeMap<i32, Glimpse>,
}

impl Look {
    pub(super) fn of(rows: &[Row]) -> Result<Self, Error> {
        let mut look = Self::default();
        for row in rows {
            look.now = row.try_get(0)?;
            let Some(process) = row.try_get::<_, Option<i32>>(1)? else { continue };
            if let Entry::Vacant(new) = look.sessions.entry(process) {
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
