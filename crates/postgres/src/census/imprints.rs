//! Imprints: which tables were written to, and how many rows a restored one has, without reading
//! them.
//!
//! The server counts for each table the rows that were ever inserted, updated and deleted
//! (`pg_stat_get_tuples_inserted` and its like). Those counts are exact, and reach everybody when a
//! session ends, since PostgreSQL 15; before that they may be late or lost, and nothing is told from
//! them. A TRUNCATE counts nothing, and gives the table another file: that is part of the imprint.
//!
//! **Rows.** In a database that was only restored a table has as many rows as were inserted, where
//! nothing was updated or deleted. What ANALYZE found must fit: exactly where it has read all of the
//! table, and nearly where it has read a part. Statistics that were reset, or an insert that was
//! rolled back, show there; such a table is counted. One whose file is empty has no rows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use stopover_backend::{BackendError, Imprint, ImprintColumn};
use tokio_postgres::SimpleQueryRow;

use super::field;
use super::look::{Look, named};
use crate::session::PostgresSession;

/// The first version, as `server_version_num`, whose counts are exact.
const EXACT_COUNTS: u32 = 150_000;

/// How long sessions that have just ended are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tables of so many pages (8 KiB) are read as a whole by ANALYZE.
const SMALL_PAGES: f64 = 128.0;

/// Of a larger one ANALYZE reads 30,000 pages; what it estimates is nearer than that.
const NEAR: f64 = 0.1;

/// Nobody else has a session in this database: every count is there. What sort of session another
/// role's is, is told to nobody; it counts as one that may write.
const ALONE: &str = "SELECT NOT EXISTS (SELECT \
    FROM pg_catalog.pg_stat_get_activity(NULL) a \
    JOIN pg_catalog.pg_database d ON d.oid = a.datid \
    WHERE d.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() \
    AND a.backend_type IS DISTINCT FROM 'autovacuum worker')";

/// How many large objects there are. Everybody may ask.
pub(super) const LARGE_OBJECTS: &str =
    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata";

pub(super) fn number(row: &SimpleQueryRow, column: usize) -> Result<u64, BackendError> {
    let text = field(row, column)?;
    text.parse().map_err(|_| BackendError::Settings {
        message: format!("the server counts large objects as {text:?}"),
        remedy: "look whether it is a PostgreSQL server that answers".to_owned(),
    })
}

/// Whether the server's counts hold all that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Complete,
    Unknown,
}

/// Waits for sessions that have just ended.
pub(super) async fn settled(session: &mut PostgresSession) -> Result<Counts, BackendError> {
    let began = Instant::now();
    loop {
        let sets = session.rows(ALONE).await?;
        let row = sets.first().and_then(|set| set.first());
        if row.is_some_and(|row| row.get(0) == Some("t")) {
            return Ok(Counts::Complete);
        }
        if began.elapsed() > PATIENCE {
            return Ok(Counts::Unknown);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The users' schema lies in these catalogs, and what was ever written to them is counted as for
/// any table. What ANALYZE finds is no schema.
const CATALOGS: &str = "SELECT pg_catalog.string_agg(pg_catalog.concat_ws('/', c.oid, \
    pg_catalog.pg_relation_filenode(c.oid), pg_catalog.pg_stat_get_tuples_inserted(c.oid), \
    pg_catalog.pg_stat_get_tuples_updated(c.oid), pg_catalog.pg_stat_get_tuples_deleted(c.oid)), \
    ' ' ORDER BY c.oid) \
    FROM pg_catalog.pg_class c \
    WHERE c.relkind = 'r' AND NOT c.relisshared \
    AND c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace \
    AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data')";

/// The mark of the catalogs.
pub(super) async fn catalogs(
    session: &mut PostgresSession,
) -> Result<Option<String>, BackendError> {
    if session.major() < EXACT_COUNTS / 10_000 || settled(session).await? == Counts::Unknown {
        return Ok(None);
    }
    let sets = session.rows(CATALOGS).await?;
    sets.first().and_then(|set| set.first()).map(|row| field(row, 0)).transpose()
}

pub(super) async fn read(
    session: &mut PostgresSession,
    look: &Look,
    counts: Counts,
) -> Result<Vec<Imprint>, BackendError> {
    let sql = [tables_query(look), columns_query(look), within_query(look)].join(";");
    let mut sets = session.rows(&sql).await?.into_iter();
    let mut next = || sets.next().unwrap_or_default();
    let (tables, columns, within) = (next(), next(), next());
    let mut columns_of: HashMap<String, Vec<ImprintColumn>> = HashMap::new();
    for row in &columns {
        let column = ImprintColumn { key: field(row, 1)?, name: field(row, 2)? };
        columns_of.entry(field(row, 0)?).or_default().push(column);
    }
    let mut within_of: HashMap<String, Vec<String>> = HashMap::new();
    for row in &within {
        within_of.entry(field(row, 0)?).or_default().push(field(row, 1)?);
    }
    let counts = if look.version < EXACT_COUNTS { Counts::Unknown } else { counts };
    let mut imprints = Vec::with_capacity(tables.len());
    for row in &tables {
        let object = field(row, 1)?;
        imprints.push(Imprint {
            relation: field(row, 0)?,
            within: within_of.remove(&object).unwrap_or_default(),
            columns: columns_of.remove(&object).unwrap_or_default(),
            object,
            rows: if counts == Counts::Complete { rows(row)? } else { None },
            mark: if counts == Counts::Complete { Some(mark(row)?) } else { None },
        });
    }
    Ok(imprints)
}

/// Name, identifier, file, pages, estimated rows, rows inserted, updated and deleted, and bytes.
fn tables_query(look: &Look) -> String {
    format!(
        "SELECT {name}, c.oid, c.relfilenode, c.relpages, c.reltuples, \
           pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), \
           pg_stat_get_tuples_deleted(c.oid), pg_relation_size(c.oid) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND {ours} ORDER BY {name} COLLATE \"C\"",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}

/// What a column computes from others is no loss when it goes.
fn columns_query(look: &Look) -> String {
    format!(
        "SELECT c.oid, a.attnum, a.attname FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE c.relkind = 'r' AND a.attgenerated = '' AND {ours} ORDER BY c.oid, a.attnum",
        ours = look.relation("c"),
    )
}

fn within_query(look: &Look) -> String {
    format!(
        "WITH RECURSIVE up (oid, parent, depth) AS ( \
           SELECT c.oid, i.inhparent, 1 FROM pg_class c \
             JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind = 'r' AND {ours} \
           UNION SELECT u.oid, i.inhparent, u.depth + 1 FROM up u \
             JOIN pg_inherits i ON i.inhrelid = u.parent) \
         SELECT u.oid, {name} FROM up u JOIN pg_class p ON p.oid = u.parent \
         JOIN pg_namespace n ON n.oid = p.relnamespace ORDER BY u.oid, u.depth, 2",
        name = named("p", "relname"),
        ours = look.relation("c"),
    )
}

fn mark(row: &SimpleQueryRow) -> Result<String, BackendError> {
    let parts: Result<Vec<String>, BackendError> =
        [2, 5, 6, 7].into_iter().map(|at| field(row, at)).collect();
    Ok(parts?.join("/"))
}

/// The rows of a table that was only restored, where nothing speaks against that.
fn rows(row: &SimpleQueryRow) -> Result<Option<u64>, BackendError> {
    let (inserted, updated, deleted) = (field(row, 5)?, field(row, 6)?, field(row, 7)?);
    if field(row, 8)? == "0" {
        return Ok(Some(0));
    }
    let number = |text: String| text.parse::<f64>().unwrap_or(-1.0);
    let (pages, estimate) = (number(field(row, 3)?), number(field(row, 4)?));
    let only_inserted = updated == "0" && deleted == "0";
    let Some(inserted) = inserted.parse::<u64>().ok().filter(|it| only_inserted && *it > 0) else {
        return Ok(None);
    };
    let allowed = if pages > SMALL_PAGES { NEAR * estimate } else { 0.0 };
    let fits = (inserted as f64 - estimate).abs() <= allowed;
    Ok(fits.then_some(inserted))
}

/// In how many rows of a table each of these columns has a value.
pub(super) async fn values(
    session: &mut PostgresSession,
    relation: &str,
    columns: &[String],
) -> Result<Option<Vec<u64>>, BackendError> {
    let counts: Vec<String> = columns
        .iter()
        .map(|it| {
            format!("count(*) FILTER (WHERE num_nulls(t.{}) = 0)", crate::literal::identifier(it))
        })
        .collect();
    let sql = format!("SELECT {} FROM ONLY {relation} t", counts.join(", "));
    let sets = session.rows(&sql).await?;
    let Some(row) = sets.first().and_then(|set| set.first()) else { return Ok(None) };
    let mut counted = Vec::with_capacity(columns.len());
    for at in 0..columns.len() {
        counted.push(field(row, at)?.parse().ok());
    }
    Ok(counted.into_iter().collect())
}
