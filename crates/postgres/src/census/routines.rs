//! Functions, procedures and aggregates.

use super::look::{Look, independent};

/// Functions and procedures, whole, as the server prints them. The functions that a range type
/// brings along follow from it.
pub(super) fn functions(look: &Look) -> String {
    format!(
        "SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, \
           p.oid::regprocedure::text, pg_get_functiondef(p.oid) \
         FROM pg_proc p WHERE p.prokind <> 'a' AND {ours} AND {own}",
        ours = look.in_schemas("p.pronamespace"),
        own = independent("pg_proc", "p.oid"),
    )
}

/// Aggregates, field by field (`pg_aggregate`).
pub(super) fn aggregates(look: &Look) -> String {
    let function = |name: &str, column: &str| {
        format!(
            "'{name}: ' || CASE WHEN g.{column}::oid <> 0 THEN g.{column}::regprocedure::text END"
        )
    };
    let functions = [
        function("final function", "aggfinalfn"),
        function("combine function", "aggcombinefn"),
        function("serial function", "aggserialfn"),
        function("deserial function", "aggdeserialfn"),
        function("moving state function", "aggmtransfn"),
        function("moving inverse function", "aggminvtransfn"),
        function("moving final function", "aggmfinalfn"),
    ];
    format!(
        "SELECT 'aggregate', p.oid::regprocedure::text, concat_ws(E'\\n', \
           'arguments: ' || pg_get_function_arguments(p.oid), \
           'kind: ' || CASE g.aggkind WHEN 'n' THEN 'normal' WHEN 'o' THEN 'ordered-set' \
             ELSE 'hypothetical-set' END || ', direct arguments: ' || g.aggnumdirectargs, \
           'result: ' || pg_get_function_result(p.oid), \
           'state function: ' || g.aggtransfn::regprocedure::text, \
           'state: ' || g.aggtranstype::regtype::text || ', space ' || g.aggtransspace, \
           'initial state: ' || quote_literal(g.agginitval), {functions}, \
           'moving state: ' || CASE WHEN g.aggmtranstype <> 0 THEN \
             g.aggmtranstype::regtype::text || ', space ' || g.aggmtransspace END, \
           'initial moving state: ' || quote_literal(g.aggminitval), \
           concat('final extra: ', g.aggfinalextra, ', modify ', g.aggfinalmodify), \
           concat('moving final extra: ', g.aggmfinalextra, ', modify ', g.aggmfinalmodify), \
           'sort operator: ' || CASE WHEN g.aggsortop <> 0 \
             THEN g.aggsortop::regoperator::text END, \
           concat('parallel: ', p.proparallel)) \
         FROM pg_proc p JOIN pg_aggregate g ON g.aggfnoid = p.oid WHERE {ours} AND {own}",
        functions = functions.join(", "),
        ours = look.in_schemas("p.pronamespace"),
        own = independent("pg_proc", "p.oid"),
    )
}
