//! One moment of the source: what is in the schemas, under locks that keep it so, and a snapshot
//! that every reader shares.

use stopover_postgres::literal::literal;

use crate::error::{Fatal, Side};
use crate::line::{Line, number, text, truth};

/// Longest wait for somebody who changes a table.
const LOCK_WAIT: &str = "5min";
/// So often a schema that changes while it is looked at is looked at again.
const TRIES: u32 = 5;

/// A transaction that sees one moment of the source, and writes nothing.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What is in a schema and has data. Names are as SQL writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// `schema.table`
    pub(crate) relation: String,
    /// Its columns but generated ones, in brackets; empty where it has none.
    pub(crate) columns: String,
    /// What it takes on disk, with its large values, without indexes.
    pub(crate) bytes: u64,
}

/// How far a sequence has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) relation: String,
    pub(crate) value: String,
    pub(crate) called: bool,
}

/// One moment of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) snapshot: String,
    /// Tables with rows of their own, sorted by name.
    pub(crate) tables: Vec<Table>,
    pub(crate) positions: Vec<Position>,
    /// Materialized views that are filled.
    pub(crate) filled: Vec<String>,
    /// Extensions in the schemas.
    pub(crate) extensions: Vec<String>,
    /// The schemas' own comments.
    pub(crate) comments: Vec<(String, Option<String>)>,
}

/// Which of the schemas are there.
pub(crate) async fn present(line: &Line, schemas: &[String]) -> Result<Vec<String>, Fatal> {
    let sql =
        format!("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname IN ({})", list(schemas));
    let rows = line.rows(&sql).await.map_err(|it| it.fatal(Side::Source))?;
    let there: Vec<String> = rows.iter().map(|row| text(row, 0)).collect();
    Ok(schemas.iter().filter(|name| there.contains(name)).cloned().collect())
}

/// Joins `line` to the moment of `snapshot`.
pub(crate) async fn join(line: &Line, snapshot: &str) -> Result<(), Fatal> {
    let sql = format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", literal(snapshot));
    line.run(&sql).await.map_err(|it| it.fatal(Side::Source))
}

impl Moment {
    /// Opens it in `line`, which keeps it until it is dropped. Tables are locked first, against
    /// changes of their definition only, and looked at then: what is seen stays.
    pub(crate) async fn open(line: &Line, schemas: &[String]) -> Result<Self, Fatal> {
        for _ in 0..TRIES {
            let before = identities(line, schemas).await?;
            if let Some(moment) = Self::try_open(line, schemas, &before).await? {
                return Ok(moment);
            }
        }
        Err(Fatal(format!(
            "source: tables came and went while it was looked at, {TRIES} times in a row"
        )))
    }

    async fn try_open(
        line: &Line,
        schemas: &[String],
        tables: &[(String, String)],
    ) -> Result<Option<Self>, Fatal> {
        use crate::error::Trouble;
        let names: Vec<String> = tables.iter().map(|(_, name)| format!("ONLY {name}")).collect();
        let lock = if names.is_empty() {
            String::new()
        } else {
            let names = names.join(", ");
            format!(
                "; SET LOCAL lock_timeout = '{LOCK_WAIT}'; LOCK TABLE {names} IN ACCESS SHARE MODE"
            )
        };
        match line.run(&format!("{BEGIN}{lock}")).await {
            Ok(()) => {}
            // A source's refusals end everything, but a table that is gone by now means only that
            // the list is old.
            Err(Trouble::Fatal(Fatal(reason))) if reason.contains("(SQLSTATE 42P01)") => {
                line.run("ROLLBACK").await.map_err(|it| it.fatal(Side::Source))?;
                return Ok(None);
            }
            Err(trouble) => return Err(trouble.fatal(Side::Source)),
        }
        if identities(line, schemas).await? != tables {
            line.run("ROLLBACK").await.map_err(|it| it.fatal(Side::Source))?;
            return Ok(None);
        }
        readable(line, schemas).await?;
        let snapshot = rows(line, "SELECT pg_catalog.pg_export_snapshot()").await?;
        let moment = Self {
            snapshot: snapshot.first().map(|row| text(row, 0)).unwrap_or_default(),
            tables: read_tables(line, schemas).await?,
            positions: positions(line, schemas).await?,
            filled: filled(line, schemas).await?,
            extensions: extensions(line, schemas).await?,
            comments: comments(line, schemas).await?,
        };
        Ok(Some(moment))
    }

    /// About as many bytes as there are to be passed on.
    pub(crate) fn bytes(&self) -> u64 {
        self.tables.iter().map(|it| it.bytes).sum()
    }
}

async fn rows(line: &Line, sql: &str) -> Result<Vec<tokio_postgres::SimpleQueryRow>, Fatal> {
    line.rows(sql).await.map_err(|it| it.fatal(Side::Source))
}

fn list(schemas: &[String]) -> String {
    let list: Vec<String> = schemas.iter().map(|it| literal(it)).collect();
    if list.is_empty() { "NULL".to_owned() } else { list.join(", ") }
}

/// `schema.name` of the row `c` of `pg_class` in the schema `n`.
const NAME: &str = "pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)";

/// Relations of the schemas that no extension made.
fn relations(schemas: &[String], kinds: &str) -> String {
    format!(
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ({}) AND c.relkind IN ({kinds}) AND c.relpersistence <> 't' \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend m \
           WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid \
           AND m.objsubid = 0 AND m.deptype = 'e')",
        list(schemas)
    )
}

/// Identifier and name of every table that can be locked.
async fn identities(line: &Line, schemas: &[String]) -> Result<Vec<(String, String)>, Fatal> {
    let sql = format!("SELECT c.oid, {NAME} {} ORDER BY c.oid", relations(schemas, "'r', 'p'"));
    Ok(rows(line, &sql).await?.iter().map(|row| (text(row, 0), text(row, 1))).collect())
}

/// A hot standby has no rows of unlogged tables and sequences, and an obscure error for whoever
/// asks.
async fn readable(line: &Line, schemas: &[String]) -> Result<(), Fatal> {
    let sql = format!(
        "SELECT {NAME} {} AND c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery() ORDER BY 1",
        relations(schemas, "'r', 'S', 'm'")
    );
    let unlogged: Vec<String> = rows(line, &sql).await?.iter().map(|row| text(row, 0)).collect();
    if unlogged.is_empty() {
        return Ok(());
    }
    Err(Fatal(format!(
        "source: it is a standby, which has no rows of what is unlogged: {}; carry from its \
         primary, or make them logged there",
        unlogged.join(", ")
    )))
}

async fn read_tables(line: &Line, schemas: &[String]) -> Result<Vec<Table>, Fatal> {
    let sql = format!(
        "SELECT {NAME}, (SELECT '(' || pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), \
             ', ' ORDER BY a.attnum) || ')' FROM pg_catalog.pg_attribute a \
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
           AND a.attgenerated = ''), pg_catalog.pg_table_size(c.oid) {} \
         ORDER BY {NAME} COLLATE pg_catalog.\"C\"",
        relations(schemas, "'r'")
    );
    let table =
        |row: &_| Table { relation: text(row, 0), columns: text(row, 1), bytes: number(row, 2) };
    Ok(rows(line, &sql).await?.iter().map(table).collect())
}

async fn filled(line: &Line, schemas: &[String]) -> Result<Vec<String>, Fatal> {
    let sql = format!("SELECT {NAME} {} AND c.relispopulated", relations(schemas, "'m'"));
    Ok(rows(line, &sql).await?.iter().map(|row| text(row, 0)).collect())
}

/// How far sequences have come. They know no transaction: read after the snapshot was taken, they
/// are never behind the rows.
async fn positions(line: &Line, schemas: &[String]) -> Result<Vec<Position>, Fatal> {
    /// So many are read with one request.
    const BATCH: usize = 200;
    let sql = format!("SELECT {NAME} {} ORDER BY 1", relations(schemas, "'S'"));
    let names: Vec<String> = rows(line, &sql).await?.iter().map(|row| text(row, 0)).collect();
    let mut positions = Vec::with_capacity(names.len());
    for some in names.chunks(BATCH) {
        let one =
            |name: &String| format!("SELECT {}, last_value, is_called FROM {name}", literal(name));
        let sql = some.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
        positions.extend(rows(line, &sql).await?.iter().map(|row| Position {
            relation: text(row, 0),
            value: text(row, 1),
            called: truth(row, 2),
        }));
    }
    Ok(positions)
}

async fn extensions(line: &Line, schemas: &[String]) -> Result<Vec<String>, Fatal> {
    let sql = format!(
        "SELECT e.extname FROM pg_catalog.pg_extension e \
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname IN ({})",
        list(schemas)
    );
    Ok(rows(line, &sql).await?.iter().map(|row| text(row, 0)).collect())
}

async fn comments(line: &Line, schemas: &[String]) -> Result<Vec<(String, Option<String>)>, Fatal> {
    let sql = format!(
        "SELECT nspname, pg_catalog.obj_description(oid, 'pg_namespace') \
         FROM pg_catalog.pg_namespace WHERE nspname IN ({})",
        list(schemas)
    );
    let comment = |row: &tokio_postgres::SimpleQueryRow| {
        (text(row, 0), row.try_get(1).ok().flatten().map(str::to_owned))
    };
    Ok(rows(line, &sql).await?.iter().map(comment).collect())
}
