//! Indexes that no constraint owns, and extended statistics.

use super::look::{Look, named, options};
use super::tables::tablespace;

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT 'index', {name}, concat_ws(E'\\n', pg_get_indexdef(i.indexrelid), {state}, \
           (SELECT 'statistics of column ' || string_agg(a.attnum || ': ' || a.attstattarget, ', ' \
              ORDER BY a.attnum) \
            FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0)) \
         FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = ic.relnamespace \
         JOIN pg_class c ON c.oid = i.indrelid \
         WHERE {ours} AND NOT EXISTS (SELECT FROM pg_constraint k \
           WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid \
           AND k.contype IN ('p', 'u', 'x'))",
        name = named("ic", "relname"),
        state = state_but_parameters(),
        ours = look.relation("c"),
    )
}

/// What is to be said of the index `i`, `ic` of a constraint, beside the constraint's definition.
pub(super) fn state() -> String {
    format!("'storage parameters: ' || {}, {}", options("ic.reloptions"), state_but_parameters())
}

fn state_but_parameters() -> String {
    format!(
        "{tablespace}, \
         CASE WHEN NOT i.indisvalid OR NOT i.indisready THEN 'not valid' END, \
         CASE WHEN i.indisclustered THEN 'clustered' END, \
         CASE WHEN i.indisreplident THEN 'replica identity' END, \
         (SELECT 'partition of: ' || h.inhparent::regclass::text FROM pg_inherits h \
          WHERE h.inhrelid = ic.oid)",
        tablespace = tablespace("ic"),
    )
}

/// Extended statistics.
pub(super) fn statistics(look: &Look) -> String {
    format!(
        "SELECT 'statistics', {name}, concat_ws(E'\\n', pg_get_statisticsobjdef(x.oid), \
           'statistics target: ' || nullif(x.stxstattarget, -1)) \
         FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace \
         JOIN pg_class c ON c.oid = x.stxrelid WHERE {ours}",
        name = named("x", "stxname"),
        ours = look.relation("c"),
    )
}
