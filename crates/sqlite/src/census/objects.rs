//! Tables, columns, indexes, views, triggers, virtual tables.

use rusqlite::{Connection, Row};
use stopover_model::SchemaObject;

use super::Except;
use super::names::shown;
use super::table::TableText;
use super::text::{canonical, is_word, significant};

/// A row of `sqlite_schema`.
struct Entry {
    kind: String,
    name: String,
    table: String,
    sql: String,
    /// What `pragma_table_list` says of its table: `table`, `view`, `virtual` or `shadow`.
    class: String,
}

/// Indexes of constraints have no text, and follow from those.
const ENTRIES: &str = "SELECT s.type, s.name, s.tbl_name, s.sql, coalesce(l.type, '') \
     FROM main.sqlite_schema s LEFT JOIN pragma_table_list l \
       ON l.schema = 'main' AND l.name = s.tbl_name \
     WHERE s.sql IS NOT NULL AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

pub(super) fn read(
    connection: &Connection,
    except: &Except,
) -> rusqlite::Result<Vec<SchemaObject>> {
    let mut select = connection.prepare(ENTRIES)?;
    let mut rows = select.query([])?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        if entry.class == "shadow" || except.has(&entry.table) {
            continue;
        }
        if entry.kind == "table" && entry.class != "virtual" {
            objects.extend(table(connection, &entry)?);
        } else {
            objects.push(other(&entry));
        }
    }
    Ok(objects)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        kind: row.get(0)?,
        name: row.get(1)?,
        table: row.get(2)?,
        sql: row.get(3)?,
        class: row.get(4)?,
    })
}

/// A table and its columns.
fn table(connection: &Connection, entry: &Entry) -> rusqlite::Result<Vec<SchemaObject>> {
    let identity = shown(&entry.name);
    let object = |definition| SchemaObject {
        kind: "table".to_owned(),
        identity: identity.clone(),
        definition,
    };
    let columns = columns(connection, &entry.name)?;
    let text =
        TableText::of(&entry.sql).filter(|it| it.columns.iter().map(|(name, _)| name).eq(&columns));
    // A text that SQLite reads in another way than we do is told as it is.
    let Some(text) = text else { return Ok(vec![object(canonical(&significant(&entry.sql)))]) };
    let names: Vec<String> = columns.iter().map(|it| shown(it)).collect();
    let mut lines = vec![format!("columns: {}", names.join(", "))];
    lines.extend(text.rest);
    let column = |(name, definition): (String, String)| SchemaObject {
        kind: "column".to_owned(),
        identity: format!("{identity}.{}", shown(&name)),
        definition,
    };
    let mut objects = vec![object(lines.join("\n"))];
    objects.extend(text.columns.into_iter().map(column));
    Ok(objects)
}

/// The names of a table's columns, generated ones too, in their order.
pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid";
    connection.prepare_cached(sql)?.query_map([table], |row| row.get(0))?.collect()
}

/// An index, a view, a trigger or a virtual table: its text, under its name of today.
fn other(entry: &Entry) -> SchemaObject {
    let tokens = significant(&entry.sql);
    let kinds = ["TABLE", "INDEX", "VIEW", "TRIGGER"];
    let kind = tokens.iter().position(|token| kinds.iter().any(|it| is_word(token, it)));
    let definition = match kind {
        Some(at) if tokens.len() > at + 2 => format!(
            "{} {} {}",
            canonical(&tokens[..=at]).to_ascii_uppercase(),
            shown(&entry.name),
            canonical(&tokens[at + 2..])
        ),
        _ => canonical(&tokens),
    };
    let kind = if entry.kind == "table" { "virtual table" } else { &entry.kind };
    SchemaObject { kind: kind.to_owned(), identity: shown(&entry.name), definition }
}
