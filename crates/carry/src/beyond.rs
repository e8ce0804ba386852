//! What belongs to the schemas and is in none of them: nobody fails on it, and it is not carried.
//! It is told.

use stopover_model::Finding;
use stopover_postgres::literal::literal;

use crate::compare::named;
use crate::error::{Fatal, Side};
use crate::line::{Line, text};

/// So many of a kind are named.
const NAMED: usize = 20;

/// Looks for it in the source.
pub(crate) async fn look(source: &Line, schemas: &[String]) -> Result<Vec<Finding>, Fatal> {
    let list: Vec<String> = schemas.iter().map(|it| literal(it)).collect();
    let list = list.join(", ");
    let ask = async |sql: &str| -> Result<Vec<String>, Fatal> {
        let rows = source.rows(&sql.replace("{names}", &list)).await;
        let rows = rows.map_err(|it| it.fatal(Side::Source))?;
        Ok(rows.iter().map(|row| text(row, 0)).collect())
    };
    let (children, objects) = (ask(CHILDREN).await?, ask(LARGE_OBJECTS).await?);
    Ok(outside(&children).into_iter().chain(large_objects(&objects)).collect())
}

/// Tables elsewhere whose rows are also rows of a carried one.
const CHILDREN: &str = "SELECT \
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) \
     FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent \
     JOIN pg_catalog.pg_namespace s ON s.oid = p.relnamespace \
     JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' \
       AND s.nspname IN ({names}) AND n.nspname NOT IN ({names}) ORDER BY 1";

/// Columns that may name large objects, where there are any.
const LARGE_OBJECTS: &str = "SELECT pg_catalog.quote_ident(n.nspname) || '.' || \
       pg_catalog.quote_ident(c.relname) || '.' || pg_catalog.quote_ident(a.attname) \
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_type y ON y.oid = a.atttypid \
     WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped \
       AND n.nspname IN ({names}) \
       AND 'pg_catalog.oid'::pg_catalog.regtype IN (y.oid, y.typbasetype) \
       AND EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) ORDER BY 1";

fn outside(tables: &[String]) -> Option<Finding> {
    (!tables.is_empty()).then(|| {
        Finding::warning(
            "carry-outside",
            subject(tables, "tables"),
            format!(
                "partitions or children of carried tables are in schemas that are not carried, and \
                 so are their rows: {}",
                named(tables, NAMED)
            ),
            "name their schemas with --schema too, where the rows are meant to come along",
        )
    })
}

fn large_objects(columns: &[String]) -> Option<Finding> {
    (!columns.is_empty()).then(|| {
        Finding::warning(
            "carry-large-objects",
            subject(columns, "columns"),
            format!(
                "large objects belong to no schema and are not carried; the source has some, and \
                 these columns may name them: {}",
                named(columns, NAMED)
            ),
            "bring them by other means, or keep such values in a column of the type bytea",
        )
    })
}

fn subject(all: &[String], what: &str) -> String {
    match all {
        [one] => one.clone(),
        many => format!("{} {what}", many.len()),
    }
}
