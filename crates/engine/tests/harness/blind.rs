//! A check that cannot run is an error, never a pass.

use std::time::Duration;

use stopover_engine::Postflight;
use stopover_model::report::CheckOutcome;

use crate::stage::{NOTE, Stage, only, outcome};

/// A role that may read, and sees nothing of other roles' sessions.
const BLIND: &str = "GRANT USAGE ON SCHEMA stopover TO $role; \
    GRANT SELECT ON ALL TABLES IN SCHEMA public, stopover TO $role";

#[tokio::test]
async fn a_role_that_may_not_see_others_says_so_where_somebody_is_in_a_transaction() {
    let stage = Stage::new().await.with(2, NOTE);
    let blind = stage.role(BLIND);
    let idle = stage.database.client().await;
    let report = stage.preflight_as(&blind).await;
    // A session at rest stands in nobody's way, whoever may see it.
    assert_eq!(outcome(&report.checks, "long-transaction"), CheckOutcome::Clean);
    idle.batch_execute("BEGIN; SELECT * FROM apart").await.expect("it begins");
    let report = stage.preflight_as(&blind).await;
    drop(idle);
    stage.forget(&blind);
    let found = only(&report.findings, "long-transaction");
    assert!(found.is_error() && found.message.contains("could not run"), "{found:?}");
    assert!(found.remedy.contains("pg_monitor"), "{found:?}");
    assert_eq!(outcome(&report.checks, "long-transaction"), CheckOutcome::CouldNotRun);
}

#[tokio::test]
async fn a_view_that_this_server_does_not_have_is_an_error_of_its_check_alone() {
    let stage = Stage::new().await.with(2, NOTE);
    stage
        .psql("SET allow_system_table_mods = on; DROP VIEW pg_catalog.pg_stat_progress_basebackup");
    let report = stage.preflight().await;
    let found = only(&report.findings, "dump-running");
    assert!(found.is_error() && found.message.contains("could not run"), "{found:?}");
    assert!(found.message.contains("SQLSTATE 42P01"), "{found:?}");
    assert_eq!(report.findings.iter().filter(|it| it.is_error()).count(), 1);
}

#[tokio::test]
async fn a_fact_that_does_not_come_in_time_is_an_error() {
    let mut stage = Stage::new().await.with(2, NOTE);
    stage.preflight.limits.fact_timeout = Duration::from_millis(700);
    stage.preflight.limits.long_transaction = Duration::from_secs(600);
    let holder = stage.database.client().await;
    let lock = "BEGIN; LOCK TABLE pg_catalog.pg_inherits IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).await.expect("it is locked");
    let report = stage.preflight().await;
    drop(holder);
    let found = only(&report.findings, "pending");
    assert!(found.is_error() && found.message.contains("could not run"), "{found:?}");
    assert_eq!(report.tables, None);
}

#[tokio::test]
async fn a_ledger_that_may_not_be_read_is_an_error_and_no_empty_one() {
    let stage = Stage::new().await.with(2, NOTE);
    let stranger = stage.role("GRANT pg_monitor TO $role");
    let report = stage.preflight_as(&stranger).await;
    let asked = Postflight { limits: stage.limits.clone(), ..Postflight::default() };
    let after = stage.postflight_as(&stranger, &asked).await;
    stage.forget(&stranger);
    assert!(!report.preflight_passed);
    assert_eq!(outcome(&report.checks, "drift"), CheckOutcome::CouldNotRun);
    assert_eq!(report.pending, None);
    assert_eq!(outcome(&after.checks, "ledger"), CheckOutcome::CouldNotRun);
    assert_eq!(outcome(&after.checks, "dirty"), CheckOutcome::CouldNotRun);
    assert_eq!((after.migrations_applied, after.dirty_migrations), (None, None));
}

#[tokio::test]
async fn rows_that_may_not_be_read_or_are_locked_are_no_absence_of_orphans() {
    let mut stage = Stage::new().await;
    stage.psql(
        "ALTER TABLE orders ADD CONSTRAINT owner FOREIGN KEY (customer_id) REFERENCES customers \
         NOT VALID",
    );
    let blind = stage.role(BLIND);
    stage.psql(&format!(
        "REVOKE SELECT ON customers FROM {}",
        blind.config().get_user().expect("a role")
    ));
    let asked = Postflight { limits: stage.limits.clone(), ..Postflight::default() };
    let report = stage.postflight_as(&blind, &asked).await;
    stage.forget(&blind);
    let found = only(&report.findings, "fk-orphans");
    assert!(found.is_error() && found.message.contains("SQLSTATE 42501"), "{found:?}");
    stage.limits.fact_timeout = Duration::from_millis(700);
    let holder = stage.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE customers").await.expect("it is locked");
    let report = stage.postflight().await;
    drop(holder);
    let found = only(&report.findings, "fk-orphans");
    assert!(found.is_error() && found.message.contains("could not run"), "{found:?}");
}
