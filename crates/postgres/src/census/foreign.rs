//! Foreign-data wrappers, servers, and languages: what is in no schema. User mappings are left
//! out: they belong to roles, and hold passwords.

use super::look::{FIRST_OF_USERS, not_member, options};

pub(super) fn query() -> String {
    format!(
        "SELECT 'foreign-data wrapper', quote_ident(w.fdwname), concat_ws(E'\\n', \
           'handler: ' || CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regprocedure::text END, \
           'validator: ' || CASE WHEN w.fdwvalidator <> 0 \
             THEN w.fdwvalidator::regprocedure::text END, \
           'options: ' || {wrapper}) \
         FROM pg_foreign_data_wrapper w WHERE {own_wrapper} \
         UNION ALL \
         SELECT 'foreign server', quote_ident(s.srvname), concat_ws(E'\\n', \
           'foreign-data wrapper: ' || quote_ident(w.fdwname), 'type: ' || s.srvtype, \
           'version: ' || s.srvversion, 'options: ' || {server}) \
         FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw \
         WHERE {own_server}",
        wrapper = options("w.fdwoptions"),
        own_wrapper = not_member("pg_foreign_data_wrapper", "w.oid"),
        server = options("s.srvoptions"),
        own_server = not_member("pg_foreign_server", "s.oid"),
    )
}

/// Languages that no extension brings.
pub(super) fn languages() -> String {
    format!(
        "SELECT 'language', quote_ident(l.lanname), concat_ws(E'\\n', \
           CASE WHEN l.lanpltrusted THEN 'trusted' END, \
           'handler: ' || CASE WHEN l.lanplcallfoid <> 0 \
             THEN l.lanplcallfoid::regprocedure::text END, \
           'inline: ' || CASE WHEN l.laninline <> 0 THEN l.laninline::regprocedure::text END, \
           'validator: ' || CASE WHEN l.lanvalidator <> 0 \
             THEN l.lanvalidator::regprocedure::text END) \
         FROM pg_language l WHERE l.oid >= {FIRST_OF_USERS} AND {own}",
        own = not_member("pg_language", "l.oid"),
    )
}
