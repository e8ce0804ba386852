//! Foreign keys that do not hold for sure, and rows that break them.
//!
//! Rows are looked for as the server itself does when it validates a key (`RI_Initial_Check` in
//! `ri_triggers.c`): with the key's own operators, `ONLY` the tables themselves unless they are
//! partitioned, and NULLs as the key's match type has them.

use std::time::Duration;

use stopover_backend::BackendError;
use stopover_model::harness::{Fact, ForeignKeyFacts, ForeignKeyFault, OrphanRows};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, count, first};
use super::catalogs::USERS;
use crate::session::{text, truth};

/// How many rows are shown.
const SAMPLES: u32 = 5;

/// Keys that are `NOT VALID`, `NOT ENFORCED`, or whose triggers are disabled. A partition's key is
/// told with that of its parent.
const KEYS: &str = "\
    SELECT quote_ident(k.conname), quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
      quote_ident(pn.nspname) || '.' || quote_ident(p.relname), \
      coalesce(to_jsonb(k) ->> 'conenforced' = 'false', false) \
        OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled = 'D'), \
      CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, \
      CASE p.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, \
      (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), \
          CASE k.confmatchtype WHEN 'f' THEN ' OR ' ELSE ' AND ' END ORDER BY u.n) \
        FROM unnest(k.conkey) WITH ORDINALITY u(attnum, n) \
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum), \
      (SELECT string_agg(format('p.%I %s c.%I', pa.attname, \
          CASE o.nspname WHEN 'pg_catalog' THEN o.oprname::text \
            ELSE format('OPERATOR(%I.%s)', o.nspname, o.oprname) END, a.attname), ' AND ' \
          ORDER BY u.n) \
        FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY u(attnum, parent, op, n) \
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum \
        JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = u.parent \
        JOIN (SELECT x.oid, x.oprname, y.nspname FROM pg_operator x \
          JOIN pg_namespace y ON y.oid = x.oprnamespace) o ON o.oid = u.op), \
      (SELECT string_agg(format('%L || coalesce(c.%I::text, ''NULL'')', \
          quote_ident(a.attname) || ' = ', a.attname), ' || '', '' || ' ORDER BY w.first, w.n) \
        FROM (SELECT DISTINCT ON (v.attnum) v.attnum, v.first, v.n FROM ( \
            SELECT u.attnum, 0 AS first, u.n FROM pg_index i, \
              unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, n) \
              WHERE i.indrelid = k.conrelid AND i.indisprimary AND u.attnum > 0 \
            UNION ALL SELECT u.attnum, 1, u.n FROM unnest(k.conkey) WITH ORDINALITY u(attnum, n)) v \
          ORDER BY v.attnum, v.first) w \
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = w.attnum) \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class p ON p.oid = k.confrelid \
    JOIN pg_namespace pn ON pn.oid = p.relnamespace \
    WHERE k.contype = 'f' AND k.conparentid = 0";

pub(super) async fn foreign_keys(
    asking: &mut Asking<'_>,
    scan_timeout: Duration,
) -> Result<Fact<Vec<ForeignKeyFacts>>, BackendError> {
    let sql = format!(
        "{KEYS} AND {USERS} AND (NOT k.convalidated OR to_jsonb(k) ->> 'conenforced' = 'false' \
         OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled = 'D')) \
         ORDER BY 2, 1"
    );
    let rows = match asking.ask(&sql).await?.map(first) {
        Fact::Read(rows) => rows,
        Fact::Unread(unread) => return Ok(Fact::Unread(unread)),
        Fact::NotHere => return Ok(Fact::NotHere),
    };
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        keys.push(key(asking, row, scan_timeout).await?);
    }
    Ok(Fact::Read(keys))
}

async fn key(
    asking: &mut Asking<'_>,
    row: &SimpleQueryRow,
    scan_timeout: Duration,
) -> Result<ForeignKeyFacts, BackendError> {
    let column = |at| text(row, at).unwrap_or_default();
    let (table, parent) = (column(1), column(2));
    let fault = match truth(row, 3) {
        true => ForeignKeyFault::NotEnforced,
        false => ForeignKeyFault::NotValidated,
    };
    let condition = format!(
        "({}) AND NOT EXISTS (SELECT FROM {}{parent} p WHERE {})",
        column(6),
        column(5),
        column(7)
    );
    let from = format!("{}{table} c WHERE {condition}", column(4));
    let sql =
        format!("SELECT count(*) FROM {from};SELECT {} FROM {from} LIMIT {SAMPLES}", column(8));
    let orphans = asking.ask_for(&sql, scan_timeout).await?.map(|sets| {
        let number = sets.first().and_then(|rows| rows.first()).and_then(|row| count(row, 0));
        let samples = sets.get(1).into_iter().flatten().filter_map(|row| text(row, 0));
        OrphanRows {
            count: number.unwrap_or_default(),
            samples: samples.collect(),
            list: format!("SELECT c.* FROM {from}"),
            delete: format!("DELETE FROM {from}"),
        }
    });
    Ok(ForeignKeyFacts { constraint: column(0), table, parent, fault, orphans })
}
