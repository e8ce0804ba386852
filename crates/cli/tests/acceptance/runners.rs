//! Several runners at once, and locks that others hold.

use crate::place::Place;
use crate::program::Running;

/// Migrations that show by their rows how often they ran.
fn counting(number: usize) -> Vec<(String, String)> {
    let first = "CREATE TABLE runs (version int);\nINSERT INTO runs VALUES (1);\n".to_owned();
    let others = (2..=number).map(|version| {
        let path = format!("migrations/{version}_run.up.sql");
        (path, format!("INSERT INTO runs VALUES ({version});\nSELECT pg_sleep(0.005);\n"))
    });
    std::iter::once(("migrations/1_runs.up.sql".to_owned(), first)).chain(others).collect()
}

async fn at_once(runners: usize, migrations: usize) {
    let files = counting(migrations);
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let place = Place::with(&files).await;
    let call = place.call("apply --format json");
    let running: Vec<Running> = (0..runners).map(|_| call.start()).collect();
    let mut applied = 0;
    for running in running {
        let said = running.end().exits(0);
        applied += said.document()["applied"].as_array().unwrap().len();
    }
    assert_eq!(applied, migrations, "each was applied by one of them");
    let once = "SELECT count(*) = count(DISTINCT version), count(*) FROM runs";
    assert_eq!(place.database.psql(once), format!("t|{migrations}"));
    let all: Vec<String> = (1..=migrations).map(|it| it.to_string()).collect();
    assert_eq!(place.ledger(), all.join(" "));
}

#[tokio::test]
async fn two_runners_at_once_apply_each_migration_once() {
    at_once(2, 12).await;
}

#[tokio::test]
async fn sixteen_runners_at_once_apply_each_migration_once() {
    at_once(16, 12).await;
}

#[tokio::test]
async fn concurrent_index_builds_do_not_deadlock_with_runners_that_wait() {
    let place = Place::with(&[
        ("migrations/1_t.up.sql", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS x;\n"),
        ("migrations/2_x.up.sql", "CREATE INDEX CONCURRENTLY t_x ON t (x);\n"),
    ])
    .await;
    let call = place.call("apply");
    let running: Vec<Running> = (0..4).map(|_| call.start()).collect();
    for running in running {
        running.end().exits(0);
    }
    let valid = "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass";
    assert_eq!(place.database.psql(valid), "t");
    assert_eq!(place.ledger(), "1 2");
}

#[tokio::test]
async fn a_migration_that_discards_everything_keeps_the_run_lock() {
    let discards = "-- stopover: no-transaction\nDISCARD ALL;\nSELECT pg_sleep(0.4);\n\
                    INSERT INTO t VALUES (1);\nSELECT pg_sleep(0.2);\n";
    let place = Place::with(&[
        ("migrations/1_t.up.sql", "CREATE TABLE t (x int);\n"),
        ("migrations/2_discards.up.sql", discards),
    ])
    .await;
    let call = place.call("apply");
    let running: Vec<Running> = (0..4).map(|_| call.start()).collect();
    for running in running {
        running.end().exits(0);
    }
    assert_eq!(place.database.psql("SELECT count(*) FROM t"), "1");
}

#[tokio::test]
async fn a_lock_that_is_released_in_time_lets_the_migration_pass() {
    let place = Place::with(&[("migrations/1_orders.up.sql", "CREATE TABLE orders (x int);\n")]);
    let place = place.await;
    place.call("apply").run().exits(0);
    let note = "CREATE TABLE beside (x int);\nALTER TABLE orders ADD COLUMN note text;\n";
    place.write("migrations/2_note.up.sql", note);
    let holder = place.database.client().await;
    holder.batch_execute("BEGIN; SELECT FROM orders").await.unwrap();
    let mut running = place.call("apply --lock-timeout 100ms --lock-retries 50").start();
    running.hears("rolled back, try 1 of 51, again in");
    holder.batch_execute("COMMIT").await.unwrap();
    let said = running.end().exits(0);
    assert!(said.stderr.contains("held by pid"), "{}", said.stderr);
    assert_eq!(place.ledger(), "1 2");
}

#[tokio::test]
async fn the_role_that_waits_is_told_who_is_at_work() {
    // It goes on for as long as there is a row in the gate.
    let slow = "DO $$ BEGIN WHILE EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.1); END LOOP; \
                END $$;\n";
    let place = Place::with(&[("migrations/1_slow.up.sql", slow)]).await;
    place.write("stopover.toml", "[policy]\nempty_ledger = \"allow\"\n");
    place.database.psql("CREATE TABLE gate AS SELECT 1");
    let first = place.call("apply").start();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                    AND datname = current_database()";
    place.until(sleeping, "1");
    let mut second = place.call("apply --lock-wait 2min").start();
    second.hears(", stopover on the local socket");
    place.database.psql("DELETE FROM gate");
    let second = second.end().exits(0);
    assert!(second.stdout.starts_with("Nothing to do"), "{}", second.stdout);
    first.end().exits(0);
    assert_eq!(place.ledger(), "1");
}
