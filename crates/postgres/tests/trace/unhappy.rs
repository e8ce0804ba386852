//! Statements that fail, and traces that break off.

use stopover_backend::{Execute, UnitLimits};

use crate::stage::{Stage, locks, table};

#[tokio::test]
async fn a_statement_that_meets_bad_data_held_its_lock_until_it_failed() {
    let mut stage = Stage::after("UPDATE orders SET note = NULL WHERE id = 7").await;
    stage.session.begin(&UnitLimits::default()).await.expect("a transaction");
    let refused = stage.run("ALTER TABLE orders ALTER COLUMN note SET NOT NULL").await;
    assert!(refused.is_err_and(|it| it.is("23502")));
    stage.session.rollback().await.expect("a rollback");
    let trace = stage.trace().await;
    assert_eq!(locks(&trace.statements[0]), ["AccessExclusive orders"]);
    let blocked = table(&trace, "public.orders").read_blocked_ms.expect("a time");
    let took = trace.statements[0].duration_ms;
    // The server tells of the error a moment before it gives the locks back.
    assert!(0.0 < blocked && blocked <= took + 250.0, "{blocked} ms of {took} ms");
}

#[tokio::test]
async fn a_statement_that_the_server_does_not_understand_locks_nothing() {
    let mut stage = Stage::open().await;
    assert!(stage.run("VACUUM (NONSENSE) orders").await.is_err());
    let trace = stage.trace().await;
    assert_eq!(locks(&trace.statements[0]), [""; 0]);
}

#[tokio::test]
async fn a_trace_that_breaks_off_keeps_nobody_from_migrating() {
    let mut stage = Stage::open().await;
    stage.transaction(&["LOCK TABLE orders"]).await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    stage.transaction(&[others, "LOCK TABLE customers"]).await;
    stage.transaction(&["ALTER TABLE orders ADD COLUMN a int"]).await;
    let database = stage.database.config().clone();
    let trace = stage.whatever().await;
    assert_eq!(trace.findings.len(), 1);
    assert_eq!(trace.findings[0].code, "trace");
    assert_eq!(table(&trace, "public.orders").read_blocked_ms, None, "that is not known");
    assert_eq!(locks(&trace.statements[0]), ["AccessExclusive orders"], "this was seen");
    drop(database);
}

#[tokio::test]
async fn catalogs_that_are_locked_do_not_stop_a_migration() {
    let mut stage = Stage::open().await;
    stage.transaction(&["LOCK TABLE orders", "LOCK TABLE pg_catalog.pg_class"]).await;
    stage.transaction(&["SELECT count(*) FROM orders"]).await;
    let trace = stage.whatever().await;
    assert!(trace.statements.len() <= 3);
}
