//! What must hold when everything is over: every effect exactly once, ledger and journal in
//! order, nothing of ours left on the server.

use std::time::{Duration, Instant};

use stopover_scratch::binaries::Program;
use stopover_testkit::TestDatabase;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::Complaint;
use crate::source::{Check, Source};
use crate::tool::{End, Tool};

/// How long sessions of ours may stay after the last run.
const LEAVING: Duration = Duration::from_secs(10);

const INVALID: &str = "SELECT coalesce(string_agg(c.relname, ' '), '') FROM pg_index i \
    JOIN pg_class c ON c.oid = i.indexrelid \
    WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) \
    OR c.relname ~ '_cc(new|old)[0-9]*$'";

const DETACHING: &str = "SELECT coalesce(string_agg(inhrelid::regclass::text, ' '), '') FROM pg_inherits \
     WHERE inhdetachpending";

/// Versions that nobody repaired and of which a statement finished twice, or which were applied
/// twice, or whose last line is not that they are settled.
const JOURNAL: &str = "WITH j AS (SELECT * FROM stopover.migration_journal), \
    plain AS (SELECT * FROM j WHERE version NOT IN \
      (SELECT version FROM j WHERE event IN ('settled', 'reverted'))), \
    twice AS (SELECT version || ' finished ' || statement || ' twice' AS problem FROM plain \
      WHERE event = 'finished' GROUP BY version, statement HAVING count(*) > 1), \
    again AS (SELECT version || ' applied twice' FROM plain \
      WHERE event = 'applied' GROUP BY version HAVING count(*) > 1), \
    open AS (SELECT version || ' ends with ' || event FROM \
      (SELECT DISTINCT ON (version) version, event FROM j ORDER BY version, id DESC) l \
      WHERE event NOT IN ('applied', 'settled')) \
    SELECT coalesce(string_agg(problem, ', '), '') FROM \
      (TABLE twice UNION ALL TABLE again UNION ALL TABLE open) p";

const SESSIONS: &str = "SELECT count(*)::text FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = \
    'client backend'";

const LOCKS: &str = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Complains of everything that does not hold.
pub(crate) async fn verify(
    source: &Source,
    database: &TestDatabase,
    tool: &Tool,
) -> Result<(), Complaint> {
    let client = database.client().await;
    let mut wrong = Vec::new();
    let mut checks = source.checks();
    checks.push(Check::new("invalid indexes", INVALID, ""));
    checks.push(Check::new("partitions that are being detached", DETACHING, ""));
    let there = "SELECT (to_regclass('stopover.migration_journal') IS NOT NULL)::text";
    if ask(&client, there).await? == "true" {
        checks.push(Check::new("the journal", JOURNAL, ""));
    }
    for Check { what, sql, answer } in checks {
        let found = ask(&client, &sql).await.unwrap_or_else(|error| error.to_string());
        if found != answer {
            wrong.push(format!(
                "{what}: there should be\n    {answer}\n  and there is\n    {found}"
            ));
        }
    }
    let status = tool.run(&database.url(), &["status", "--check"]).await?;
    if status.end != End::Exit(0) {
        wrong.push(format!("the tool finds drift\n{status}"));
    }
    wrong.extend(left(&client).await?);
    if wrong.is_empty() { Ok(()) } else { Err(Complaint::new(wrong.join("\n"))) }
}

/// What is still there of our sessions after some time.
async fn left(client: &Client) -> Result<Option<String>, Complaint> {
    let began = Instant::now();
    loop {
        let (sessions, locks) = (ask(client, SESSIONS).await?, ask(client, LOCKS).await?);
        if sessions == "0" && locks == "0" {
            return Ok(None);
        }
        if began.elapsed() > LEAVING {
            return Ok(Some(format!("left are {sessions} sessions and {locks} advisory locks")));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The first column of the first row; NULL is nothing.
async fn ask(client: &Client, sql: &str) -> Result<String, Complaint> {
    let answer = client.simple_query(sql).await;
    let answer = answer.map_err(|error| {
        let text = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
        Complaint::new(format!("{text}: {sql}"))
    })?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    Ok(row.unwrap_or_default())
}

/// The database as it is, for people.
pub(crate) fn state(database: &TestDatabase) -> String {
    let questions = [
        "SELECT mark, count(*) FROM public.marks GROUP BY mark ORDER BY mark",
        "SELECT n FROM public.counter",
        "SELECT * FROM stopover.applied_migrations ORDER BY version",
        "SELECT version, description, success, execution_time FROM public._sqlx_migrations",
        "SELECT * FROM public.__diesel_schema_migrations ORDER BY version",
        "SELECT id, at, version, event, statement, left(statement_checksum, 6), detail FROM \
         stopover.migration_journal ORDER BY id",
        "SELECT indexrelid::regclass, indisvalid, indisready, indislive FROM pg_index \
         WHERE indexrelid >= 16384",
        "SELECT pid, application_name, state, wait_event, left(query, 60) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    ];
    let mut text = "-- the database".to_owned();
    for question in questions {
        let said = database.run(Program::Psql, &["-X", "-q", "-A", "-c", question]);
        text.push_str(&format!("\n> {question}\n{}", said.output));
        if !said.success && !said.errors.contains("does not exist") {
            text.push_str(&said.errors);
        }
    }
    text
}
