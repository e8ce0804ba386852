//! What must be known of a table before its data is loaded by other sessions.

use crate::restore::error::RestoreError;
use crate::restore::keeper::Keeper;

/// How a table's data can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loading {
    /// In its place among all others: its own code may look at other tables, or it is none.
    InPlace,
    /// Beside others.
    Beside,
    /// Beside others, and frozen: it is empty, and nothing hangs on it.
    Frozen,
}

/// Looks at the table `name` of `schema`.
pub(super) async fn look_at(
    keeper: &mut Keeper,
    schema: &str,
    name: &str,
) -> Result<Loading, RestoreError> {
    let failed =
        |error: tokio_postgres::Error| RestoreError::of_server("looking at a table", &error);
    let statement = match &keeper.table_query {
        Some(statement) => statement.clone(),
        None => {
            let made = keeper.own.client.prepare(&query(keeper.server_major)).await;
            keeper.table_query.insert(made.map_err(failed)?).clone()
        }
    };
    let row = keeper.own.client.query_opt(&statement, &[&schema, &name]).await.map_err(failed)?;
    Ok(match row.map(|row| (row.get::<_, bool>(0), row.get::<_, bool>(1))) {
        None | Some((true, _)) => Loading::InPlace,
        Some((false, true)) => Loading::Frozen,
        Some((false, false)) => Loading::Beside,
    })
}

/// Whether the table has code of its own, and whether it is empty and free.
///
/// Functions and operators that came with the server leave no trace in `pg_depend`: whatever a
/// check or a generated column depends on there is the dump's or an extension's.
fn query(server_major: u32) -> String {
    let code = "d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                    'pg_catalog.pg_operator'::pg_catalog.regclass)";
    let generated = if server_major >= 12 {
        format!(
            "OR EXISTS (
                SELECT FROM pg_catalog.pg_attribute AS a
                JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
                JOIN pg_catalog.pg_depend AS d
                    ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
                WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND {code})"
        )
    } else {
        String::new()
    };
    // The first object identifier that is not the server's own (FirstNormalObjectId).
    let own_types = "SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped";
    format!(
        "SELECT c.relkind NOT IN ('r', 'p') OR c.relhasrules OR c.relhastriggers OR EXISTS (
                SELECT FROM pg_catalog.pg_constraint AS k
                JOIN pg_catalog.pg_depend AS d
                    ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                    AND d.objid = k.oid AND {code}
                WHERE k.contype = 'c'
                    AND (k.conrelid = c.oid OR k.contypid <> 0 AND EXISTS ({own_types})))
                {generated},
            c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relhasindex
                AND pg_catalog.pg_relation_size(c.oid) = 0
                AND NOT EXISTS (
                    SELECT FROM pg_catalog.pg_constraint AS k WHERE k.confrelid = c.oid)
         FROM pg_catalog.pg_class AS c
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = $1::text AND c.relname = $2::text"
    )
}
