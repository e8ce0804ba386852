//! After the last statement: nothing of the copy may reach out, statistics are gathered, and the
//! restoring role gives everything away and goes.

use stopover_model::{DatabaseError, Event, EventSink, RestorePhase};
use stopover_postgres::literal::identifier;

use super::crew::{Crew, Finished, Work};
use super::error::RestoreError;
use super::footing::Footing;
use super::keeper::{Keeper, mute_wrapper};
use super::notes::Notes;
use super::session::Session;

/// Tables where tools keep which migrations are applied. Their owner ran production's migrations.
const LEDGERS: &[&str] = &[
    "_sqlx_migrations",
    "schema_migrations",
    "__diesel_schema_migrations",
    "goose_db_version",
    "flyway_schema_history",
    "refinery_schema_history",
    "alembic_version",
    "django_migrations",
    "stopover_migrations",
];

/// Owns what a dump gives to nobody (`pg_dump --no-owner`).
const OWNER: &str = "stopover_owner";

/// Relations of users, not of extensions.
const USER_RELATIONS: &str = "FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                AND d.deptype = 'e')";

/// Puts everything in its final state; gives the role that owns the database.
pub(super) async fn finish(
    (session, mut crew): (Session, Crew),
    keeper: &mut Keeper,
    notes: &mut Notes,
    sink: &mut dyn EventSink,
) -> Result<String, RestoreError> {
    if keeper.footing.is_superuser() {
        disarm(keeper, notes).await?;
    }
    sink.emit(Event::Phase(RestorePhase::Analyzing));
    analyze(&session, &mut crew, keeper, notes).await?;
    crew.close().await;
    session.close().await;
    if keeper.footing != Footing::Private {
        // Everything belongs to the restoring role, which stays.
        return Ok(keeper.restorer.clone());
    }
    let owner = choose_owner(keeper).await?;
    keeper.ensure_role(&owner).await?;
    hand_over(keeper, &owner).await?;
    Ok(owner)
}

/// Foreign servers, scheduled jobs and settings of the copy.
async fn disarm(keeper: &Keeper, notes: &mut Notes) -> Result<(), RestoreError> {
    const DOING: &str = "disarming the copy";
    let own = &keeper.own;
    let wrappers = "SELECT pg_catalog.quote_ident(fdwname) FROM pg_catalog.pg_foreign_data_wrapper
                    WHERE fdwhandler <> 0 OR fdwvalidator <> 0";
    for wrapper in own.names(DOING, wrappers).await? {
        own.run(DOING, &mute_wrapper(&wrapper)).await?;
    }
    let servers = "SELECT srvname::text FROM pg_catalog.pg_foreign_server ORDER BY 1";
    let servers = own.names(DOING, servers).await?;
    if !servers.is_empty() {
        let message = "foreign servers are there, but their tables reach nothing";
        notes.add("restore-foreign-server-disarmed", servers.join(", "), message);
    }
    if !keeper.muted.is_empty() {
        let message = "functions that connect to other machines may not be called";
        notes.add("restore-extension-disarmed", keeper.muted.join(", "), message);
    }
    stop_jobs(own, notes).await?;
    // A dump's code can set them as the owner: `search_path` for the next superuser, for example.
    let settings = "SELECT pg_catalog.array_to_string(setconfig, ', ')
        FROM pg_catalog.pg_db_role_setting AS s JOIN pg_catalog.pg_database AS d
            ON d.oid = s.setdatabase
        WHERE d.datname = pg_catalog.current_database() AND s.setrole = 0";
    let settings = own.names(DOING, settings).await?;
    if !settings.is_empty() {
        let sql = format!("ALTER DATABASE {} RESET ALL", identifier(&keeper.database));
        own.run(DOING, &sql).await?;
        let message = "settings that the dump's code gave to the database were taken back";
        notes.add("restore-settings-reset", settings.join(", "), message);
    }
    Ok(())
}

/// pg_cron's jobs: the table must be the extension's own, for it is updated as a superuser.
async fn stop_jobs(own: &Session, notes: &mut Notes) -> Result<(), RestoreError> {
    const DOING: &str = "stopping scheduled jobs";
    let table = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM pg_catalog.pg_extension AS e
        JOIN pg_catalog.pg_depend AS d ON d.refobjid = e.oid AND d.deptype = 'e'
            AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
            AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relname = 'job'
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE e.extname = 'pg_cron'";
    for table in own.names(DOING, table).await? {
        let update = format!("UPDATE {table} SET active = false WHERE active");
        let stopped = own.client.execute(&update, &[]).await;
        let stopped = stopped.map_err(|error| RestoreError::of_server(DOING, &error))?;
        let message = "scheduled jobs of pg_cron were deactivated";
        notes.add("restore-jobs-stopped", stopped.to_string(), message);
    }
    Ok(())
}

/// As the restoring role: functions in index expressions run while statistics are gathered. The
/// largest tables come first.
async fn analyze(
    session: &Session,
    crew: &mut Crew,
    keeper: &Keeper,
    notes: &mut Notes,
) -> Result<(), RestoreError> {
    const DOING: &str = "gathering statistics";
    session.run(DOING, "RESET ROLE; SET client_min_messages = error").await?;
    let tables = |partitions: &str| {
        format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) {USER_RELATIONS}
                 AND c.relkind IN ('r', 'p', 'm') AND {partitions}
             ORDER BY c.relpages DESC, c.oid"
        )
    };
    // A table takes its partitions with it; one partition in the way (a foreign one) keeps it from
    // the others.
    let whole = keeper.own.names(DOING, &tables("NOT c.relispartition")).await?;
    if analyze_each(session, crew, whole, notes).await? > 0 {
        let parts = keeper.own.names(DOING, &tables("c.relispartition")).await?;
        analyze_each(session, crew, parts, notes).await?;
    }
    Ok(())
}

/// Gathers the statistics of each table; how many could not be.
async fn analyze_each(
    session: &Session,
    crew: &mut Crew,
    tables: Vec<String>,
    notes: &mut Notes,
) -> Result<usize, RestoreError> {
    let mut failed = 0;
    let mut judge = |table, result| match result {
        Err(RestoreError::Server { error, .. }) => {
            let error: Box<DatabaseError> = error;
            notes.add("restore-not-analyzed", table, &error.message);
            failed += 1;
            Ok(())
        }
        other => other,
    };
    let mut tables = tables.into_iter();
    loop {
        while tables.len() > 0
            && let Some(vacancy) = crew.vacancy().await
        {
            if let Some(table) = tables.next() {
                crew.run(vacancy, Work::Analyze(table), None);
            }
        }
        let Some(done) = crew.next().await else { break };
        let Finished { work, result, .. } = done?;
        if let Work::Analyze(table) = work {
            judge(table, result)?;
        }
    }
    // Where no other session can be opened.
    for table in tables {
        let result = session.run("gathering statistics", &format!("ANALYZE {table}")).await;
        judge(table, result)?;
    }
    Ok(failed)
}

/// The role that production's migrations run as, most likely.
async fn choose_owner(keeper: &Keeper) -> Result<String, RestoreError> {
    let ledgers: Vec<String> = LEDGERS.iter().map(|name| format!("'{name}'")).collect();
    let sql = format!(
        "SELECT pg_catalog.pg_get_userbyid(c.relowner)::text {USER_RELATIONS}
             AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
         GROUP BY c.relowner
         ORDER BY pg_catalog.bool_or(c.relname IN ({})) DESC, pg_catalog.count(*) DESC, 1",
        ledgers.join(", ")
    );
    let owners = keeper.own.names("looking for the owner", &sql).await?;
    let ours = |name: &&String| keeper.roles.contains(name) || **name == keeper.restorer;
    let owner = owners.iter().find(ours).filter(|name| **name != keeper.restorer);
    Ok(match (owner, owners.is_empty()) {
        (Some(owner), _) => owner.clone(),
        (None, true) => keeper.roles.first().cloned().unwrap_or_else(|| OWNER.to_owned()),
        (None, false) => OWNER.to_owned(),
    })
}

/// Gives all that the restoring role has to `owner`, and drops it.
async fn hand_over(keeper: &Keeper, owner: &str) -> Result<(), RestoreError> {
    keeper.give_all_to(owner).await?;
    let (restorer, owner) = (identifier(&keeper.restorer), identifier(owner));
    let database = identifier(&keeper.database);
    let sql = format!(
        "ALTER DATABASE {database} OWNER TO {owner};
         DROP OWNED BY {restorer}"
    );
    keeper.own.run("handing the database over", &sql).await?;
    let sql = format!("DROP ROLE {restorer}");
    match keeper.own.run("dropping the restoring role", &sql).await {
        // Something still hangs on it; without login it is as good as gone.
        Err(RestoreError::Server { .. }) => {
            let sql = format!("ALTER ROLE {restorer} NOLOGIN NOBYPASSRLS PASSWORD NULL");
            keeper.own.run("locking the restoring role", &sql).await
        }
        other => other,
    }
}
