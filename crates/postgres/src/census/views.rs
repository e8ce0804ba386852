//! Views and materialized views, with their columns. Whether a materialized view is filled is a
//! state of its rows and not told.

use super::columns;
use super::look::{Look, named, options};
use super::tables::place;

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, {name}, \
         concat_ws(E'\\n', \
           'columns: ' || (SELECT string_agg(quote_ident(a.attname) || ' ' || {column}, ', ' \
               ORDER BY a.attnum) \
             FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
           CASE c.relpersistence WHEN 'u' THEN 'unlogged' END, {place}, \
           'options: ' || {options}, pg_get_viewdef(c.oid)) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('v', 'm') AND {ours}",
        name = named("c", "relname"),
        column = columns::text(look),
        place = place("c"),
        options = options("c.reloptions"),
        ours = look.relation("c"),
    )
}
