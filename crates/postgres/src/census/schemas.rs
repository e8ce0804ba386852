//! Schemas. `public` is no object: every fresh database has it, and a dump that lacks it does not
//! take it away.

use super::look::{Look, not_member};

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT 'schema', quote_ident(n.nspname), 'CREATE SCHEMA ' || quote_ident(n.nspname) \
         FROM pg_namespace n WHERE n.nspname <> 'public' AND {}",
        told(look)
    )
}

/// The condition that the schema `n` is told, itself or with its owner and grants: nobody's made
/// by an extension, and none that only what is left out is in.
pub(super) fn told(look: &Look) -> String {
    let shell = match look.shells.as_slice() {
        [] => "false".to_owned(),
        names => format!("n.nspname <> 'public' AND n.nspname IN ({})", names.join(", ")),
    };
    format!(
        "{ours} AND {own} AND NOT ({shell} AND NOT EXISTS (SELECT FROM pg_depend d \
           WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid \
           AND {there}))",
        ours = look.in_schemas("n.oid"),
        own = not_member("pg_namespace", "n.oid"),
        there = look.not_part("d.classid", "d.objid"),
    )
}
