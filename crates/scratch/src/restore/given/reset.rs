//! Empties a marked database, where no fresh one can be made.

use super::error::GivenError;
use crate::restore::session::Session;

/// The comment that makes a database a scratch.
pub(super) const MARK: &str = "stopover scratch";

/// `stopover` in ASCII, shortened to what an advisory lock takes: held while a database is used.
const LOCK: i64 = 0x7374_6f70_6f76_6572;

const DOING: &str = "emptying the scratch database";

/// Whether the session's database is marked.
pub(super) async fn is_marked(session: &Session) -> Result<bool, GivenError> {
    let sql = "SELECT pg_catalog.shobj_description(oid, 'pg_database')
               FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let row = session.client.query_one(sql, &[]).await;
    let row = row.map_err(|error| GivenError::of_driver("reading the database's mark", &error))?;
    Ok(row.get::<_, Option<&str>>(0) == Some(MARK))
}

/// Takes the database for this session; false when another session has it.
pub(super) async fn lock(session: &Session) -> Result<bool, GivenError> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({LOCK})");
    let row = session.client.query_one(&sql, &[]).await;
    let row = row.map_err(|error| GivenError::of_driver("taking the scratch database", &error))?;
    Ok(row.get(0))
}

/// Gives the database back: the session's end alone would do, but the server comes to that when it
/// has the time, and whoever asks for the database before is told that it is in use.
pub(super) async fn unlock(session: &Session) {
    let sql = format!("SELECT pg_catalog.pg_advisory_unlock({LOCK})");
    if let Err(error) = session.client.query_one(&sql, &[]).await {
        tracing::debug!("the scratch database's lock goes with its session: {error}");
    }
}

/// Statements that drop all that a dump can have brought, each for one object. Schemas take most
/// with them; what an administrator put there (an extension that the role may not create) stays.
const DROPS: &[&str] = &[
    "SELECT pg_catalog.format('DROP EVENT TRIGGER %I', evtname)
     FROM pg_catalog.pg_event_trigger
     WHERE pg_catalog.pg_has_role(evtowner, 'USAGE')",
    "SELECT pg_catalog.format('DROP PUBLICATION %I', pubname)
     FROM pg_catalog.pg_publication
     WHERE pg_catalog.pg_has_role(pubowner, 'USAGE')",
    "SELECT pg_catalog.format('DROP SERVER %I CASCADE', srvname)
     FROM pg_catalog.pg_foreign_server
     WHERE pg_catalog.pg_has_role(srvowner, 'USAGE')",
    "SELECT pg_catalog.format('DROP EXTENSION %I CASCADE', extname)
     FROM pg_catalog.pg_extension
     WHERE extname <> 'plpgsql' AND pg_catalog.pg_has_role(extowner, 'USAGE')",
    "SELECT pg_catalog.format('DROP SCHEMA %I CASCADE', n.nspname)
     FROM pg_catalog.pg_namespace AS n
     WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
         AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_depend AS d
             WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                 AND d.refobjid = n.oid
                 AND d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass)",
    "SELECT pg_catalog.format('SELECT pg_catalog.lo_unlink(%s)', oid)
     FROM pg_catalog.pg_largeobject_metadata
     WHERE pg_catalog.pg_has_role(lomowner, 'USAGE')",
];

/// What must be gone afterwards: tables and functions of nobody's extension.
const LEFT: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                AND d.deptype = 'e')
    LIMIT 5";

/// Drops everything that the role can drop, in one transaction: a database is emptied, or left as
/// it was.
pub(super) async fn empty(session: &Session) -> Result<(), GivenError> {
    let run = async |sql: &str| session.run(DOING, sql).await.map_err(GivenError::of_step);
    run("SET search_path = ''; BEGIN").await?;
    for drops in DROPS {
        let drops = session.names(DOING, drops).await.map_err(GivenError::of_step)?;
        for drop in drops {
            run(&drop).await?;
        }
    }
    run("CREATE SCHEMA IF NOT EXISTS public").await?;
    let left = session.names(DOING, LEFT).await.map_err(GivenError::of_step)?;
    if !left.is_empty() {
        let message = format!("this could not be dropped: {}", left.join(", "));
        let error = Box::new(stopover_model::DatabaseError::local(message));
        return Err(GivenError::Refused { doing: DOING, error });
    }
    run("COMMIT").await
}
