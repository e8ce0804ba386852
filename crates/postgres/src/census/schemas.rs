//! Schemas. `public` is no object: every fresh database has it, and a dump that lacks it does not
//! take it away.

use super::look::{Look, not_member};

pub(super) fn query(look: &Look) -> String {
    let shell = match look.shells.as_slice() {
        [] => "false".to_owned(),
        names => format!("n.nspname IN ({})", names.join(", ")),
    };
    format!(
        "SELECT 'schema', quote_ident(n.nspname), 'CREATE SCHEMA ' || quote_ident(n.nspname) \
         FROM pg_namespace n \
         WHERE {ours} AND n.nspname <> 'public' AND {own} \
           AND NOT ({shell} AND NOT EXISTS (SELECT FROM pg_depend d \
             WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid \
             AND NOT (d.classid = 'pg_class'::regclass AND NOT {there})))",
        ours = look.in_schemas("n.oid"),
        own = not_member("pg_namespace", "n.oid"),
        there = look.not_except("d.objid"),
    )
}
