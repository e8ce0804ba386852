//! Publications. Subscriptions are left out: they hold passwords, and no copy has them.

use super::look::{Look, not_member};

pub(super) fn query(look: &Look) -> String {
    let schemas = look.since(
        150_000,
        "'schemas: ' || (SELECT string_agg(quote_ident(m.nspname), ', ' ORDER BY m.nspname) \
           FROM pg_publication_namespace k JOIN pg_namespace m ON m.oid = k.pnnspid \
           WHERE k.pnpubid = p.oid),",
        "",
    );
    let generated = look.since(
        180_000,
        "'generated columns: ' || CASE p.pubgencols WHEN 's' THEN 'stored' END,",
        "",
    );
    format!(
        "SELECT 'publication', quote_ident(p.pubname), concat_ws(E'\\n', \
           'publish: ' || concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, \
             CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END, \
             CASE WHEN p.pubtruncate THEN 'truncate' END), \
           CASE WHEN p.pubviaroot THEN 'via the partition root' END, {generated} \
           CASE WHEN p.puballtables THEN 'all tables' END, {schemas} \
           (SELECT string_agg('table: ' || k.prrelid::regclass::text {what}, E'\\n' \
              ORDER BY k.prrelid::regclass::text COLLATE \"C\") \
            FROM pg_publication_rel k WHERE k.prpubid = p.oid AND {there})) \
         FROM pg_publication p WHERE {own}",
        what = look.since(150_000, FILTERED, ""),
        there = look.not_except("k.prrelid"),
        own = not_member("pg_publication", "p.oid"),
    )
}

/// The columns and the rows of a table that are published.
const FILTERED: &str = "|| coalesce((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' \
       ORDER BY a.attname) || ')' FROM pg_attribute a \
     WHERE a.attrelid = k.prrelid AND a.attnum = ANY (k.prattrs)), '') \
     || coalesce(' WHERE (' || pg_get_expr(k.prqual, k.prrelid) || ')', '')";
