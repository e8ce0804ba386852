//! SIGINT and SIGTERM: the statement ends on the server, the target is left clean.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::place::Place;
use crate::program::{Running, Said};

/// A statement that would take a minute, between two that would not.
const SLOW: [(&str, &str); 3] = [
    ("migrations/1_first.up.sql", "CREATE TABLE first (x int);\n"),
    ("migrations/2_slow.up.sql", "CREATE TABLE slow (x int);\nSELECT pg_sleep(60);\n"),
    ("migrations/3_after.up.sql", "CREATE TABLE after (x int);\n"),
];

/// Who sleeps, and who is there at all, this query's own session left out. A session that ends is
/// seen for a moment longer.
const SLEEPING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'";
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname = current_database() AND pid <> pg_backend_pid()";
const TABLES: &str = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
                      WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";

/// Sends the signal, and sees that the tool ends soon.
fn stop(running: Running, signal: Signal) -> Said {
    let began = Instant::now();
    running.signal(signal);
    let said = running.end();
    // Half of what the statement would take.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}: {}", began.elapsed(), said.all());
    said
}

#[tokio::test]
async fn sigint_cancels_the_statement_on_the_server_and_exits_130() {
    let place = Place::with(&SLOW).await;
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    let said = stop(running, Signal::SIGINT).exits(130);
    place.until(SESSIONS, "0");
    assert_eq!(place.ledger(), "1");
    assert_eq!(place.database.psql(TABLES), "first");
    assert!(said.stdout.starts_with("STOPPED: 2 migrations not begun"), "{}", said.stdout);
    assert!(said.stderr.contains("stopping: cancelling what runs on the server"), "{said:?}");
}

#[tokio::test]
async fn sigterm_does_the_same_and_exits_143() {
    let place = Place::with(&SLOW).await;
    let running = place.call("apply --format json").start();
    place.until(SLEEPING, "1");
    let document = stop(running, Signal::SIGTERM).exits(143).document();
    crate::schema::check("apply", &document);
    assert_eq!(document["applied"], serde_json::json!([1]));
    assert_eq!(document["untouched"], serde_json::json!([2, 3]));
    place.until(SESSIONS, "0");
    assert_eq!((place.ledger().as_str(), place.database.psql(TABLES).as_str()), ("1", "first"));
}

#[tokio::test]
async fn the_next_run_goes_on_where_a_signal_stopped_the_last_one() {
    let place = Place::with(&SLOW).await;
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    stop(running, Signal::SIGINT).exits(130);
    place.write("migrations/2_slow.up.sql", "CREATE TABLE slow (x int);\n");
    place.call("apply").run().exits(0);
    assert_eq!(place.ledger(), "1 2 3");
}

#[tokio::test]
async fn a_signal_ends_the_wait_for_another_runner() {
    let place = Place::with(&SLOW).await;
    let at_work = place.call("apply").start();
    place.until(SLEEPING, "1");
    let waiting = place.call("apply").start();
    place.until(SESSIONS, "2");
    stop(waiting, Signal::SIGTERM).exits(143);
    stop(at_work, Signal::SIGINT).exits(130);
    assert_eq!(place.ledger(), "1");
}

#[tokio::test]
async fn a_signal_ends_the_pause_before_another_try() {
    let place = Place::with(&[(
        "migrations/1_locked.up.sql",
        "LOCK TABLE pg_catalog.pg_proc IN ACCESS EXCLUSIVE MODE;\n",
    )])
    .await;
    let holder = place.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE pg_proc IN ACCESS SHARE MODE").await.unwrap();
    let mut running = place.call("apply --lock-timeout 1ms --lock-retries 1000").start();
    // From the fourth try on the pauses are seconds long.
    running.hears("try 4 of 1001");
    let said = stop(running, Signal::SIGINT).exits(130);
    assert!(!said.stderr.contains("try 6 of 1001"), "{}", said.stderr);
    assert_eq!(place.ledger(), "");
}

#[tokio::test]
async fn an_interrupted_migration_without_a_transaction_is_known_as_dirty() {
    let place = Place::with(&[(
        "migrations/1_slow.up.sql",
        "-- stopover: no-transaction\nCREATE TABLE stays (x int);\nSELECT pg_sleep(60);\n",
    )])
    .await;
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    stop(running, Signal::SIGINT).exits(130);
    place.until(SESSIONS, "0");
    assert_eq!((place.ledger().as_str(), place.database.psql(TABLES).as_str()), ("", "stays"));
    let status = place.call("status --format json").run().exits(0).document();
    assert_eq!(status["drift"][0]["kind"], "dirty");
    assert_eq!(status["drift"][0]["version"], 1);
}

#[tokio::test]
async fn a_second_signal_ends_the_tool_at_once() {
    // The server is told to wait, and does not get to the cancel request while it is stopped.
    let place = Place::with(&SLOW).await;
    let mut running = place.call("apply").start();
    place.until(SLEEPING, "1");
    let query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                 AND datname = current_database()";
    let backend: i32 = place.database.psql(query).parse().unwrap();
    let backend = nix::unistd::Pid::from_raw(backend);
    nix::sys::signal::kill(backend, Signal::SIGSTOP).unwrap();
    running.signal(Signal::SIGINT);
    running.hears("stopping: cancelling what runs on the server");
    running.signal(Signal::SIGINT);
    let said = running.end();
    nix::sys::signal::kill(backend, Signal::SIGCONT).unwrap();
    said.exits(130);
    place.until(SESSIONS, "0");
    assert_eq!(place.ledger(), "1");
}
