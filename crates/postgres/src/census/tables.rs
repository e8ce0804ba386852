//! Tables and foreign tables, without their columns: those are objects of their own, and only
//! their order is the table's.

use super::look::{Look, named, options};

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT CASE c.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, {name}, \
         concat_ws(E'\\n', 'columns: ' || coalesce({columns}, ''), \
           CASE c.relpersistence WHEN 'u' THEN 'unlogged' END, \
           'partitioned by: ' || CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END, \
           CASE WHEN c.relispartition THEN 'partition of: ' || ({parents}) || ' ' || \
             pg_get_expr(c.relpartbound, c.oid) ELSE 'inherits: ' || ({parents}) END, \
           'of type: ' || CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END, \
           {place}, \
           'storage parameters: ' || {parameters}, \
           'storage parameters of its toast table: ' || {toast}, \
           CASE WHEN c.relrowsecurity THEN 'row level security: enabled' END, \
           CASE WHEN c.relforcerowsecurity THEN 'row level security: forced' END, \
           'replica identity: ' || CASE WHEN c.relkind <> 'f' \
             THEN CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' END END, \
           'server: ' || quote_ident(s.srvname), 'options: ' || {foreign_options}) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_class t ON t.oid = c.reltoastrelid \
         LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid \
         LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver \
         WHERE c.relkind IN ('r', 'p', 'f') AND {ours}",
        name = named("c", "relname"),
        columns = columns(),
        parents = PARENTS,
        place = place("c"),
        parameters = options("c.reloptions"),
        toast = options("t.reloptions"),
        foreign_options = options("f.ftoptions"),
        ours = look.relation("c"),
    )
}

/// The order of a table's columns, of the rows `a` and `c`. Those that it inherits come first,
/// sorted: their order is their parents', and a dump puts them there whenever they were added.
pub(super) const ORDER: &str =
    "CASE WHEN a.attinhcount > 0 AND NOT c.relispartition THEN 0 ELSE a.attnum END, a.attname";

/// The names of the columns.
fn columns() -> String {
    format!(
        "(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY {ORDER}) FROM pg_attribute a \
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"
    )
}

const PARENTS: &str = "SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) \
     FROM pg_inherits h WHERE h.inhrelid = c.oid";

/// Access method and tablespace of the row `alias` of `pg_class`, as two values: NULL where they
/// are the ordinary ones.
pub(super) fn place(alias: &str) -> String {
    format!(
        "'access method: ' || (SELECT quote_ident(am.amname) FROM pg_am am \
           WHERE am.oid = {alias}.relam AND am.amname <> 'heap'), {}",
        tablespace(alias)
    )
}

/// The tablespace of the row `alias` of `pg_class`; NULL where it is the database's.
pub(super) fn tablespace(alias: &str) -> String {
    format!(
        "'tablespace: ' || (SELECT quote_ident(ts.spcname) FROM pg_tablespace ts \
           WHERE ts.oid = {alias}.reltablespace)"
    )
}
