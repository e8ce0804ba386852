//! Rows whose parent is missing. SQLite looks at foreign keys only in sessions that ask for it, so
//! each may have some.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use stopover_model::harness::{Fact, ForeignKeyFacts, ForeignKeyFault, OrphanRows};

use crate::literal::identifier;

/// How many rows are shown.
const SAMPLES: usize = 5;

/// What `foreign_key_check` tells of one key of one table.
#[derive(Default)]
struct Found {
    count: u64,
    /// Row identifiers; a table without them has none.
    rows: Vec<i64>,
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<ForeignKeyFacts>> {
    let mut found: BTreeMap<(String, String, i64), Found> = BTreeMap::new();
    let mut check = connection.prepare("PRAGMA main.foreign_key_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let key = (row.get(0)?, row.get(2)?, row.get(3)?);
        let of = found.entry(key).or_default();
        of.count += 1;
        if of.rows.len() < SAMPLES {
            of.rows.extend(row.get::<_, Option<i64>>(1)?);
        }
    }
    let facts = |((table, parent, key), found)| facts(connection, table, parent, key, &found);
    found.into_iter().map(facts).collect()
}

/// Columns of a key, and those that it points to; `None` for the parent's primary key.
fn columns(
    connection: &Connection,
    table: &str,
    parent: &str,
    key: i64,
) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') WHERE id = ?2 \
               ORDER BY seq";
    let mut list = connection.prepare(sql)?;
    let pairs = list.query_map(params![table, key], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    let pairs: Vec<_> = pairs.collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT name FROM pragma_table_info(?1, 'main') WHERE pk > 0 ORDER BY pk";
    let mut primary = connection.prepare(sql)?;
    let primary: Vec<String> =
        primary.query_map([parent], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let named = |(at, (from, to)): (usize, (String, Option<String>))| {
        let to = to.or_else(|| primary.get(at).cloned()).unwrap_or_else(|| "rowid".to_owned());
        (from, to)
    };
    Ok(pairs.into_iter().enumerate().map(named).collect())
}

fn facts(
    connection: &Connection,
    table: String,
    parent: String,
    key: i64,
    found: &Found,
) -> rusqlite::Result<ForeignKeyFacts> {
    let columns = columns(connection, &table, &parent, key)?;
    let given: Vec<String> =
        columns.iter().map(|(from, _)| format!("c.{} IS NOT NULL", identifier(from))).collect();
    let join: Vec<String> = columns
        .iter()
        .map(|(from, to)| format!("p.{} = c.{}", identifier(to), identifier(from)))
        .collect();
    // A table that is not there has no row at all.
    let is_there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1, 'main'))",
        [&parent],
        |row| row.get(0),
    )?;
    let missing = if is_there {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
            identifier(&parent),
            join.join(" AND ")
        )
    } else {
        String::new()
    };
    let condition = format!("{}{missing}", given.join(" AND "));
    let from = format!("{} AS c WHERE {condition}", identifier(&table));
    let names: Vec<String> = columns.iter().map(|(from, _)| identifier(from)).collect();
    Ok(ForeignKeyFacts {
        constraint: format!("FOREIGN KEY ({})", names.join(", ")),
        table,
        parent,
        fault: ForeignKeyFault::PerSession,
        orphans: Fact::Read(OrphanRows {
            count: found.count,
            samples: found.rows.iter().map(|it| format!("rowid = {it}")).collect(),
            list: format!("SELECT c.* FROM {from}"),
            delete: format!("DELETE FROM {from}"),
        }),
    })
}
