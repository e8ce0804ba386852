//! What is in the tables: rows counted, and digests that do not depend on their order.
//!
//! A value is hashed as text, behind a digit that tells NULL: `0` and the text of its type's output
//! function, under pinned settings, or `1`. The hash is the server's `hashtextextended` (64 bit).
//! A column's digest is the sum of its values' hashes: a multiset's, so that duplicates count.
//! A row's hashes, in the order of the columns' names, are hashed again with two seeds (128 bit),
//! and the table's digest is the count and the two sums. The sums are of 128 bit and more, so that
//! nothing is lost by them.
//!
//! **What goes unseen.** A changed value keeps its hash with a probability of 2⁻⁶⁴; changes that
//! only cancel each other out must do so in all sums. That is against accidents: who can choose
//! values to fit the hash could hide a change.
//!
//! The same rows give the same digest after a dump and restore into a database of the same
//! encoding, whatever happened to the table before (dropped columns, order of inherited ones).
//! Two versions of PostgreSQL give the same as long as they print the type alike.
//!
//! Tables are ordinary tables and partitions, each `ONLY` itself. Materialized views are computed
//! from others and foreign tables are elsewhere: neither has rows of its own.

use std::fmt::Write as _;

use stopover_backend::{BackendError, CensusDepth};
use stopover_model::{ColumnDigest, TableCensus};
use tokio_postgres::SimpleQueryRow;

use super::field;
use super::look::{Look, named};
use super::tables::ORDER;
use crate::session::PostgresSession;

/// How many tables are read with one request. Their locks, and those of their indexes, are held
/// until its end: a server has room for some thousands (`max_locks_per_transaction`).
const BATCH: usize = 50;

/// A function has at most 100 arguments (`FUNC_MAX_ARGS`).
const ARGUMENTS: usize = 90;

/// A table to be read; names are quoted for SQL.
struct Table {
    relation: String,
    /// Unquoted, in the order of the columns.
    columns: Vec<String>,
}

/// Which tables are looked at.
pub(super) enum Chosen<'a> {
    /// Every one.
    All,
    /// Those of these names.
    Named(&'a [&'a str]),
}

impl Chosen<'_> {
    fn has(&self, relation: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(&relation),
        }
    }
}

pub(super) async fn read(
    session: &mut PostgresSession,
    look: &Look,
    depth: CensusDepth,
    chosen: &Chosen<'_>,
) -> Result<Vec<TableCensus>, BackendError> {
    let mut tables = tables(session, look).await?;
    tables.retain(|it| chosen.has(&it.relation));
    let mut read = Vec::with_capacity(tables.len());
    for batch in tables.chunks(BATCH) {
        let queries: Vec<String> = batch
            .iter()
            .map(|table| match depth {
                CensusDepth::Rows => format!("SELECT count(*) FROM ONLY {}", table.relation),
                CensusDepth::Digests => digest_query(table),
            })
            .collect();
        // Rolling back to the savepoint gives the locks back, and keeps the snapshot.
        let sql = format!("SAVEPOINT b;{};ROLLBACK TO SAVEPOINT b", queries.join(";\n"));
        let sets = session.rows(&sql).await?;
        if sets.len() != batch.len() + 2 {
            return Err(unreadable("the server gave fewer answers than questions"));
        }
        for (table, set) in batch.iter().zip(sets.iter().skip(1)) {
            let row = set.first().ok_or_else(|| unreadable("a count is missing"))?;
            read.push(census(table, row, depth)?);
        }
    }
    Ok(read)
}

/// The tables, sorted by name, with their columns.
async fn tables(session: &mut PostgresSession, look: &Look) -> Result<Vec<Table>, BackendError> {
    let sql = format!(
        "SELECT {name}, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_attribute a \
           ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE c.relkind = 'r' AND {ours} ORDER BY {name} COLLATE \"C\", {ORDER}",
        name = named("c", "relname"),
        ours = look.relation("c"),
    );
    let sets = session.rows(&sql).await?;
    let mut tables: Vec<Table> = Vec::new();
    for row in sets.first().into_iter().flatten() {
        let relation = field(row, 0)?;
        if tables.last().is_none_or(|last| last.relation != relation) {
            tables.push(Table { relation, columns: Vec::new() });
        }
        let column = row.try_get(1).map_err(|error| unreadable(&error.to_string()))?;
        if let (Some(table), Some(column)) = (tables.last_mut(), column) {
            table.columns.push(column.to_owned());
        }
    }
    Ok(tables)
}

/// Three levels, kept apart by `OFFSET 0` so that no value is hashed twice: hashes of the values,
/// hashes of the rows, sums. A row of answer is the count, the table's two sums, and an array of
/// the columns' sums.
fn digest_query(table: &Table) -> String {
    let mut values = String::new();
    for (at, column) in table.columns.iter().enumerate() {
        let column = crate::literal::identifier(column);
        let _ = write!(
            values,
            "{comma}hashtextextended(concat(num_nulls(t.{column}), t.{column}) COLLATE \"C\", 0) \
             AS h{at}",
            comma = if at > 0 { ", " } else { "" },
        );
    }
    let sums: Vec<String> = (0..table.columns.len()).map(|at| format!("sum(h{at})")).collect();
    format!(
        "SELECT count(*), sum(hashtextextended(r COLLATE \"C\", 1)), \
           sum(hashtextextended(r COLLATE \"C\", 2)), ARRAY[{sums}]::text[] \
         FROM (SELECT {row} AS r, v.* FROM (SELECT {values} FROM ONLY {relation} t OFFSET 0) v \
           OFFSET 0) w",
        sums = sums.join(", "),
        row = row_text(&table.columns),
        relation = table.relation,
    )
}

/// A row's hashes as one text, in the order of the columns' names: that of an inherited table's
/// columns is another one after a restore.
fn row_text(columns: &[String]) -> String {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|&at| &columns[at]);
    let parts: Vec<String> = order
        .chunks(ARGUMENTS)
        .map(|part| {
            let hashes: Vec<String> = part.iter().map(|at| format!("h{at}")).collect();
            format!("concat_ws(' ', {})", hashes.join(", "))
        })
        .collect();
    match parts.as_slice() {
        [] => "''::text".to_owned(),
        parts => parts.join(" || ' ' || "),
    }
}

fn census(
    table: &Table,
    row: &SimpleQueryRow,
    depth: CensusDepth,
) -> Result<TableCensus, BackendError> {
    let rows = field(row, 0)?.parse().map_err(|_| unreadable("a count is no number"))?;
    let mut census =
        TableCensus { relation: table.relation.clone(), rows, digest: None, columns: Vec::new() };
    if depth == CensusDepth::Rows {
        return Ok(census);
    }
    // An empty table has no sums.
    let sum = |text: Option<&str>| hex(text.unwrap_or("0"));
    let field_of = |at| row.try_get(at).map_err(|error| unreadable(&error.to_string()));
    census.digest = Some(format!("{rows:x}-{}-{}", sum(field_of(1)?)?, sum(field_of(2)?)?));
    let sums = field(row, 3)?;
    let sums = sums.trim_start_matches('{').trim_end_matches('}');
    let sums = sums.split(',').filter(|it| !it.is_empty());
    for (column, text) in table.columns.iter().zip(sums) {
        let digest = sum(Some(text).filter(|it| *it != "NULL"))?;
        census.columns.push(ColumnDigest { column: column.clone(), digest });
    }
    if census.columns.len() == table.columns.len() {
        Ok(census)
    } else {
        Err(unreadable("a column's digest is missing"))
    }
}

/// A sum of 64-bit hashes as hexadecimal digits: below 2¹²⁷ for every table that can be.
fn hex(sum: &str) -> Result<String, BackendError> {
    let sum: i128 = sum.parse().map_err(|_| unreadable("a digest is no number"))?;
    Ok(format!("{sum:032x}"))
}

fn unreadable(reason: &str) -> BackendError {
    BackendError::Settings {
        message: format!("the tables cannot be read: {reason}"),
        remedy: "name the database itself, without a pooler between, and run the command again"
            .to_owned(),
    }
}
