//! How long: statements, locks, and whoever was shut out by them.

use std::time::{Duration, Instant};

use stopover_backend::{Execute, UnitLimits};
use stopover_postgres::Neighbours;
use stopover_testkit::{TestDatabase, TestServer};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::stage::{Stage, locks, table, until_waiting};

/// Ends the reader 400 ms after somebody was seen to wait for a lock.
async fn held_up(stage: &Stage, reader: Client) -> JoinHandle<()> {
    let client = stage.database.client().await;
    tokio::spawn(async move {
        until_waiting(&client).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        drop(reader);
    })
}

/// That a time is at least what was slept, and at most what passed by the test's own clock.
#[track_caller]
fn within(found: Option<f64>, least: f64, most: f64) {
    let found = found.expect("a time");
    assert!(
        (least - 5.0..=most + 5.0).contains(&found),
        "{found:.1} ms is not from {least} to {most:.1} ms"
    );
}

#[tokio::test]
async fn a_lock_is_held_until_its_transaction_ends() {
    let mut stage = Stage::open().await;
    let passed = stage
        .transaction(&[
            "ALTER TABLE orders ADD COLUMN a int",
            "SELECT pg_sleep(0.3)",
            "CREATE INDEX ON customers (name)",
            "SELECT pg_sleep(0.2)",
        ])
        .await;
    let trace = stage.trace().await;
    let held = |at: usize| trace.statements[at].locks.as_ref().expect("locks")[0].held_ms;
    within(held(0), 500.0, passed[0]);
    within(held(2), 200.0, passed[2]);
    assert_eq!(locks(&trace.statements[1]), [""; 0], "a sleep takes no lock");
    within(table(&trace, "public.orders").read_blocked_ms, 500.0, passed[0]);
    within(table(&trace, "public.orders").write_blocked_ms, 500.0, passed[0]);
    assert_eq!(table(&trace, "public.customers").read_blocked_ms, Some(0.0));
    within(table(&trace, "public.customers").write_blocked_ms, 200.0, passed[2]);
    assert_eq!(table(&trace, "public.events").write_blocked_ms, Some(0.0));
    within(Some(trace.statements[1].duration_ms), 300.0, passed[1] - passed[2]);
}

#[tokio::test]
async fn transactions_add_up_and_locks_that_overlap_do_not() {
    let mut stage = Stage::open().await;
    let mut most = 0.0;
    for _ in 0..2 {
        let passed = stage
            .transaction(&[
                "ALTER TABLE orders ADD COLUMN IF NOT EXISTS a int",
                "LOCK TABLE orders IN SHARE MODE",
                "SELECT pg_sleep(0.1)",
            ])
            .await;
        most += passed[0];
        stage.transaction(&["SELECT pg_sleep(0.2)"]).await;
    }
    let trace = stage.trace().await;
    within(table(&trace, "public.orders").write_blocked_ms, 200.0, most);
}

#[tokio::test]
async fn a_lock_that_comes_late_in_a_long_statement_counts_from_then() {
    let mut stage = Stage::open().await;
    stage
        .transaction(&["DO $$ BEGIN PERFORM pg_sleep(2); LOCK TABLE orders; \
                        PERFORM pg_sleep(0.2); END $$"])
        .await;
    let trace = stage.trace().await;
    let took = trace.statements[0].duration_ms;
    within(Some(took), 2200.0, f64::INFINITY);
    // The look before it was seen comes at most so long before it on a machine that is very busy.
    within(table(&trace, "public.orders").read_blocked_ms, 200.0, took - 1000.0);
}

#[tokio::test]
async fn a_rollback_to_a_savepoint_gives_its_locks_back() {
    let mut stage = Stage::open().await;
    let passed = stage
        .transaction(&[
            "SAVEPOINT before",
            "LOCK TABLE orders",
            "SELECT pg_sleep(0.2)",
            "ROLLBACK TO SAVEPOINT before",
            "SELECT pg_sleep(0.3)",
        ])
        .await;
    let trace = stage.trace().await;
    within(table(&trace, "public.orders").read_blocked_ms, 200.0, passed[1] - passed[4]);
}

#[tokio::test]
async fn outside_of_a_transaction_a_lock_is_seen_while_its_statement_runs() {
    let mut stage = Stage::open().await;
    // The build waits for everybody who could still see the table without the index.
    let reader = stage.database.client().await;
    let old = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders";
    reader.batch_execute(old).await.expect("a reader");
    let release = held_up(&stage, reader).await;
    let began = Instant::now();
    stage.run("CREATE INDEX CONCURRENTLY by_note ON orders (note)").await.expect("an index");
    let passed = began.elapsed().as_secs_f64() * 1e3;
    release.await.expect("the reader ended");
    let trace = stage.trace().await;
    let lock = &trace.statements[0].locks.as_ref().expect("locks")[0];
    assert_eq!(lock.mode, "ShareUpdateExclusiveLock");
    within(lock.held_ms, trace.statements[0].duration_ms, passed);
    assert!(lock.held_ms.expect("a time") >= 400.0);
    assert_eq!(table(&trace, "public.orders").write_blocked_ms, Some(0.0), "nobody waits for it");
}

#[tokio::test]
async fn whoever_waits_for_a_lock_keeps_others_waiting() {
    let mut stage = Stage::open().await;
    let reader = stage.database.client().await;
    reader.batch_execute("BEGIN; SELECT count(*) FROM orders").await.expect("a reader");
    let release = held_up(&stage, reader).await;
    stage.transaction(&["ALTER TABLE orders ADD COLUMN a int"]).await;
    release.await.expect("the reader ended");
    let trace = stage.trace().await;
    let blocked = table(&trace, "public.orders").read_blocked_ms.expect("a time");
    assert!(blocked >= 395.0, "the queue behind an ALTER TABLE that waits is a wait: {blocked}");
}

#[tokio::test]
async fn a_partitions_lock_is_felt_by_readers_of_the_whole_and_an_indexs_by_its_tables() {
    let mut stage = Stage::after("CREATE INDEX part_at ON events_2025 (at)").await;
    let part = stage.transaction(&["REINDEX INDEX part_at", "SELECT pg_sleep(0.1)"]).await[0];
    let whole = stage.transaction(&["LOCK TABLE ONLY events", "SELECT pg_sleep(0.2)"]).await[0];
    let trace = stage.trace().await;
    within(table(&trace, "public.events_2025").read_blocked_ms, 100.0, part);
    within(table(&trace, "public.events").read_blocked_ms, 300.0, part + whole);
}

#[tokio::test]
async fn a_new_tables_locks_are_nobodys_wait() {
    let mut stage = Stage::open().await;
    stage
        .transaction(&[
            "CREATE TABLE later (id int)",
            "ALTER TABLE later ADD COLUMN a int",
            "CREATE INDEX of_orders ON orders (note)",
        ])
        .await;
    stage.transaction(&["ALTER TABLE later ADD COLUMN b int"]).await;
    let trace = stage.trace().await;
    assert_eq!(locks(&trace.statements[1]), [""; 0]);
    assert_eq!(locks(&trace.statements[2]), ["Share orders"]);
    assert_eq!(
        locks(&trace.statements[3]),
        ["AccessExclusive later"],
        "committed, it is there for others"
    );
    assert!(!trace.tables.iter().any(|it| it.relation == "public.later"));
    let read = table(&trace, "public.orders").read_blocked_ms;
    assert_eq!(read, Some(0.0), "the new index was locked, and nobody could see it");
}

#[tokio::test]
async fn a_rewrite_is_told_of_the_statement_that_did_it() {
    let mut stage = Stage::open().await;
    stage
        .transaction(&[
            "ALTER TABLE orders ADD COLUMN a int",
            "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
            "ALTER TABLE customers ADD CONSTRAINT one_name UNIQUE (name)",
            "TRUNCATE events",
        ])
        .await;
    let trace = stage.trace().await;
    let rewrites: Vec<_> = trace.statements.iter().map(|it| it.rewrites.clone()).collect();
    let none = || Some(Vec::new());
    assert_eq!(rewrites, [none(), Some(vec!["public.orders".into()]), none(), none()]);
    assert_eq!(trace.statements[2].indexes, Some(vec!["public.one_name".into()]));
}

#[tokio::test]
async fn a_dropped_and_a_renamed_table_have_the_names_that_users_know() {
    let mut stage = Stage::open().await;
    let rename = ["ALTER TABLE orders RENAME TO purchases", "SELECT pg_sleep(0.1)"];
    let renamed = stage.transaction(&rename).await[0];
    let locked = stage.transaction(&["LOCK TABLE purchases", "SELECT pg_sleep(0.1)"]).await[0];
    let dropped = stage.transaction(&["DROP TABLE events", "SELECT pg_sleep(0.1)"]).await[0];
    let trace = stage.trace().await;
    within(table(&trace, "public.orders").read_blocked_ms, 200.0, renamed + locked);
    within(table(&trace, "public.events_2025").read_blocked_ms, 100.0, dropped);
    assert_eq!(locks(&trace.statements[0]), ["AccessExclusive orders"]);
}

#[tokio::test]
async fn wal_is_measured_on_a_server_of_our_own_alone() {
    let server = TestServer::start().await;
    let database = TestDatabase::create_on(&server).await;
    let mut stage = Stage::with("", Neighbours::None, database).await;
    stage
        .transaction(&["SELECT 1", "INSERT INTO customers VALUES (1000, repeat('x', 1000))"])
        .await;
    stage.run("UPDATE orders SET total = total + 1").await.expect("an update");
    let trace = stage.trace().await;
    let wal: Vec<u64> =
        trace.statements.iter().map(|it| it.wal_bytes.expect("it is measured")).collect();
    assert_eq!(wal[0], 0, "a SELECT writes none");
    assert!((1000..10_000).contains(&wal[1]), "one row: {wal:?}");
    assert!(wal[2] > 2000 * 50, "2,000 rows, and their indexes: {wal:?}");
    let mut shared = Stage::open().await;
    shared.transaction(&["UPDATE orders SET total = 0"]).await;
    let trace = shared.trace().await;
    assert_eq!(trace.statements[0].wal_bytes, None, "others write there as well");
}

#[tokio::test]
async fn a_transaction_keeps_its_first_statement() {
    let mut stage = Stage::open().await;
    stage
        .transaction(&[
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SELECT count(*) FROM orders",
        ])
        .await;
    stage.session.begin(&UnitLimits::default()).await.expect("a transaction");
    stage.run("LOCK TABLE orders").await.expect("a lock");
    stage.session.rollback().await.expect("a rollback");
    let trace = stage.trace().await;
    assert_eq!(trace.statements.len(), 3);
    assert_eq!(trace.statements[2].rewrites, None, "what was undone is not known");
}
