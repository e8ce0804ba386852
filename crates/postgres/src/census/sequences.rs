//! Sequences: what they are. How far they have come is a mark ([`super::marks`]).

use super::look::{Look, named};

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT 'sequence', {name}, concat_ws(E'\\n', \
           concat('AS ', format_type(s.seqtypid, NULL), ' START ', s.seqstart, ' INCREMENT ', \
             s.seqincrement, ' MINVALUE ', s.seqmin, ' MAXVALUE ', s.seqmax, ' CACHE ', \
             s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END), \
           CASE c.relpersistence WHEN 'u' THEN 'unlogged' END, \
           (SELECT CASE d.deptype WHEN 'i' THEN 'identity of: ' ELSE 'owned by: ' END || \
              d.refobjid::regclass::text || '.' || quote_ident(a.attname) \
            FROM pg_depend d JOIN pg_attribute a \
              ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 \
              AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))) \
         FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {ours}",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}
