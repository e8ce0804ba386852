//! The target before and after the copying: who else works there, what would be lost, what is
//! dropped.

use std::time::{Duration, Instant};

use stopover_postgres::literal::{identifier, literal};
use tokio::time::sleep;

use crate::error::{Fatal, Side, Trouble};
use crate::line::{Line, number, text};

/// Keys of the advisory locks; the first half is a number that nobody else is likely to use. The
/// first key is held by the one run that works on a database, the second is shared by all
/// of its sessions.
const RUN: (i32, i32) = (0x5ca2_2791, 1);
const SESSIONS: (i32, i32) = (0x5ca2_2791, 2);
/// Longest wait for another run, or for what one that was killed has left running.
const WAIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);
/// As many relations are dropped in one transaction: each takes locks, for which a server has
/// room for some thousands.
const DROPPED_AT_ONCE: usize = 500;

/// Which database it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    system: String,
    database: String,
}

/// Reads which database `line` is connected to.
pub(crate) async fn identity(line: &Line, side: Side) -> Result<Identity, Fatal> {
    const SQL: &str = "SELECT s.system_identifier, d.oid \
        FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d \
        WHERE d.datname = pg_catalog.current_database()";
    let rows = line.rows(SQL).await.map_err(|it| it.fatal(side))?;
    let row = rows.first().ok_or_else(|| {
        Fatal(format!("{}: the server does not say which database it is", side.name()))
    })?;
    Ok(Identity { system: text(row, 0), database: text(row, 1) })
}

/// Waits until nobody else carries into this database, and nothing runs any more that a killed
/// run has left. The lock ends with the session.
pub(crate) async fn reserve(desk: &Line) -> Result<(), Fatal> {
    let begun = Instant::now();
    for (key, left) in [(RUN, "another carry"), (SESSIONS, "statements of a carry that is gone")] {
        let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({}, {})", key.0, key.1);
        loop {
            let rows = desk.rows(&sql).await.map_err(|it| it.fatal(Side::Target))?;
            if rows.first().is_some_and(|row| text(row, 0) == "t") {
                break;
            }
            if begun.elapsed() > WAIT {
                return Err(Fatal(format!(
                    "target: {left} still works there after {} s; wait for its end",
                    WAIT.as_secs()
                )));
            }
            sleep(LOOK).await;
        }
    }
    let free = format!("SELECT pg_catalog.pg_advisory_unlock({}, {})", SESSIONS.0, SESSIONS.1);
    desk.run(&free).await.map_err(|it| it.fatal(Side::Target))
}

/// Notes that a session works for the run that holds the lock.
pub(crate) async fn enlist(line: &Line) -> Result<(), Fatal> {
    let sql = format!("SELECT pg_catalog.pg_advisory_lock_shared({}, {})", SESSIONS.0, SESSIONS.1);
    line.run(&sql).await.map_err(|it| it.fatal(Side::Target))
}

/// Which of the schemas are there.
pub(crate) async fn present(desk: &Line, schemas: &[String]) -> Result<Vec<String>, Fatal> {
    let sql = format!(
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname IN ({}) ORDER BY 1",
        list(schemas)
    );
    let rows = desk.rows(&sql).await.map_err(|it| it.fatal(Side::Target))?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

/// Objects outside of the schemas that depend on something inside: dropping the schemas would take
/// them, or a part of them, along.
pub(crate) async fn dependents(desk: &Line, schemas: &[String]) -> Result<Vec<String>, Fatal> {
    let names = list(schemas);
    // The schema of an object: its own, or that of the relation that it is a part of.
    let sql = format!(
        "WITH RECURSIVE inside AS ( \
           SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid AS classid, oid AS objid \
             FROM pg_catalog.pg_namespace WHERE nspname IN ({names}) \
           UNION SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN inside i \
             ON d.refclassid = i.classid AND d.refobjid = i.objid \
             WHERE d.deptype NOT IN ('P', 'S')) \
         SELECT DISTINCT o.type || ' ' || o.identity FROM inside i \
         LEFT JOIN pg_catalog.pg_rewrite r ON i.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
           AND r.oid = i.objid \
         LEFT JOIN pg_catalog.pg_constraint k ON i.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
           AND k.oid = i.objid \
         LEFT JOIN pg_catalog.pg_attrdef a ON i.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
           AND a.oid = i.objid \
         LEFT JOIN pg_catalog.pg_trigger t ON i.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass \
           AND t.oid = i.objid \
         LEFT JOIN pg_catalog.pg_policy p ON i.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass \
           AND p.oid = i.objid \
         LEFT JOIN pg_catalog.pg_class c \
           ON c.oid = coalesce(r.ev_class, nullif(k.conrelid, 0), a.adrelid, t.tgrelid, p.polrelid) \
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_type y ON i.classid = 'pg_catalog.pg_type'::pg_catalog.regclass \
           AND y.oid = i.objid \
         CROSS JOIN LATERAL pg_catalog.pg_identify_object( \
           CASE WHEN r.oid IS NULL THEN i.classid ELSE 'pg_catalog.pg_class'::pg_catalog.regclass END, \
           coalesce(r.ev_class, i.objid), 0) o \
         WHERE coalesce(n.nspname, (SELECT s.nspname FROM pg_catalog.pg_namespace s \
             WHERE pg_catalog.quote_ident(s.nspname) = o.schema), '') NOT IN ({names}, 'pg_toast') \
           AND i.classid NOT IN ('pg_catalog.pg_namespace'::pg_catalog.regclass, \
             'pg_catalog.pg_default_acl'::pg_catalog.regclass, 'pg_catalog.pg_amop'::pg_catalog.regclass, \
             'pg_catalog.pg_amproc'::pg_catalog.regclass, 'pg_catalog.pg_extension'::pg_catalog.regclass, \
             'pg_catalog.pg_publication_rel'::pg_catalog.regclass, \
             'pg_catalog.pg_publication_namespace'::pg_catalog.regclass) \
           AND NOT coalesce(t.tgisinternal, false) \
           AND coalesce(y.typrelid, 0) = 0 AND coalesce(y.typcategory, 'U') <> 'A' \
         ORDER BY 1"
    );
    // Catalogs that this server does not have yet.
    let sql = match desk.major() {
        ..15 => sql.replace(
            "'pg_catalog.pg_publication_rel'::pg_catalog.regclass, \
             'pg_catalog.pg_publication_namespace'::pg_catalog.regclass",
            "'pg_catalog.pg_publication_rel'::pg_catalog.regclass",
        ),
        _ => sql,
    };
    let rows = desk.rows(&sql).await.map_err(|it| it.fatal(Side::Target))?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

/// Drops the schemas and all that is in them.
///
/// # Errors
/// A statement's where nothing was dropped; fatal where something may have been.
pub(crate) async fn drop_schemas(desk: &Line, schemas: &[String]) -> Result<(), Trouble> {
    let there = present(desk, schemas).await?;
    if there.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = there.iter().map(|it| identifier(it)).collect();
    let sql = format!("DROP SCHEMA {} CASCADE", names.join(", "));
    match desk.run(&sql).await {
        // More relations than the server can lock at once (out_of_memory).
        Err(Trouble::Statement(error)) if error.is("53200") => {
            empty(desk, &there).await?;
            desk.run(&sql).await.map_err(|it| it.fatal(Side::Target).into())
        }
        ended => ended,
    }
}

/// Drops what is in the schemas, some at a time.
async fn empty(desk: &Line, schemas: &[String]) -> Result<(), Fatal> {
    let sql = format!(
        "SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' \
             WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, \
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ({}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        list(schemas)
    );
    let rows = desk.rows(&sql).await.map_err(|it| it.fatal(Side::Target))?;
    for some in rows.chunks(DROPPED_AT_ONCE) {
        let drop = |row: &_| format!("DROP {} IF EXISTS {} CASCADE", text(row, 0), text(row, 1));
        let sql = some.iter().map(drop).collect::<Vec<_>>().join(";");
        desk.run(&sql).await.map_err(|it| it.fatal(Side::Target))?;
    }
    Ok(())
}

/// Ends all other sessions with this badge, and waits until they are gone.
pub(crate) async fn end_sessions(desk: &Line, badge: &str) -> Result<(), Fatal> {
    let sql = format!(
        "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity \
         WHERE application_name = {} AND pid <> pg_catalog.pg_backend_pid()",
        literal(badge)
    );
    let begun = Instant::now();
    loop {
        let rows = desk.rows(&sql).await.map_err(|it| it.fatal(Side::Target))?;
        if rows.first().is_none_or(|row| number(row, 0) == 0) {
            return Ok(());
        }
        if begun.elapsed() > WAIT {
            return Err(Fatal("target: its sessions do not end".to_owned()));
        }
        sleep(LOOK).await;
    }
}

/// What stands at a schema while it is not known to be whole: a run that is killed leaves it.
const UNFINISHED: &str = "half-copied: stopover carry has not finished";

/// Marks schemas as not finished. One that could not be made has no mark.
pub(crate) async fn mark(desk: &Line, schemas: &[String]) -> Result<(), Fatal> {
    comment(desk, schemas.iter().map(|it| (it, literal(UNFINISHED)))).await
}

/// Takes the marks away, and waits until this and all that was committed before it is on the
/// disk: the commits before it did not.
pub(crate) async fn settle(
    desk: &Line,
    comments: &[(String, Option<String>)],
) -> Result<(), Fatal> {
    let value = |text: &Option<String>| text.as_deref().map_or("NULL".to_owned(), literal);
    comment(desk, comments.iter().map(|(name, text)| (name, value(text)))).await
}

async fn comment(
    desk: &Line,
    comments: impl Iterator<Item = (&String, String)>,
) -> Result<(), Fatal> {
    let one = |(name, value): (&String, String)| {
        format!("COMMENT ON SCHEMA {} IS {value}", identifier(name))
    };
    let sql: Vec<String> = comments.map(one).collect();
    if sql.is_empty() {
        return Ok(());
    }
    let sql = format!("BEGIN; SET LOCAL synchronous_commit = on; {}; COMMIT", sql.join(";"));
    desk.run(&sql).await.map_err(|it| it.fatal(Side::Target))
}

fn list(schemas: &[String]) -> String {
    let list: Vec<String> = schemas.iter().map(|it| literal(it)).collect();
    if list.is_empty() { "NULL".to_owned() } else { list.join(", ") }
}
