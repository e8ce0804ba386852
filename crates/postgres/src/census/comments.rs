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
    let not_left_out = if look.leaves_out() { left_out(look, alias) } else { String::new() };
    format!(
        "({alias}.objoid >= {FIRST_OF_USERS} OR {public}) \
         AND {alias}.classoid <> 'pg_largeobject'::regclass \
         AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.oid = {alias}.objoid \
           AND e.extname = 'plpgsql') \
         AND NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = {alias}.classoid \
           AND m.objid = {alias}.objoid AND m.objsubid = 0 AND m.deptype = 'e') \
         AND NOT EXISTS (SELECT FROM pg_class t WHERE {alias}.classoid = 'pg_class'::regclass \
           AND t.oid = {alias}.objoid AND t.relpersistence = 't') {not_left_out}"
    )
}

/// The relations left out, and what belongs to them: constraints, triggers, rules, policies.
fn left_out(look: &Look, alias: &str) -> String {
    format!(
        "AND NOT ({alias}.classoid = 'pg_class'::regclass AND NOT {relation}) \
         AND NOT EXISTS (SELECT FROM pg_depend b WHERE b.classid = {alias}.classoid \
           AND b.objid = {alias}.objoid AND b.refclassid = 'pg_class'::regclass \
           AND b.deptype IN ('a', 'i') AND NOT {owner})",
        relation = look.not_except(&format!("{alias}.objoid")),
        owner = look.not_except("b.refobjid"),
    )
}
