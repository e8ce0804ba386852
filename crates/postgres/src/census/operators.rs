//! Operators, their classes and families, casts, and access methods.

use super::look::{FIRST_OF_USERS, Look, independent, named, not_member};

/// Operators and operator classes. An operator without a function is one that another operator
/// names and that nobody has made yet: a dump does not bring it.
pub(super) fn operators(look: &Look) -> String {
    format!(
        "SELECT 'operator', o.oid::regoperator::text, concat_ws(E'\\n', \
           'function: ' || o.oprcode::regprocedure::text, \
           'commutator: ' || CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END, \
           'negator: ' || CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END, \
           'restrict: ' || CASE WHEN o.oprrest::oid <> 0 THEN o.oprrest::regprocedure::text END, \
           'join: ' || CASE WHEN o.oprjoin::oid <> 0 THEN o.oprjoin::regprocedure::text END, \
           CASE WHEN o.oprcanhash THEN 'hashes' END, CASE WHEN o.oprcanmerge THEN 'merges' END) \
         FROM pg_operator o WHERE o.oprcode::oid <> 0 AND {operators} AND {own_operator} \
         UNION ALL \
         SELECT 'operator class', {name} || ' USING ' || quote_ident(am.amname), \
           concat_ws(E'\\n', 'for type ' || s.opcintype::regtype::text, \
             CASE WHEN s.opcdefault THEN 'default' END, \
             'family: ' || quote_ident(m.nspname) || '.' || quote_ident(f.opfname), \
             'storage: ' || CASE WHEN s.opckeytype <> 0 THEN s.opckeytype::regtype::text END) \
         FROM pg_opclass s JOIN pg_namespace n ON n.oid = s.opcnamespace \
         JOIN pg_am am ON am.oid = s.opcmethod \
         JOIN pg_opfamily f ON f.oid = s.opcfamily JOIN pg_namespace m ON m.oid = f.opfnamespace \
         WHERE {classes} AND {own_class}",
        operators = look.in_schemas("o.oprnamespace"),
        own_operator = not_member("pg_operator", "o.oid"),
        name = named("s", "opcname"),
        classes = look.in_schemas("s.opcnamespace"),
        own_class = not_member("pg_opclass", "s.oid"),
    )
}

/// Operator families with their operators and functions, those of their classes included.
pub(super) fn families(look: &Look) -> String {
    format!(
        "SELECT 'operator family', {name} || ' USING ' || quote_ident(am.amname), concat_ws(E'\\n', \
           (SELECT string_agg(concat('operator ', o.amopstrategy, ' ', \
                o.amopopr::regoperator::text, ' for ', o.amoplefttype::regtype::text, ', ', \
                o.amoprighttype::regtype::text, \
                CASE WHEN o.amopsortfamily <> 0 THEN ' ordering' END), E'\\n' \
              ORDER BY o.amoplefttype::regtype::text COLLATE \"C\", \
                o.amoprighttype::regtype::text COLLATE \"C\", o.amopstrategy) \
            FROM pg_amop o WHERE o.amopfamily = f.oid), \
           (SELECT string_agg(concat('function ', p.amprocnum, ' ', \
                p.amproc::regprocedure::text, ' for ', p.amproclefttype::regtype::text, ', ', \
                p.amprocrighttype::regtype::text), E'\\n' \
              ORDER BY p.amproclefttype::regtype::text COLLATE \"C\", \
                p.amprocrighttype::regtype::text COLLATE \"C\", p.amprocnum) \
            FROM pg_amproc p WHERE p.amprocfamily = f.oid)) \
         FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace \
         JOIN pg_am am ON am.oid = f.opfmethod WHERE {ours} AND {own}",
        name = named("f", "opfname"),
        ours = look.in_schemas("f.opfnamespace"),
        own = not_member("pg_opfamily", "f.oid"),
    )
}

/// What is in no schema: casts, transforms and access methods, but for those that every database
/// has.
pub(super) fn casts_and_methods() -> String {
    format!(
        "SELECT 'cast', concat('(', k.castsource::regtype, ' AS ', k.casttarget::regtype, ')'), \
           concat_ws(E'\\n', CASE k.castmethod WHEN 'b' THEN 'without function' \
               WHEN 'i' THEN 'by input and output' END, \
             'by ' || CASE WHEN k.castfunc <> 0 THEN k.castfunc::regprocedure::text END, \
             CASE k.castcontext WHEN 'a' THEN 'in assignments' WHEN 'i' THEN 'implicit' END) \
         FROM pg_cast k WHERE k.oid >= {FIRST_OF_USERS} AND {own_cast} \
         UNION ALL \
         SELECT 'transform', concat('FOR ', r.trftype::regtype, ' LANGUAGE ', \
             quote_ident(l.lanname)), \
           concat_ws(E'\\n', \
             'from SQL: ' || CASE WHEN r.trffromsql::oid <> 0 \
               THEN r.trffromsql::regprocedure::text END, \
             'to SQL: ' || CASE WHEN r.trftosql::oid <> 0 \
               THEN r.trftosql::regprocedure::text END) \
         FROM pg_transform r JOIN pg_language l ON l.oid = r.trflang \
         WHERE r.oid >= {FIRST_OF_USERS} AND {own_transform} \
         UNION ALL \
         SELECT 'access method', quote_ident(a.amname), concat(CASE a.amtype \
             WHEN 't' THEN 'table' ELSE 'index' END, ' by ', a.amhandler::regprocedure) \
         FROM pg_am a WHERE a.oid >= {FIRST_OF_USERS} AND {own_method}",
        own_cast = independent("pg_cast", "k.oid"),
        own_transform = not_member("pg_transform", "r.oid"),
        own_method = not_member("pg_am", "a.oid"),
    )
}
