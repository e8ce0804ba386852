//! What happens of itself: triggers, event triggers, rules, policies.

use super::look::{Look, named, not_member};

/// How `tgenabled`, `evtenabled` and `ev_enabled` are said; NULL for the ordinary state.
fn state(column: &str) -> String {
    format!(
        "CASE {column} WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled on replicas' \
         WHEN 'A' THEN 'enabled always' END"
    )
}

/// Triggers. A partition's copy of its table's trigger is told only where its state is another.
pub(super) fn triggers(look: &Look) -> String {
    format!(
        "SELECT 'trigger', {name} || '.' || quote_ident(t.tgname), \
         concat_ws(E'\\n', pg_get_triggerdef(t.oid), {state}) \
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_trigger u ON u.oid = t.tgparentid \
         WHERE ((NOT t.tgisinternal AND t.tgparentid = 0) \
             OR (NOT u.tgisinternal AND u.tgenabled <> t.tgenabled)) \
           AND {own} AND {ours}",
        name = named("c", "relname"),
        state = state("t.tgenabled"),
        own = not_member("pg_trigger", "t.oid"),
        ours = look.relation("c"),
    )
}

/// Event triggers.
pub(super) fn event_triggers() -> String {
    format!(
        "SELECT 'event trigger', quote_ident(e.evtname), concat_ws(E'\\n', 'on ' || e.evtevent, \
           'tags: ' || (SELECT string_agg(g, ', ' ORDER BY g) FROM unnest(e.evttags) g), \
           'execute ' || e.evtfoid::regprocedure::text, {state}) \
         FROM pg_event_trigger e WHERE {own}",
        state = state("e.evtenabled"),
        own = not_member("pg_event_trigger", "e.oid"),
    )
}

/// Rules other than those that make a view.
pub(super) fn rules(look: &Look) -> String {
    format!(
        "SELECT 'rule', {name} || '.' || quote_ident(r.rulename), \
         concat_ws(E'\\n', pg_get_ruledef(r.oid), {state}) \
         FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT (r.rulename = '_RETURN' AND r.ev_type = '1') AND {own} AND {ours}",
        name = named("c", "relname"),
        state = state("r.ev_enabled"),
        own = not_member("pg_rewrite", "r.oid"),
        ours = look.relation("c"),
    )
}

/// Policies of row level security.
pub(super) fn policies(look: &Look) -> String {
    format!(
        "SELECT 'policy', {name} || '.' || quote_ident(p.polname), concat_ws(E'\\n', \
           CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, \
           'for ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' \
             WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, \
           'to ' || (SELECT string_agg(CASE g WHEN 0 THEN 'PUBLIC' \
               ELSE quote_ident(pg_get_userbyid(g)) END, ', ' \
               ORDER BY CASE g WHEN 0 THEN '' ELSE pg_get_userbyid(g) END) \
             FROM unnest(p.polroles) g), \
           'using (' || pg_get_expr(p.polqual, p.polrelid) || ')', \
           'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') \
         FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {ours}",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}
