//! What is neither in the schema nor a row of a user's table: how far sequences have come, whether
//! materialized views are filled, which large objects there are, rows that extensions keep for the
//! users, and which object is which.
//!
//! Not what large objects hold: only superusers may read all of them.

use stopover_backend::BackendError;
use stopover_model::{Mark, MarkKind};

use super::look::{Look, named};
use super::{field, privileges};
use crate::session::PostgresSession;

pub(super) async fn read(
    session: &mut PostgresSession,
    look: &Look,
) -> Result<Vec<Mark>, BackendError> {
    let queries = [states(look), privileges::identities(look), sequences(look), kept()];
    let sets = session.rows(&queries.join(";\n")).await?;
    let mut marks = Vec::new();
    let mut more = Vec::new();
    for (kind, rows) in [MarkKind::State, MarkKind::Object].into_iter().zip(&sets) {
        for row in rows {
            marks.push(Mark { kind, what: field(row, 0)?, value: field(row, 1)? });
        }
    }
    // Each of these has to be asked itself.
    for (kind, rows) in [MarkKind::Position, MarkKind::State].into_iter().zip(sets.iter().skip(2)) {
        for row in rows {
            more.push((kind, field(row, 0)?, field(row, 1)?));
        }
    }
    for batch in more.chunks(50) {
        let sql: Vec<&str> = batch.iter().map(|(_, _, sql)| sql.as_str()).collect();
        let sets = session.rows(&sql.join(";\n")).await?;
        for ((kind, what, _), rows) in batch.iter().zip(&sets) {
            let value = match rows.first() {
                Some(row) => field(row, 0)?,
                None => String::new(),
            };
            marks.push(Mark { kind: *kind, what: what.clone(), value });
        }
    }
    Ok(marks)
}

/// What is or is not so. An extension that was made again has lost the rows that it kept, also
/// those that nobody else may read.
fn states(look: &Look) -> String {
    format!(
        "SELECT 'materialized view ' || {name}, \
           CASE WHEN c.relispopulated THEN 'filled' ELSE 'not filled' END \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'm' AND {ours} \
         UNION ALL SELECT 'the large objects', count(*) || ' of them (' || \
           coalesce(sum(hashtextextended(concat_ws(' ', m.oid, m.lomowner, m.lomacl), 0)), 0) \
           || ')' FROM pg_largeobject_metadata m \
         UNION ALL SELECT 'extension ' || quote_ident(e.extname) || ', with the rows that it keeps', \
           e.oid::text FROM pg_extension e WHERE e.extconfig IS NOT NULL",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}

/// The query of each sequence: the number that it gives next, in the direction that it counts.
fn sequences(look: &Look) -> String {
    format!(
        "SELECT 'sequence ' || {name}, \
           format('SELECT (last_value::numeric + CASE WHEN is_called THEN %s ELSE 0 END) * %s \
                   FROM %s', s.seqincrement, sign(s.seqincrement), {name}) \
         FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE {ours}",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}

/// The query of each table of an extension's whose rows a dump brings along.
fn kept() -> String {
    format!(
        "SELECT 'table ' || {name} || ' of extension ' || quote_ident(e.extname), \
           format('SELECT count(*) || '' rows ('' || \
                   coalesce(sum(hashtextextended(t::text COLLATE \"C\", 0)), 0) || '')'' \
                   FROM ONLY %s t', {name}) \
         FROM pg_extension e CROSS JOIN unnest(e.extconfig) k \
         JOIN pg_class c ON c.oid = k JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT') \
           AND NOT row_security_active(c.oid)",
        name = named("c", "relname"),
    )
}
