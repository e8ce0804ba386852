//! Preflight: who else works in the database, and stands in the plan's way.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use stopover_model::Severity;
use stopover_scratch::binaries::Program;
use tokio_postgres::Client;

use crate::before::server;
use crate::stage::{NOTE, Stage, only, urgent};

/// A transaction that stays open for as long as the client is kept.
async fn open(stage: &Stage, sql: &str) -> Client {
    let client = stage.database.client().await;
    client.batch_execute(&format!("BEGIN; {sql}")).await.expect("the transaction begins");
    client
}

/// Long enough for a transaction to be old.
async fn wait() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Longest wait for something that must come to pass, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `sql` says `t`.
async fn until(stage: &Stage, sql: &str) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if stage.psql(sql) == "t" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come to: {sql}");
}

#[tokio::test]
async fn an_old_transaction_on_a_table_of_the_plan_is_an_error_and_elsewhere_a_warning() {
    let stage = Stage::new().await.with(2, NOTE);
    let idle = open(&stage, "SELECT * FROM orders").await;
    let other = open(&stage, "SELECT * FROM apart").await;
    wait().await;
    let report = stage.preflight().await;
    assert_eq!(
        urgent(&report.findings),
        [("long-transaction", Severity::Error), ("long-transaction", Severity::Warning)]
    );
    let error = report.findings.iter().find(|it| it.is_error()).expect("an error");
    for part in ["idle in transaction", "public.orders", "SELECT * FROM orders"] {
        assert!(error.message.contains(part), "{error:?}");
    }
    assert!(error.remedy.contains("pg_terminate_backend"), "{error:?}");
    drop((idle, other));
}

#[tokio::test]
async fn a_statement_that_runs_for_long_is_an_old_transaction() {
    let stage = Stage::new().await.with(2, NOTE);
    let client = stage.database.client().await;
    let sleeping =
        tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(30) FROM orders").await });
    stage.psql("INSERT INTO orders VALUES (1, 1)");
    until(
        &stage,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                   AND pid <> pg_backend_pid() AND state = 'active'",
    )
    .await;
    wait().await;
    let report = stage.preflight().await;
    sleeping.abort();
    assert_eq!(urgent(&report.findings), [("long-transaction", Severity::Error)]);
}

#[tokio::test]
async fn a_plan_that_may_touch_anything_makes_every_old_transaction_an_error() {
    let stage = Stage::new().await.with(2, "DO $$ BEGIN PERFORM 1; END $$;");
    let other = open(&stage, "SELECT * FROM apart").await;
    wait().await;
    let report = stage.preflight().await;
    assert_eq!(urgent(&report.findings), [("long-transaction", Severity::Error)]);
    drop(other);
}

#[tokio::test]
async fn an_index_that_is_built_concurrently_waits_for_every_old_snapshot() {
    let stage = Stage::new().await.with(2, "CREATE INDEX CONCURRENTLY o ON orders (id);");
    let other = open(&stage, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1").await;
    wait().await;
    let report = stage.preflight().await;
    let found = only(&report.findings, "long-transaction");
    assert!(found.is_error() && found.message.contains("CONCURRENTLY"), "{found:?}");
    drop(other);
}

#[tokio::test]
async fn a_queue_of_three_is_told_waiter_by_waiter() {
    let stage = Stage::new().await.with(2, NOTE);
    let holder = open(&stage, "LOCK TABLE orders IN ACCESS SHARE MODE").await;
    let mut waiting = Vec::new();
    for sql in [
        "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE orders IN ACCESS SHARE MODE",
        "LOCK TABLE orders IN ROW EXCLUSIVE MODE",
    ] {
        let client = stage.database.client().await;
        waiting.push(tokio::spawn(
            async move { client.batch_execute(&format!("BEGIN; {sql}")).await },
        ));
        let count = waiting.len();
        until(
            &stage,
            &format!(
                "SELECT count(*) = {count} FROM pg_locks WHERE NOT granted AND \
            database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ),
        )
        .await;
    }
    let report = stage.preflight().await;
    for task in waiting {
        task.abort();
    }
    drop(holder);
    let waits: Vec<_> = report.findings.iter().filter(|it| it.code == "blocking-lock").collect();
    assert_eq!(waits.len(), 3, "{:#?}", report.findings);
    for wait in &waits {
        assert!(wait.is_error(), "{wait:?}");
        assert!(wait.message.contains(" on public.orders, for pid "), "{wait:?}");
        assert!(wait.message.contains("LOCK TABLE orders"), "{wait:?}");
    }
}

#[tokio::test]
async fn a_queue_on_a_table_that_the_plan_leaves_alone_is_a_warning() {
    let stage = Stage::new().await.with(2, NOTE);
    let holder = open(&stage, "LOCK TABLE apart").await;
    let client = stage.database.client().await;
    let waiting = tokio::spawn(async move { client.batch_execute("SELECT * FROM apart").await });
    until(
        &stage,
        "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = \
                   'apart'::regclass AND database = (SELECT oid FROM pg_database WHERE datname \
                   = current_database())",
    )
    .await;
    let report = stage.preflight().await;
    waiting.abort();
    drop(holder);
    assert_eq!(only(&report.findings, "blocking-lock").severity, Severity::Warning);
}

/// Killed at the end, whatever came of the test.
struct Dump(Child);

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_running_pg_dump_is_found_by_its_name() {
    let stage = Stage::new().await.with(2, NOTE);
    // It waits for this lock, so that it does not end before we look.
    let holder = open(&stage, "LOCK TABLE apart").await;
    let mut command = stage.database.command(Program::PgDump);
    let dump = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let dump = Dump(dump.expect("pg_dump starts"));
    until(
        &stage,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pg_dump' \
                   AND datname = current_database()",
    )
    .await;
    let report = stage.preflight().await;
    drop((dump, holder));
    let found = only(&report.findings, "dump-running");
    assert!(found.is_error() && found.message.starts_with("pg_dump is running"), "{found:?}");
}

#[tokio::test]
async fn a_transaction_that_was_prepared_and_not_ended_is_an_error_with_its_locks() {
    let server = server(&[("max_prepared_transactions", "5")]).await;
    let stage = Stage::on(&server).await.with(2, NOTE);
    let client = stage.database.client().await;
    let prepare = "BEGIN; INSERT INTO orders VALUES (1, 1); PREPARE TRANSACTION 'left''over'";
    client.batch_execute(prepare).await.expect("it is prepared");
    let report = stage.preflight().await;
    let found = only(&report.findings, "prepared-transaction");
    assert!(found.is_error() && found.message.contains("public.orders"), "{found:?}");
    assert!(found.remedy.contains("ROLLBACK PREPARED 'left''over'"), "{found:?}");
    client.batch_execute("ROLLBACK PREPARED 'left''over'").await.expect("it is ended");
    drop(stage);
    server.stop().await;
}

#[tokio::test]
async fn a_vacuum_against_wraparound_on_a_table_of_the_plan_is_a_warning() {
    // A table is old after 100,000 transactions, and the vacuum of it is slow enough to be seen. It
    // is the only one that a table without autovacuum gets.
    let server = server(&[
        ("autovacuum", "on"),
        ("autovacuum_naptime", "1s"),
        ("autovacuum_max_workers", "6"),
        ("autovacuum_freeze_max_age", "100000"),
        ("vacuum_freeze_min_age", "0"),
        // What else is old does not keep the workers busy.
        ("autovacuum_vacuum_cost_delay", "0"),
    ])
    .await;
    let stage = Stage::on(&server).await.with(2, NOTE);
    stage.psql(
        "ALTER TABLE orders SET (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100, \
           autovacuum_vacuum_cost_limit = 1); \
         INSERT INTO orders SELECT i, i FROM generate_series(1, 200000) i",
    );
    stage.psql(
        "DO $$ BEGIN FOR i IN 1..101000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$",
    );
    until(
        &stage,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                   AND query LIKE '%public.orders (to prevent wraparound)'",
    )
    .await;
    let report = stage.preflight().await;
    let found = only(&report.findings, "autovacuum-wraparound");
    assert_eq!((found.severity, found.subject.as_str()), (Severity::Warning, "public.orders"));
    let blind = stage.role(
        "GRANT USAGE ON SCHEMA stopover TO $role; \
                            GRANT SELECT ON ALL TABLES IN SCHEMA stopover TO $role",
    );
    let report = stage.preflight_as(&blind).await;
    stage.forget(&blind);
    let found = only(&report.findings, "autovacuum-wraparound");
    assert!(found.is_error() && found.message.contains("could not run"), "{found:?}");
    drop(stage);
    server.stop().await;
}
