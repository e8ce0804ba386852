//! The relations that a plan names, as the server knows them.

use std::collections::BTreeMap;
use std::time::Duration;

use stopover_backend::{BackendError, SurroundingsRequest};
use stopover_model::LockMode;
use stopover_model::harness::{Fact, TouchedRelation};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, count, first};
use super::catalogs::USERS;
use crate::literal::literal;
use crate::lock::number;
use crate::session::text;

/// Longest wait for a look at a table's size: who waits there has others behind.
const IN_PASSING: Duration = Duration::from_millis(100);

/// What the names of a plan mean to the session.
pub(super) struct Named {
    /// The relation of each name, by its object identifier as text.
    pub(super) relations: Fact<BTreeMap<String, String>>,
    /// Where a name without a schema is made.
    pub(super) schema: Option<String>,
}

/// Looks up all names, as the session looks for them.
pub(super) async fn named(
    asking: &mut Asking<'_>,
    request: &SurroundingsRequest,
) -> Result<Named, BackendError> {
    let mut names: Vec<&str> = request.relations.iter().map(|it| it.relation.as_str()).collect();
    names.extend(request.needs.iter().filter(|it| it.kind.is_on_relation()).map(|it| &*it.subject));
    names.sort_unstable();
    names.dedup();
    let mut sql = "SELECT pg_catalog.current_schema()".to_owned();
    for name in &names {
        sql.push_str(&format!(
            ";SELECT pg_catalog.to_regclass({}::pg_catalog.text)::pg_catalog.oid::pg_catalog.text",
            literal(name)
        ));
    }
    let sets = asking.ask_as_session(&sql).await?;
    let schema = sets.read().and_then(|sets| text(sets.first()?.first()?, 0));
    let relations = sets.map(|sets| {
        let found = |(name, rows): (&&str, Vec<SimpleQueryRow>)| {
            Some(((*name).to_owned(), text(rows.first()?, 0)?))
        };
        names.iter().zip(sets.into_iter().skip(1)).filter_map(found).collect()
    });
    Ok(Named { relations, schema })
}

/// What the plan touches: what it names, the table of an index, partitions and heirs, and what
/// hangs by foreign keys on what is dropped. A name that the session does not find may be meant for
/// another schema, by a script that sets its own search path: it is taken for all of that name.
pub(super) async fn touched(
    asking: &mut Asking<'_>,
    request: &SurroundingsRequest,
    named: &Named,
) -> Result<Fact<Vec<TouchedRelation>>, BackendError> {
    let known = match &named.relations {
        Fact::Read(known) => known,
        Fact::Unread(unread) => return Ok(Fact::Unread(unread.clone())),
        Fact::NotHere => return Ok(Fact::NotHere),
    };
    if request.relations.is_empty() {
        return Ok(Fact::Read(Vec::new()));
    }
    let row = |it: &stopover_model::harness::WrittenRelation| {
        let oid = known.get(&it.relation).map_or("NULL", String::as_str);
        let rank = LockMode::of(&it.mode).map_or(8, |mode| mode as usize);
        format!("({}, {oid}::oid, {rank}, {})", literal(&it.relation), it.with_partners)
    };
    let rows: Vec<String> = request.relations.iter().map(row).collect();
    let sql = query(&rows.join(", "));
    let rows = match asking.ask(&sql).await?.map(first) {
        Fact::Read(rows) => rows,
        Fact::Unread(unread) => return Ok(Fact::Unread(unread)),
        Fact::NotHere => return Ok(Fact::NotHere),
    };
    let sizes = sizes(asking, &rows).await?;
    let read = |row: &SimpleQueryRow| {
        let rank = number(row, 2).and_then(|it| usize::try_from(it).ok()).unwrap_or(7);
        let mode = LockMode::ALL.get(rank).copied().unwrap_or(LockMode::AccessExclusive);
        let oid = text(row, 0)?;
        Some(TouchedRelation {
            relation: text(row, 1)?,
            mode: mode.name().to_owned(),
            bytes: sizes.get(&oid).copied().or_else(|| count(row, 3)),
        })
    };
    Ok(Fact::Read(rows.iter().filter_map(read).collect()))
}

/// Object identifier, name, rank of the strongest lock, and size by the last count of pages: asking
/// for the size itself would wait behind whoever has locked the table.
fn query(written: &str) -> String {
    format!(
        "WITH RECURSIVE written(name, oid, rank, partners) AS (VALUES {written}), \
         named AS (SELECT w.oid, w.rank, w.partners FROM written w WHERE w.oid IS NOT NULL \
           UNION ALL SELECT c.oid, w.rank, w.partners FROM written w \
           JOIN pg_class c ON c.relname = (parse_ident(w.name, false))[cardinality(parse_ident(w.name, false))] \
           JOIN pg_namespace n ON n.oid = c.relnamespace WHERE w.oid IS NULL AND {USERS}), \
         tables AS (SELECT coalesce(i.indrelid, m.oid) AS oid, m.rank, m.partners FROM named m \
           LEFT JOIN pg_index i ON i.indexrelid = m.oid), \
         family AS (SELECT * FROM tables UNION SELECT h.inhrelid, f.rank, f.partners FROM family f \
           JOIN pg_inherits h ON h.inhparent = f.oid), \
         partners AS (SELECT CASE k.conrelid WHEN f.oid THEN k.confrelid ELSE k.conrelid END AS oid, \
           f.rank FROM family f JOIN pg_constraint k ON k.contype = 'f' \
             AND f.oid IN (k.conrelid, k.confrelid) WHERE f.partners), \
         bereft AS (SELECT f.oid, f.rank FROM family f WHERE f.partners UNION \
           SELECT k.conrelid, b.rank FROM bereft b JOIN pg_constraint k \
             ON k.contype = 'f' AND k.confdeltype = 'c' AND k.confrelid = b.oid), \
         everyone AS (SELECT oid, rank FROM family UNION ALL SELECT oid, rank FROM partners \
           UNION ALL SELECT oid, rank FROM bereft) \
         SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), max(e.rank), \
           (SELECT sum(greatest(p.relpages, 0)::bigint) FROM pg_class p \
              WHERE p.oid IN (c.oid, c.reltoastrelid) \
                OR p.oid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = c.oid)) \
             * current_setting('block_size')::bigint \
         FROM everyone e JOIN pg_class c ON c.oid = e.oid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND n.nspname <> 'pg_catalog' \
         GROUP BY c.oid, n.nspname, c.relname, c.reltoastrelid ORDER BY 2"
    )
}

/// The true sizes, where nobody is in the way.
async fn sizes(
    asking: &mut Asking<'_>,
    rows: &[SimpleQueryRow],
) -> Result<BTreeMap<String, u64>, BackendError> {
    let oids: Vec<String> = rows.iter().filter_map(|row| text(row, 0)).collect();
    if oids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT c.oid, pg_total_relation_size(c.oid) FROM pg_class c WHERE c.oid IN ({})",
        oids.join(", ")
    );
    let read = asking.ask_in_passing(&sql, IN_PASSING).await?.map(first);
    let size = |row: &SimpleQueryRow| Some((text(row, 0)?, count(row, 1)?));
    Ok(read.read().into_iter().flatten().filter_map(size).collect())
}
