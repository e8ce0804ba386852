//! Who has which rights on which relation.

use stopover_backend::BackendError;
use stopover_model::harness::{Fact, Grants};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, first, list, names};
use super::catalogs::USERS;
use crate::session::text;

/// Rights on relations and on columns. What an owner has is the same for every owner.
pub(super) async fn grants(asking: &mut Asking<'_>) -> Result<Fact<Vec<Grants>>, BackendError> {
    let name = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)";
    let rights = |acl: &str| {
        let right = "CASE x.grantee WHEN 0 THEN 'PUBLIC' \
             ELSE quote_ident(pg_get_userbyid(x.grantee)) END || ': ' || x.privilege_type";
        format!("(SELECT {} FROM aclexplode({acl}) x WHERE x.grantee <> c.relowner)", list(right))
    };
    let sql = format!(
        "SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' \
             WHEN 'S' THEN 'sequence ' ELSE 'table ' END || {name}, {name}, c.oid, {relations} \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {USERS} \
         UNION ALL SELECT 'column ' || {name} || '.' || quote_ident(a.attname), {name}, c.oid, \
           {columns} FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND {USERS} ORDER BY 1",
        relations = rights("c.relacl"),
        columns = rights("a.attacl"),
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| {
        let read = |row: &SimpleQueryRow| Grants {
            subject: text(row, 0).unwrap_or_default(),
            relation: text(row, 1).unwrap_or_default(),
            object: text(row, 2).unwrap_or_default(),
            rights: names(row, 3),
        };
        rows.iter().map(read).collect()
    }))
}
