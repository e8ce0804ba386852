//! Killed tools and cut connections: the next run applies each migration once.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::place::Place;

const SLOW: [(&str, &str); 3] = [
    ("migrations/1_first.up.sql", "CREATE TABLE runs AS SELECT 1 AS version;\n"),
    (
        "migrations/2_slow.up.sql",
        "INSERT INTO runs VALUES (2);\nSELECT pg_sleep(wait) FROM patience;\n",
    ),
    ("migrations/3_after.up.sql", "INSERT INTO runs VALUES (3);\n"),
];
const SLEEPING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'";
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname = current_database() AND pid <> pg_backend_pid()";
const RUNS: &str = "SELECT string_agg(version::text, ' ' ORDER BY version) FROM runs";

/// The migrations above, on a database whose patience table makes the second one slow.
async fn slow() -> Place {
    let place = Place::with(&SLOW).await;
    place.write("stopover.toml", "[policy]\nempty_ledger = \"allow\"\n");
    place.database.psql("CREATE TABLE patience AS SELECT 60 AS wait");
    place
}

/// The wait is over: what is run now ends at once, and each migration has run once.
fn goes_on(place: &Place) {
    place.database.psql("UPDATE patience SET wait = 0");
    place.call("apply").run().exits(0);
    assert_eq!(place.ledger(), "1 2 3");
    assert_eq!(place.database.psql(RUNS), "1 2 3");
}

#[tokio::test]
async fn a_killed_tool_leaves_no_statement_running_and_nothing_half_done() {
    let place = slow().await;
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().end, "signal 9");
    // The server looks every two seconds whether anybody still waits for the answer.
    place.until(SESSIONS, "0");
    assert_eq!(place.ledger(), "1");
    assert_eq!(place.database.psql(RUNS), "1");
    goes_on(&place);
}

#[tokio::test]
async fn a_cut_connection_is_exit_code_7_and_the_next_run_goes_on() {
    let place = slow().await;
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    place.database.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event = 'PgSleep'",
    );
    let said = running.end().exits(7);
    assert!(said.stderr.contains("terminating connection"), "{}", said.all());
    assert!(said.stderr.contains("run the command again"), "{}", said.all());
    assert_eq!(place.ledger(), "1");
    goes_on(&place);
}

#[tokio::test]
async fn a_migration_cannot_give_the_run_lock_away() {
    let place = Place::with(&[
        // Hidden in a function: where the plan sees it, it is refused.
        ("migrations/1_unlocks.up.sql", "SELECT tidy();\n"),
        ("migrations/2_discards.up.sql", "-- stopover: no-transaction\nDISCARD ALL;\n"),
        (
            "migrations/3_counts.up.sql",
            "CREATE TABLE locks AS SELECT count(*) AS n FROM pg_locks\n\
             WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid();\n",
        ),
    ])
    .await;
    place.database.psql(
        "CREATE FUNCTION tidy() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()'",
    );
    let said = place.call("apply").run().exits(0);
    assert!(said.stdout.contains("migration 1 freed the run lock"), "{}", said.all());
    assert_eq!(place.database.psql("SELECT n > 0 FROM locks"), "t");
}

#[tokio::test]
async fn a_statement_timeout_is_a_failed_migration() {
    let place = slow().await;
    let said = place.call("apply --statement-timeout 2s --format json").run().exits(2);
    let document = said.document();
    crate::schema::check("apply", &document);
    assert_eq!(document["failed"]["error"]["sqlstate"], "57014");
    assert_eq!(document["failed"]["statement"], 2);
    assert_eq!(document["failed"]["rolled_back"], true);
    goes_on(&place);
}

/// A counter of golang-migrate's, and a `DROP TABLE` that takes as long as patience says: the last
/// thing that an adoption does before it commits.
async fn counted() -> Place {
    let place =
        Place::with(&[("migrations/1_runs.up.sql", "CREATE TABLE runs (id bigint);\n")]).await;
    place.database.psql(
        "CREATE TABLE runs (id bigint);
         CREATE TABLE patience AS SELECT 60 AS wait;
         CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
         INSERT INTO schema_migrations VALUES (1, false);
         CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_catalog.pg_sleep(wait) FROM public.patience; END';
         CREATE EVENT TRIGGER slow_drop ON ddl_command_start WHEN TAG IN ('DROP TABLE')
             EXECUTE FUNCTION wait();",
    );
    place
}

#[tokio::test]
async fn an_adoption_that_is_killed_or_cut_off_in_the_middle_leaves_nothing() {
    let place = counted().await;
    let ours = "SELECT to_regnamespace('stopover') IS NULL, version FROM schema_migrations";
    let running = place.call("adopt --drop-legacy").start();
    place.until(SLEEPING, "1");
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().end, "signal 9");
    place.until(SESSIONS, "0");
    assert_eq!(place.database.psql(ours), "t|1");

    let running = place.call("adopt --drop-legacy").start();
    place.until(SLEEPING, "1");
    place.database.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event = 'PgSleep'",
    );
    running.end().exits(7);
    assert_eq!(place.database.psql(ours), "t|1");

    place.database.psql("UPDATE patience SET wait = 0");
    place.call("adopt --drop-legacy").run().exits(0);
    assert_eq!(place.ledger(), "1");
    assert_eq!(place.database.psql("SELECT to_regclass('schema_migrations') IS NULL"), "t");
}

#[tokio::test]
async fn a_killed_tool_leaves_no_backup_command_running() {
    let place = slow().await;
    let command = "while sleep 0.02; do date +%s.%N > beat; done";
    let running = place.call("").arguments(["backup", "--backup-command", command]).start();
    let beat = || fs::read_to_string(place.path("beat")).unwrap_or_default();
    let until = |what: &str, reached: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !reached() {
            assert!(began.elapsed() < Duration::from_secs(120), "{what}");
            sleep(Duration::from_millis(20));
        }
    };
    until("it never begins", &|| !beat().is_empty());
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().end, "signal 9");
    until("it runs on", &|| {
        let before = beat();
        sleep(Duration::from_millis(500));
        before == beat()
    });
}
