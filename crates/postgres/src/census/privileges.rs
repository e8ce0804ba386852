//! Owners, grants and default privileges.
//!
//! Grants are told as they hold: an object without any has those that its kind begins with, and
//! it makes no difference whether they were written out once.

use super::look::{FIRST_OF_USERS, Look, independent, not_member};
use super::schemas;

/// Every object that has an owner, as the columns `classid`, `objid`, `owner`, `acl` and `letter`
/// (which `acldefault` wants; NULL where nothing is granted on such objects).
fn owned(look: &Look) -> String {
    let relation = look.relation("o");
    let function = look.in_schemas("o.pronamespace");
    let kind = look.in_schemas("o.typnamespace");
    [
        format!(
            "SELECT 'pg_namespace'::regclass AS classid, n.oid AS objid, n.nspowner AS owner, \
             n.nspacl AS acl, 'n'::\"char\" AS letter FROM pg_namespace n WHERE {}",
            schemas::told(look)
        ),
        format!(
            "SELECT 'pg_class'::regclass, o.oid, o.relowner, o.relacl, \
             CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\" \
             FROM pg_class o WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {relation}"
        ),
        format!(
            "SELECT 'pg_proc'::regclass, o.oid, o.proowner, o.proacl, 'f'::\"char\" \
             FROM pg_proc o WHERE {function} AND {}",
            independent("pg_proc", "o.oid")
        ),
        format!(
            "SELECT 'pg_type'::regclass, o.oid, o.typowner, o.typacl, 'T'::\"char\" \
             FROM pg_type o WHERE {kind} AND (o.typrelid = 0 OR EXISTS (SELECT FROM pg_class c \
               WHERE c.oid = o.typrelid AND c.relkind = 'c')) AND o.typtype <> 'm' \
             AND NOT EXISTS (SELECT FROM pg_type e \
               WHERE e.oid = o.typelem AND e.typarray = o.oid) AND {}",
            not_member("pg_type", "o.oid")
        ),
        format!(
            "SELECT 'pg_language'::regclass, o.oid, o.lanowner, o.lanacl, 'l'::\"char\" \
             FROM pg_language o WHERE o.oid >= {FIRST_OF_USERS} AND {}",
            not_member("pg_language", "o.oid")
        ),
        format!(
            "SELECT 'pg_foreign_data_wrapper'::regclass, o.oid, o.fdwowner, o.fdwacl, \
             'F'::\"char\" FROM pg_foreign_data_wrapper o WHERE {}",
            not_member("pg_foreign_data_wrapper", "o.oid")
        ),
        format!(
            "SELECT 'pg_foreign_server'::regclass, o.oid, o.srvowner, o.srvacl, 'S'::\"char\" \
             FROM pg_foreign_server o WHERE {}",
            not_member("pg_foreign_server", "o.oid")
        ),
        rest(look, "pg_collation", "coll"),
        rest(look, "pg_conversion", "con"),
        rest(look, "pg_operator", "opr"),
        rest(look, "pg_opclass", "opc"),
        rest(look, "pg_opfamily", "opf"),
        rest(look, "pg_statistic_ext", "stx"),
        rest(look, "pg_ts_config", "cfg"),
        rest(look, "pg_ts_dict", "dict"),
        ownerless("pg_publication", "pub"),
        ownerless("pg_event_trigger", "evt"),
    ]
    .join(" UNION ALL ")
}

/// Objects of a schema that have an owner and no grants.
fn rest(look: &Look, catalog: &str, prefix: &str) -> String {
    format!(
        "SELECT '{catalog}'::regclass, o.oid, o.{prefix}owner, NULL, NULL FROM {catalog} o \
         WHERE {} AND {} AND {}",
        look.in_schemas(&format!("o.{prefix}namespace")),
        not_member(catalog, "o.oid"),
        look.not_part(&format!("'{catalog}'::regclass"), "o.oid"),
    )
}

/// Objects of no schema that have an owner and no grants.
fn ownerless(catalog: &str, prefix: &str) -> String {
    format!(
        "SELECT '{catalog}'::regclass, o.oid, o.{prefix}owner, NULL, NULL FROM {catalog} o \
         WHERE {}",
        not_member(catalog, "o.oid")
    )
}

/// Which object each is that has an owner, by the same names.
pub(super) fn identities(look: &Look) -> String {
    format!(
        "SELECT i.type || ' ' || i.identity, o.objid::text \
         FROM ({}) o, pg_identify_object(o.classid, o.objid, 0) i",
        owned(look)
    )
}

/// Owners.
pub(super) fn owners(look: &Look) -> String {
    format!(
        "SELECT 'owner', i.type || ' ' || i.identity, quote_ident(pg_get_userbyid(o.owner)) \
         FROM ({}) o, pg_identify_object(o.classid, o.objid, 0) i",
        owned(look)
    )
}

/// Grants, one line for each role, those on columns too.
pub(super) fn grants(look: &Look) -> String {
    format!(
        "SELECT 'grants', i.type || ' ' || i.identity, coalesce(({objects}), '') \
         FROM ({owned}) o, pg_identify_object(o.classid, o.objid, 0) i WHERE o.letter IS NOT NULL \
         UNION ALL \
         SELECT 'grants', i.type || ' ' || i.identity, coalesce(({columns}), '') \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, \
           pg_identify_object('pg_class'::regclass, a.attrelid, a.attnum) i \
         WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND {relation}",
        objects = lines("coalesce(o.acl, acldefault(o.letter, o.owner))"),
        owned = owned(look),
        columns = lines("a.attacl"),
        relation = look.relation("c"),
    )
}

/// An access control list as lines `role: PRIVILEGE, PRIVILEGE*`; the star is the right to grant it.
fn lines(acl: &str) -> String {
    format!(
        "SELECT string_agg(g.role || ': ' || g.rights, E'\\n' ORDER BY g.role COLLATE \"C\") FROM \
         (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' \
              ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS role, \
            string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', ' \
              ORDER BY x.privilege_type) AS rights \
          FROM (SELECT DISTINCT grantee, privilege_type, bool_or(is_grantable) AS is_grantable \
            FROM aclexplode({acl}) GROUP BY 1, 2) x GROUP BY 1) g"
    )
}

/// Default privileges.
pub(super) fn defaults() -> String {
    format!(
        "SELECT 'default privileges', concat_ws(' ', 'FOR ROLE', \
           quote_ident(pg_get_userbyid(f.defaclrole)), 'IN SCHEMA ' || quote_ident(n.nspname), \
           'ON', CASE f.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' \
             WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' \
             ELSE f.defaclobjtype::text END), coalesce(({lines}), '') \
         FROM pg_default_acl f LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace",
        lines = lines("f.defaclacl"),
    )
}
