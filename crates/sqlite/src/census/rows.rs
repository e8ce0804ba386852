//! What is in the tables: rows counted and digested, one table after the other, row by row, so
//! that memory stays flat.
//!
//! A virtual table is read as the table that it appears to be, and not by its inner ones, whose
//! bytes follow its history. One whose module is not there cannot be read; its inner tables are
//! then ordinary tables to SQLite, and are read as such.

use rusqlite::Connection;
use stopover_backend::{CensusDepth, Imprint, ImprintColumn};
use stopover_model::{ColumnDigest, TableCensus};

use super::names::{meant, shown};
use super::objects::columns;
use super::text::{is_word, significant};
use super::{Except, digest};
use crate::literal::{identifier, qualified};

const TABLES: &str = "SELECT s.name, l.type, s.sql \
     FROM main.sqlite_schema s JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name \
     WHERE s.type = 'table' AND l.type IN ('table', 'virtual') \
       AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.name";

/// The tables of which `chosen` says so, by the names that it is given.
pub(super) fn read(
    connection: &Connection,
    except: &Except,
    depth: CensusDepth,
    chosen: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<Vec<TableCensus>> {
    let names = names(connection, except)?;
    let names = names.iter().filter(|name| chosen(&shown(name)));
    names
        .map(|name| match depth {
            CensusDepth::Rows => counted(connection, name),
            CensusDepth::Digests => digested(connection, name),
        })
        .collect()
}

/// The tables that hold rows of their own, as a census names them.
pub(super) fn relations(connection: &Connection, except: &Except) -> rusqlite::Result<Vec<String>> {
    Ok(names(connection, except)?.iter().map(|it| shown(it)).collect())
}

/// The tables with their columns. What was written to is not known here, nor which table or column
/// it is but by its name.
pub(super) fn imprints(connection: &Connection, except: &Except) -> rusqlite::Result<Vec<Imprint>> {
    let sql = "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0 ORDER BY cid";
    let mut select = connection.prepare_cached(sql)?;
    let mut imprints = Vec::new();
    for table in names(connection, except)? {
        let columns = select.query_map([&table], |row| row.get::<_, String>(0))?;
        let column = |name: String| ImprintColumn { key: name.clone(), name };
        let columns = columns.map(|it| it.map(column)).collect::<rusqlite::Result<_>>()?;
        imprints.push(Imprint { columns, ..Imprint::bare(shown(&table)) });
    }
    Ok(imprints)
}

/// In how many rows of a table each of these columns has a value; `None` where there is no such
/// table.
pub(super) fn values(
    connection: &Connection,
    except: &Except,
    relation: &str,
    columns: &[String],
) -> rusqlite::Result<Option<Vec<u64>>> {
    let names = names(connection, except)?;
    let Some(table) = names.iter().find(|it| shown(it) == relation) else { return Ok(None) };
    // The table's name before each column's: a name that is no column would be a string.
    let counts: Vec<String> =
        columns.iter().map(|it| format!("count(t.{})", identifier(it))).collect();
    let sql = format!("SELECT {} FROM {} AS t", counts.join(", "), qualified(table));
    let count = |row: &rusqlite::Row<'_>| {
        (0..columns.len()).map(|at| row.get::<_, i64>(at).map(i64::unsigned_abs)).collect()
    };
    connection.query_row(&sql, [], count).map(Some)
}

fn names(connection: &Connection, except: &Except) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(TABLES)?;
    let mut rows = select.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, class, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let readable = class == "table" || has_module(connection, &sql)?;
        if readable && !except.has(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether the module of a virtual table is there: the name after `USING`.
fn has_module(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    let tokens = significant(sql);
    let using = tokens.iter().position(|it| is_word(it, "USING"));
    let Some(module) = using.and_then(|at| tokens.get(at + 1)) else { return Ok(false) };
    let there = "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = ?1 COLLATE NOCASE)";
    connection.query_row(there, [meant(module.text)], |row| row.get(0))
}

fn counted(connection: &Connection, table: &str) -> rusqlite::Result<TableCensus> {
    let sql = format!("SELECT count(*) FROM {}", qualified(table));
    let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(TableCensus {
        relation: shown(table),
        rows: rows.unsigned_abs(),
        digest: None,
        columns: Vec::new(),
    })
}

fn digested(connection: &Connection, table: &str) -> rusqlite::Result<TableCensus> {
    let columns = columns(connection, table)?;
    let names: Vec<String> = columns.iter().map(|it| identifier(it)).collect();
    // The table's name before each column's: a name that is no column would be a string.
    let names: Vec<String> = names.iter().map(|it| format!("t.{it}")).collect();
    let sql = format!("SELECT {} FROM {} AS t", names.join(", "), qualified(table));
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|&at| &columns[at]);

    let mut count = 0_u64;
    let mut whole = digest::Sum::default();
    let mut sums = vec![digest::Sum::default(); columns.len()];
    let mut hashes = vec![0_u128; columns.len()];
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        for (at, hash) in hashes.iter_mut().enumerate() {
            *hash = digest::value(row.get_ref(at)?);
            sums[at].add(*hash);
        }
        whole.add(digest::row(order.iter().map(|&at| hashes[at])));
        count += 1;
    }
    let digests = columns.into_iter().zip(sums);
    Ok(TableCensus {
        relation: shown(table),
        rows: count,
        digest: Some(format!("{count:x}-{}", whole.hex())),
        columns: digests.map(|(column, sum)| ColumnDigest { column, digest: sum.hex() }).collect(),
    })
}
