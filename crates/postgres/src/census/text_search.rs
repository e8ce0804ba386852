//! Text search: parsers, templates, dictionaries, configurations.

use super::look::{Look, named, not_member};

pub(super) fn query(look: &Look) -> String {
    format!(
        "{parsers} UNION ALL {templates} UNION ALL {dictionaries} UNION ALL {configurations}",
        parsers = parsers(look),
        templates = templates(look),
        dictionaries = dictionaries(look),
        configurations = configurations(look),
    )
}

fn parsers(look: &Look) -> String {
    format!(
        "SELECT 'text search parser', {name}, concat_ws(E'\\n', \
           'start: ' || s.prsstart::regprocedure::text, \
           'token: ' || s.prstoken::regprocedure::text, \
           'end: ' || s.prsend::regprocedure::text, \
           'headline: ' || CASE WHEN s.prsheadline::oid <> 0 \
             THEN s.prsheadline::regprocedure::text END, \
           'types: ' || s.prslextype::regprocedure::text) \
         FROM pg_ts_parser s JOIN pg_namespace n ON n.oid = s.prsnamespace WHERE {ours} AND {own}",
        name = named("s", "prsname"),
        ours = look.in_schemas("s.prsnamespace"),
        own = not_member("pg_ts_parser", "s.oid"),
    )
}

fn templates(look: &Look) -> String {
    format!(
        "SELECT 'text search template', {name}, concat_ws(E'\\n', \
           'init: ' || CASE WHEN s.tmplinit::oid <> 0 THEN s.tmplinit::regprocedure::text END, \
           'lexize: ' || s.tmpllexize::regprocedure::text) \
         FROM pg_ts_template s JOIN pg_namespace n ON n.oid = s.tmplnamespace \
         WHERE {ours} AND {own}",
        name = named("s", "tmplname"),
        ours = look.in_schemas("s.tmplnamespace"),
        own = not_member("pg_ts_template", "s.oid"),
    )
}

fn dictionaries(look: &Look) -> String {
    format!(
        "SELECT 'text search dictionary', {name}, concat_ws(E'\\n', \
           (SELECT 'template: ' || quote_ident(m.nspname) || '.' || quote_ident(l.tmplname) \
            FROM pg_ts_template l JOIN pg_namespace m ON m.oid = l.tmplnamespace \
            WHERE l.oid = s.dicttemplate), 'options: ' || s.dictinitoption) \
         FROM pg_ts_dict s JOIN pg_namespace n ON n.oid = s.dictnamespace WHERE {ours} AND {own}",
        name = named("s", "dictname"),
        ours = look.in_schemas("s.dictnamespace"),
        own = not_member("pg_ts_dict", "s.oid"),
    )
}

fn configurations(look: &Look) -> String {
    format!(
        "SELECT 'text search configuration', {name}, concat_ws(E'\\n', \
           (SELECT 'parser: ' || quote_ident(m.nspname) || '.' || quote_ident(p.prsname) \
            FROM pg_ts_parser p JOIN pg_namespace m ON m.oid = p.prsnamespace \
            WHERE p.oid = s.cfgparser), \
           (SELECT string_agg(k.alias || ': ' || k.dictionaries, E'\\n' ORDER BY k.alias) FROM \
             (SELECT y.alias, string_agg(k.mapdict::regdictionary::text, ', ' \
                ORDER BY k.mapseqno) AS dictionaries \
              FROM pg_ts_config_map k JOIN ts_token_type(s.cfgparser) y ON y.tokid = k.maptokentype \
              WHERE k.mapcfg = s.oid GROUP BY y.alias) k)) \
         FROM pg_ts_config s JOIN pg_namespace n ON n.oid = s.cfgnamespace WHERE {ours} AND {own}",
        name = named("s", "cfgname"),
        ours = look.in_schemas("s.cfgnamespace"),
        own = not_member("pg_ts_config", "s.oid"),
    )
}
