//! What depends on what in the source: which objects are lost when one of them cannot be made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stopover_postgres::literal::literal;

use crate::definitions::Step;
use crate::error::{Fatal, Side};
use crate::line::{Line, text};

/// An object as the canonical schema names it: kind and identity.
pub(crate) type Object = (String, String);

/// The objects of the schemas, and who depends on whom.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    /// The objects, by their key in the catalogs.
    objects: BTreeMap<String, Object>,
    /// The keys of objects, by what pg_dump calls them: kind, schema, tag.
    tags: BTreeMap<(String, String, String), String>,
    /// The keys, by kind and identity.
    names: BTreeMap<Object, String>,
    /// From an object to those that depend on it.
    behind: BTreeMap<String, Vec<String>>,
}

impl Dependencies {
    pub(crate) async fn read(line: &Line, schemas: &[String]) -> Result<Self, Fatal> {
        let names: Vec<String> = schemas.iter().map(|it| literal(it)).collect();
        let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
        let nodes = NODES.replace("{names}", &names);
        let sql = format!("WITH {nodes} SELECT key, kind, identity, toc, space, tag FROM nodes");
        let ask = async |sql: &str| line.rows(sql).await.map_err(|it| it.fatal(Side::Source));
        let mut read = Self::default();
        for row in ask(&sql).await? {
            let key = text(&row, 0);
            read.tags.insert((text(&row, 3), text(&row, 4), text(&row, 5)), key.clone());
            let object = (text(&row, 1), text(&row, 2));
            read.names.insert(object.clone(), key.clone());
            read.objects.insert(key, object);
        }
        let sql = format!("WITH {nodes}, {PARTS} {EDGES}");
        for row in ask(&sql).await? {
            read.behind.entry(text(&row, 0)).or_default().push(text(&row, 1));
        }
        Ok(read)
    }

    /// The keys of all objects.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.objects.keys()
    }

    /// Who depends on whom: first what is needed.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&String, &String)> {
        self.behind.iter().flat_map(|(one, behind)| behind.iter().map(move |it| (one, it)))
    }

    /// The key of an object by its kind and identity.
    pub(crate) fn named(&self, kind: &str, identity: &str) -> Option<&String> {
        self.names.get(&(kind.to_owned(), identity.to_owned()))
    }

    /// The key of the object of that kind that has the tag of a step.
    pub(crate) fn tagged(&self, kind: &str, step: &Step) -> Option<&String> {
        self.tags.get(&(kind.to_owned(), step.schema.clone(), step.tag.clone()))
    }

    /// The key of the object that a step makes.
    pub(crate) fn made_by(&self, step: &Step) -> Option<&String> {
        let kind = match step.kind.as_str() {
            "FK CONSTRAINT" | "CHECK CONSTRAINT" => "CONSTRAINT",
            "SHELL TYPE" => "TYPE",
            other => other,
        };
        self.tagged(kind, step)
    }

    /// What the step makes or changes, as the canonical schema names it.
    pub(crate) fn object(&self, step: &Step) -> Option<&Object> {
        self.made_by(step).and_then(|key| self.objects.get(key))
    }

    /// The object that a step makes, and everything that depends on it.
    pub(crate) fn closure(&self, step: &Step) -> BTreeSet<Object> {
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        let mut next: VecDeque<&String> = self.made_by(step).into_iter().collect();
        while let Some(key) = next.pop_front() {
            if seen.insert(key) {
                next.extend(self.behind.get(key).into_iter().flatten());
            }
        }
        seen.into_iter().filter_map(|key| self.objects.get(key)).cloned().collect()
    }
}

/// Objects: their key (catalog and identifier), kind and identity as the canonical schema has
/// them, and kind, schema and tag as pg_dump has them.
const NODES: &str = "spaces AS (SELECT oid, nspname, pg_catalog.quote_ident(nspname) AS quoted \
     FROM pg_catalog.pg_namespace WHERE nspname IN ({names})), \
   relations AS (SELECT c.oid, c.relkind, c.relname, s.nspname, \
       s.quoted || '.' || pg_catalog.quote_ident(c.relname) AS name \
     FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace), \
   nodes AS ( \
     SELECT 'class ' || r.oid AS key, \
       CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' \
         WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' \
         WHEN 'I' THEN 'index' WHEN 'c' THEN 'composite type' ELSE 'table' END AS kind, \
       r.name AS identity, \
       CASE r.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' \
         WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' WHEN 'i' THEN 'INDEX' \
         WHEN 'I' THEN 'INDEX' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS toc, \
       r.nspname::text AS space, r.relname::text AS tag \
     FROM relations r WHERE r.relkind <> 't' \
     UNION ALL SELECT 'proc ' || p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' \
         WHEN 'a' THEN 'aggregate' ELSE 'function' END, p.oid::pg_catalog.regprocedure::text, \
       CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, \
       s.nspname, p.proname || '(' || pg_catalog.array_to_string(ARRAY( \
         SELECT pg_catalog.format_type(a.t, NULL) \
         FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY a(t, n) ORDER BY a.n), ', ') || ')' \
     FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace \
     UNION ALL SELECT 'type ' || y.oid, CASE y.typtype WHEN 'd' THEN 'domain' \
         WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' ELSE 'type' END, \
       s.quoted || '.' || pg_catalog.quote_ident(y.typname), \
       CASE y.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, s.nspname, y.typname \
     FROM pg_catalog.pg_type y JOIN spaces s ON s.oid = y.typnamespace \
     WHERE y.typrelid = 0 AND y.typtype <> 'm' \
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = y.oid) \
     UNION ALL SELECT 'constraint ' || k.oid, 'constraint', \
       r.name || '.' || pg_catalog.quote_ident(k.conname), 'CONSTRAINT', r.nspname, \
       r.relname || ' ' || k.conname \
     FROM pg_catalog.pg_constraint k JOIN relations r ON r.oid = k.conrelid \
     WHERE k.contype IN ('p', 'u', 'x', 'f') \
     UNION ALL SELECT 'trigger ' || t.oid, 'trigger', \
       r.name || '.' || pg_catalog.quote_ident(t.tgname), 'TRIGGER', r.nspname, \
       r.relname || ' ' || t.tgname \
     FROM pg_catalog.pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal \
     UNION ALL SELECT 'policy ' || p.oid, 'policy', \
       r.name || '.' || pg_catalog.quote_ident(p.polname), 'POLICY', r.nspname, \
       r.relname || ' ' || p.polname \
     FROM pg_catalog.pg_policy p JOIN relations r ON r.oid = p.polrelid \
     UNION ALL SELECT 'rule ' || w.oid, 'rule', \
       r.name || '.' || pg_catalog.quote_ident(w.rulename), 'RULE', r.nspname, \
       r.relname || ' ' || w.rulename \
     FROM pg_catalog.pg_rewrite w JOIN relations r ON r.oid = w.ev_class \
     WHERE NOT (w.rulename = '_RETURN' AND w.ev_type = '1') \
     UNION ALL SELECT 'statistics ' || x.oid, 'statistics', \
       s.quoted || '.' || pg_catalog.quote_ident(x.stxname), 'STATISTICS', s.nspname, x.stxname \
     FROM pg_catalog.pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace \
     UNION ALL SELECT 'schema ' || s.oid, 'schema', s.quoted, 'SCHEMA', '', s.nspname \
     FROM spaces s)";

/// Entries of `pg_depend` that speak of an object, or of a part of one: a view's rule is the view,
/// a default its table, a table's row type the table, a key's index the key.
const PARTS: &str = "parts AS ( \
     SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid, r.oid AS objid, \
       coalesce('constraint ' || (SELECT k.oid FROM pg_catalog.pg_constraint k \
         WHERE k.conindid = r.oid AND k.contype IN ('p', 'u', 'x') LIMIT 1), 'class ' || r.oid) \
         AS key \
     FROM relations r WHERE r.relkind <> 't' \
     UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, s.oid, 'schema ' || s.oid \
     FROM spaces s \
     UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 'proc ' || p.oid \
     FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace \
     UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, y.oid, \
       CASE WHEN coalesce(e.typrelid, y.typrelid) <> 0 \
         THEN 'class ' || coalesce(e.typrelid, y.typrelid) \
         ELSE 'type ' || coalesce(e.oid, y.oid) END \
     FROM pg_catalog.pg_type y JOIN spaces s ON s.oid = y.typnamespace \
       LEFT JOIN pg_catalog.pg_type e ON e.typarray = y.oid \
     UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, \
       CASE WHEN k.contype IN ('p', 'u', 'x', 'f') THEN 'constraint ' || k.oid \
         WHEN k.conrelid <> 0 THEN 'class ' || k.conrelid ELSE 'type ' || k.contypid END \
     FROM pg_catalog.pg_constraint k JOIN spaces s ON s.oid = k.connamespace \
     UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, \
       CASE WHEN w.rulename = '_RETURN' AND w.ev_type = '1' THEN 'class ' || w.ev_class \
         ELSE 'rule ' || w.oid END \
     FROM pg_catalog.pg_rewrite w JOIN relations r ON r.oid = w.ev_class \
     UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, 'class ' || a.adrelid \
     FROM pg_catalog.pg_attrdef a JOIN relations r ON r.oid = a.adrelid \
     UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 'trigger ' || t.oid \
     FROM pg_catalog.pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal \
     UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 'policy ' || p.oid \
     FROM pg_catalog.pg_policy p JOIN relations r ON r.oid = p.polrelid \
     UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, x.oid, \
       'statistics ' || x.oid \
     FROM pg_catalog.pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace)";

/// Who depends on whom: first what is needed, then what needs it.
const EDGES: &str = "SELECT DISTINCT b.key, a.key FROM pg_catalog.pg_depend d \
   JOIN parts a ON a.classid = d.classid AND a.objid = d.objid \
   JOIN parts b ON b.classid = d.refclassid AND b.objid = d.refobjid WHERE a.key <> b.key";

#[cfg(test)]
impl Dependencies {
    /// Of tables and sequences `s.NAME` by kind and name, and who needs whom.
    pub(crate) fn of(objects: &[(&str, &str)], needs: &[(&str, &str)]) -> Self {
        let mut made = Self::default();
        for (kind, name) in objects {
            let object = ((*kind).to_owned(), format!("s.{name}"));
            made.tags.insert(
                (kind.to_uppercase(), "s".to_owned(), (*name).to_owned()),
                (*name).to_owned(),
            );
            made.names.insert(object.clone(), (*name).to_owned());
            made.objects.insert((*name).to_owned(), object);
        }
        for (one, needed) in needs {
            made.behind.entry((*needed).to_owned()).or_default().push((*one).to_owned());
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_an_object_is_lost_with_it_also_in_a_circle() {
        let objects = [("table", "t"), ("view", "v"), ("view", "w"), ("view", "other")];
        let needs = [("v", "t"), ("w", "v"), ("v", "w")];
        let dependencies = Dependencies::of(&objects, &needs);
        let step = |tag: &str| Step {
            kind: "VIEW".to_owned(),
            schema: "s".to_owned(),
            tag: tag.to_owned(),
            sql: String::new(),
        };
        let lost = |tag: &str| {
            let closure = dependencies.closure(&step(tag));
            closure.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(lost("w"), ["s.v", "s.w"]);
        assert_eq!(lost("other"), ["s.other"]);
        assert!(lost("nobody").is_empty());
    }
}
