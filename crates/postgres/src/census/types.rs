//! Domains, and types that are no table's row and no other type's array; collations and
//! conversions.

use super::columns;
use super::look::{Look, independent, named, not_member};

/// Domains with their constraints.
pub(super) fn domains(look: &Look) -> String {
    format!(
        "SELECT 'domain', {name}, concat_ws(E'\\n', \
           concat_ws(' ', format_type(y.typbasetype, y.typtypmod), \
             CASE WHEN y.typcollation <> b.typcollation AND y.typcollation <> 0 \
               THEN 'COLLATE ' || y.typcollation::regcollation::text END, \
             'DEFAULT ' || coalesce(pg_get_expr(y.typdefaultbin, 'pg_type'::regclass), \
               quote_literal(y.typdefault)), \
             CASE WHEN y.typnotnull THEN 'NOT NULL' END), \
           (SELECT string_agg('CONSTRAINT ' || quote_ident(k.conname) || ' ' || \
              pg_get_constraintdef(k.oid), E'\\n' ORDER BY k.conname) \
            FROM pg_constraint k WHERE k.contypid = y.oid AND k.contype = 'c')) \
         FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace \
         JOIN pg_type b ON b.oid = y.typbasetype \
         WHERE y.typtype = 'd' AND {ours} AND {own}",
        name = named("y", "typname"),
        ours = look.in_schemas("y.typnamespace"),
        own = not_member("pg_type", "y.oid"),
    )
}

/// Enums, composite types, ranges, base types, and shells of types that are still to be made.
///
/// An array is known by its elements' type, which is found by an index: to look for whoever has it as
/// its array is a walk through all types for each of them.
pub(super) fn others(look: &Look) -> String {
    format!(
        "SELECT CASE y.typtype WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' \
           WHEN 'c' THEN 'composite type' ELSE 'type' END, {name}, \
         CASE WHEN NOT y.typisdefined THEN 'shell' ELSE CASE y.typtype \
           WHEN 'e' THEN coalesce((SELECT string_agg(quote_literal(e.enumlabel), ', ' \
             ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = y.oid), '') \
           WHEN 'r' THEN ({range}) \
           WHEN 'c' THEN coalesce((SELECT string_agg(quote_ident(a.attname) || ' ' || {column}, \
               ', ' ORDER BY a.attnum) \
             FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') \
           ELSE {base} END END \
         FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace \
         LEFT JOIN pg_class c ON c.oid = y.typrelid \
         WHERE y.typtype IN ('b', 'c', 'e', 'r', 'p') AND (y.typrelid = 0 OR c.relkind = 'c') \
           AND NOT EXISTS (SELECT FROM pg_type o WHERE o.oid = y.typelem AND o.typarray = y.oid) \
           AND {ours} AND {own}",
        name = named("y", "typname"),
        range = range(look),
        column = columns::text(look),
        base = BASE,
        ours = look.in_schemas("y.typnamespace"),
        own = independent_type(),
    )
}

/// A composite type's row type is made by the extension together with its relation.
fn independent_type() -> String {
    format!("{} AND {}", not_member("pg_type", "y.oid"), not_member("pg_class", "y.typrelid"))
}

fn range(look: &Look) -> String {
    let multirange = look.since(140_000, "'multirange: ' || r.rngmultitypid::regtype::text,", "");
    format!(
        "SELECT concat_ws(E'\\n', 'subtype: ' || r.rngsubtype::regtype::text, {multirange} \
           'operator class: ' || (SELECT quote_ident(m.nspname) || '.' || quote_ident(o.opcname) \
             FROM pg_opclass o JOIN pg_namespace m ON m.oid = o.opcnamespace \
             WHERE o.oid = r.rngsubopc), \
           'collation: ' || CASE WHEN r.rngcollation <> 0 \
             THEN r.rngcollation::regcollation::text END, \
           'canonical: ' || CASE WHEN r.rngcanonical::oid <> 0 \
             THEN r.rngcanonical::regprocedure::text END, \
           'difference: ' || CASE WHEN r.rngsubdiff::oid <> 0 \
             THEN r.rngsubdiff::regprocedure::text END) \
         FROM pg_range r WHERE r.rngtypid = y.oid"
    )
}

/// A base type, field by field (`pg_type`).
const BASE: &str = "concat_ws(E'\\n', \
    concat('length ', y.typlen, ', by value ', y.typbyval, ', alignment ', y.typalign, \
      ', storage ', y.typstorage, ', category ', y.typcategory, ', preferred ', \
      y.typispreferred, ', delimiter ', y.typdelim), \
    'input: ' || CASE WHEN y.typinput::oid <> 0 THEN y.typinput::regprocedure::text END, \
    'output: ' || CASE WHEN y.typoutput::oid <> 0 THEN y.typoutput::regprocedure::text END, \
    'receive: ' || CASE WHEN y.typreceive::oid <> 0 THEN y.typreceive::regprocedure::text END, \
    'send: ' || CASE WHEN y.typsend::oid <> 0 THEN y.typsend::regprocedure::text END, \
    'modifier input: ' || CASE WHEN y.typmodin::oid <> 0 \
      THEN y.typmodin::regprocedure::text END, \
    'modifier output: ' || CASE WHEN y.typmodout::oid <> 0 \
      THEN y.typmodout::regprocedure::text END, \
    'analyze: ' || CASE WHEN y.typanalyze::oid <> 0 THEN y.typanalyze::regprocedure::text END, \
    'element: ' || CASE WHEN y.typelem <> 0 THEN y.typelem::regtype::text END, \
    'collation: ' || CASE WHEN y.typcollation <> 0 THEN y.typcollation::regcollation::text END, \
    'default: ' || quote_literal(y.typdefault))";

/// Collations. The version that the provider had when a collation was made is not told: it is the
/// machine's, not the schema's.
pub(super) fn collations(look: &Look) -> String {
    let locale = match look.version {
        170_000.. => "l.colllocale",
        150_000.. => "l.colliculocale",
        _ => "NULL::text",
    };
    let rules = look.since(160_000, "l.collicurules", "NULL::text");
    format!(
        "SELECT 'collation', {name}, concat_ws(E'\\n', \
           'provider: ' || CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc' \
             WHEN 'b' THEN 'builtin' ELSE 'default' END, \
           'locale: ' || {locale}, 'collate: ' || l.collcollate, 'ctype: ' || l.collctype, \
           'rules: ' || {rules}, \
           CASE WHEN NOT l.collisdeterministic THEN 'not deterministic' END) \
         FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace \
         WHERE {ours} AND {own}",
        name = named("l", "collname"),
        ours = look.in_schemas("l.collnamespace"),
        own = not_member("pg_collation", "l.oid"),
    )
}

/// Conversions between encodings.
pub(super) fn conversions(look: &Look) -> String {
    format!(
        "SELECT 'conversion', {name}, concat_ws(E'\\n', \
           concat('from ', pg_encoding_to_char(o.conforencoding), ' to ', \
             pg_encoding_to_char(o.contoencoding)), \
           'by ' || o.conproc::regprocedure::text, CASE WHEN o.condefault THEN 'default' END) \
         FROM pg_conversion o JOIN pg_namespace n ON n.oid = o.connamespace \
         WHERE {ours} AND {own}",
        name = named("o", "conname"),
        ours = look.in_schemas("o.connamespace"),
        own = independent("pg_conversion", "o.oid"),
    )
}
