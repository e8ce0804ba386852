//! Views and functions: whether each parses, and finds what it names.
//!
//! Nothing of theirs is run. A view is prepared, which expands it and plans nothing. A function is
//! given to its language's validator, which is what `CREATE FUNCTION` does: SQL is parsed and
//! bound, PL/pgSQL is parsed alone. Bodies in other languages are left: their validators load
//! libraries, or run what stands in the body's first lines.

use std::collections::BTreeMap;

use stopover_backend::BackendError;
use stopover_model::harness::{BodyFault, BrokenBody, Fact, UncheckedBodies};
use stopover_model::sqlstate;
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, Path, first};
use super::catalogs::USERS;
use crate::literal::literal;
use crate::session::{text, truth};

/// How many bodies are looked at with one request: where one is broken, each is looked at alone.
const BATCH: usize = 40;

/// What [`look`] finds: what does not work, and what was not looked at.
type Looked = (Fact<Vec<BrokenBody>>, Fact<Vec<UncheckedBodies>>);

/// Functions and procedures of the users, with what their validators need.
const FUNCTIONS: &str = "\
    SELECT p.oid, quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || \
        pg_get_function_identity_arguments(p.oid) || ')', l.lanname, n.nspname, \
      (SELECT substr(s, 13) FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%' LIMIT 1) \
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
    JOIN pg_language l ON l.oid = p.prolang WHERE p.prokind IN ('f', 'p') \
      AND l.lanname NOT IN ('internal', 'c') AND NOT EXISTS (SELECT FROM pg_depend m \
        WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.deptype = 'e')";

/// Views of the users; of a materialized one, what it is filled from.
const VIEWS: &str = "\
    SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind = 'm', \
      CASE c.relkind WHEN 'm' THEN rtrim(pg_get_viewdef(c.oid), ';') END \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') \
      AND NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_class'::regclass \
        AND m.objid = c.oid AND m.deptype = 'e')";

/// A body to be looked at.
struct Body {
    subject: String,
    /// What looks at it.
    sql: String,
    path: Path,
    /// Where else its names may be found: by whoever uses it with another search path.
    elsewhere: Option<Path>,
    /// Of a function, its object identifier.
    function: Option<String>,
}

/// Looks at all of them.
pub(super) async fn look(asking: &mut Asking<'_>) -> Result<Looked, BackendError> {
    let sql = format!(
        "SELECT pg_catalog.current_setting('search_path');\
         SET LOCAL search_path = pg_catalog, pg_temp;\
         {FUNCTIONS} AND {USERS} ORDER BY 2;{VIEWS} AND {USERS} ORDER BY 2"
    );
    let sets = match asking.ask_as_session(&sql).await? {
        Fact::Read(sets) => sets,
        Fact::Unread(unread) => return Ok((Fact::Unread(unread.clone()), Fact::Unread(unread))),
        Fact::NotHere => return Ok((Fact::NotHere, Fact::NotHere)),
    };
    let set = |at: usize| sets.get(at).map_or(&[][..], Vec::as_slice);
    let path = set(0).first().and_then(|row| text(row, 0)).unwrap_or_default();
    let (mut bodies, unchecked) = functions(set(2), &path);
    bodies.extend(set(3).iter().filter_map(view));
    let mut broken = Vec::new();
    let mut functions = Vec::new();
    for batch in batches(&bodies) {
        if batch.len() > 1 && is_sound(asking, batch).await? {
            continue;
        }
        for body in batch {
            let Some(fault) = fault(asking, body).await? else { continue };
            if matches!(fault, BodyFault::Broken { .. }) {
                functions.extend(body.function.clone());
            }
            broken.push(BrokenBody { subject: body.subject.clone(), fault });
        }
    }
    if let Fact::Read(callers) = callers(asking, &functions).await? {
        let known = |it: &BrokenBody| broken.iter().any(|other| other.subject == it.subject);
        let new: Vec<BrokenBody> = callers.into_iter().filter(|it| !known(it)).collect();
        broken.extend(new);
    }
    Ok((Fact::Read(broken), Fact::Read(unchecked)))
}

/// Neighbours with the same search path.
fn batches(bodies: &[Body]) -> impl Iterator<Item = &[Body]> {
    let key = |it: &Body| match &it.path {
        Path::Catalogs => String::new(),
        Path::Sessions => " ".to_owned(),
        Path::Given(path) => path.clone(),
    };
    bodies.chunk_by(move |a, b| key(a) == key(b)).flat_map(|it| it.chunks(BATCH))
}

fn functions(rows: &[SimpleQueryRow], path: &str) -> (Vec<Body>, Vec<UncheckedBodies>) {
    let mut bodies = Vec::new();
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let column = |at| text(row, at).unwrap_or_default();
        let (oid, language) = (column(0), column(2));
        let validator = match language.as_str() {
            "sql" => "fmgr_sql_validator",
            "plpgsql" => "plpgsql_validator",
            _ => {
                *others.entry(language).or_default() += 1;
                continue;
            }
        };
        let own = text(row, 4);
        let elsewhere = match &own {
            Some(_) => None,
            None => {
                let schema = crate::literal::identifier(&column(3));
                Some(Path::Given(format!("{schema}, {path}, public")))
            }
        };
        bodies.push(Body {
            subject: format!("function {}", column(1)),
            sql: format!("SELECT pg_catalog.{validator}({oid})"),
            path: Path::Given(own.unwrap_or_else(|| path.to_owned())),
            elsewhere,
            function: Some(oid),
        });
    }
    bodies.sort_by_key(|it| it.elsewhere.is_none());
    let unchecked = |(language, count)| UncheckedBodies { language, count };
    (bodies, others.into_iter().map(unchecked).collect())
}

fn view(row: &SimpleQueryRow) -> Option<Body> {
    let name = text(row, 1)?;
    let (kind, query) = if truth(row, 2) {
        ("materialized view", text(row, 3)?)
    } else {
        ("view", format!("SELECT * FROM {name}"))
    };
    Some(Body {
        subject: format!("{kind} {name}"),
        sql: format!("PREPARE stopover_body AS {query};DEALLOCATE stopover_body"),
        path: Path::Catalogs,
        elsewhere: None,
        function: None,
    })
}

const FULL_CHECK: &str = "SET LOCAL check_function_bodies = on";

async fn is_sound(asking: &mut Asking<'_>, batch: &[Body]) -> Result<bool, BackendError> {
    let Some(body) = batch.first() else { return Ok(true) };
    let all: Vec<&str> = batch.iter().map(|it| it.sql.as_str()).collect();
    let sql = format!("{FULL_CHECK};{}", all.join(";"));
    Ok(asking.ask_with_path(&sql, &body.path).await?.is_ok())
}

/// What is wrong with it, if anything.
async fn fault(asking: &mut Asking<'_>, body: &Body) -> Result<Option<BodyFault>, BackendError> {
    let sql = format!("{FULL_CHECK};{}", body.sql);
    let Err(refused) = asking.ask_with_path(&sql, &body.path).await? else { return Ok(None) };
    if let Some(elsewhere) = &body.elsewhere
        && asking.ask_with_path(&sql, elsewhere).await?.is_ok()
    {
        return Ok(None);
    }
    // What says nothing of the body: not allowed, too slow, locked, no memory, the server's end.
    let code = refused.sqlstate.as_deref().unwrap_or_default();
    let is_about_us = code == sqlstate::INSUFFICIENT_PRIVILEGE
        || ["53", "55", "57", "58"].iter().any(|class| code.starts_with(class));
    Ok(Some(if is_about_us {
        BodyFault::Unread(asking.unread(&refused))
    } else {
        BodyFault::Broken { message: refused.message, sqlstate: refused.sqlstate }
    }))
}

/// Views that call functions which do not work.
async fn callers(
    asking: &mut Asking<'_>,
    functions: &[String],
) -> Result<Fact<Vec<BrokenBody>>, BackendError> {
    if functions.is_empty() {
        return Ok(Fact::NotHere);
    }
    let sql = format!(
        "SELECT DISTINCT CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || \
           quote_ident(n.nspname) || '.' || quote_ident(c.relname), p.proname \
         FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid \
         JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_proc p ON p.oid = d.refobjid \
         WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_proc'::regclass \
           AND c.relkind IN ('v', 'm') AND d.refobjid IN ({}) ORDER BY 1, 2",
        functions.iter().map(|it| literal(it)).collect::<Vec<_>>().join(", ")
    );
    let rows = asking.ask(&sql).await?.map(first);
    let caller = |row: &SimpleQueryRow| {
        let message =
            format!("it calls the function {}, which does not", text(row, 1).unwrap_or_default());
        let fault = BodyFault::Broken { message, sqlstate: None };
        Some(BrokenBody { subject: text(row, 0)?, fault })
    };
    Ok(rows.map(|rows| rows.iter().filter_map(caller).collect()))
}
