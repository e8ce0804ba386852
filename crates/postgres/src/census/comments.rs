//! Comments and security labels: each an object of its own, so that a changed comment is no
//! changed table.

use super::look::{FIRST_OF_USERS, Look};

/// The comment that `initdb` gives the schema `public`.
const PUBLICS: &str = "standard public schema";

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT 'comment', i.type || ' ' || i.identity, d.description \
         FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i \
         WHERE {described} \
           AND NOT (d.classoid = 'pg_namespace'::regclass AND d.description = '{PUBLICS}') \
         UNION ALL \
         SELECT 'security label', i.type || ' ' || i.identity || ' by ' || quote_ident(l.provider), \
           l.label \
         FROM pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) i \
         WHERE {labelled}",
        described = ours(look, "d"),
        labelled = ours(look, "l"),
    )
}

/// The condition that the object of a row of `pg_description` or `pg_seclabel` is one that is told.
fn ours(look: &Look, alias: &str) -> String {
    let public = format!(
        "({alias}.classoid = 'pg_namespace'::regclass AND EXISTS (SELECT FROM pg_namespace n \
         WHERE n.oid = {alias}.objoid AND n.nspname = 'public'))"
    );
    format!(
        "({alias}.objoid >= {FIRST_OF_USERS} OR {public}) \
         AND {alias}.classoid <> 'pg_largeobject'::regclass \
         AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.oid = {alias}.objoid \
           AND e.extname = 'plpgsql') \
         AND NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = {alias}.classoid \
           AND m.objid = {alias}.objoid AND m.objsubid = 0 AND m.deptype = 'e') \
         AND NOT EXISTS (SELECT FROM pg_class t WHERE {alias}.classoid = 'pg_class'::regclass \
           AND t.oid = {alias}.objoid AND t.relpersistence = 't') AND {not_part}",
        not_part = look.not_part(&format!("{alias}.classoid"), &format!("{alias}.objoid")),
    )
}
