//! Stops and lost sessions.

use std::time::{Duration, Instant};

use stopover_backend::{BackendError, Stop, StopSignal};
use stopover_engine::{Applied, Ending};

use crate::harm::{Harm, HarmfulProxy};
use crate::stage::{Stage, migration, unwrapped};

/// Applies, and asks to stop once the server runs a statement that begins like this.
async fn stopped_in(stage: &mut Stage, text: &str, statement: &str) -> Applied {
    let (request, stop) = Stop::channel();
    stage.stop = stop;
    let migrations = [unwrapped(migration(1, text)), migration(2, "SELECT 1")];
    let ask = async {
        stage.until_active(statement).await;
        request.stop(StopSignal::Terminate);
    };
    let (applied, ()) = tokio::join!(stage.apply(&migrations), ask);
    applied.expect("the run begins")
}

#[tokio::test]
async fn a_half_done_migration_that_was_stopped_was_reported_as_untouched() {
    let mut stage = Stage::new().await;
    let text = "CREATE TABLE a (id int);\nSELECT pg_sleep(30);\n";
    let applied = stopped_in(&mut stage, text, "SELECT pg_sleep(30").await;
    assert!(matches!(applied.ending, Ending::Stopped(StopSignal::Terminate)), "{applied:?}");
    let report = applied.report();
    assert_eq!(report.untouched, [2.into()]);
    let failed = report.failed.expect("it is told");
    assert_eq!((failed.statement, failed.rolled_back), (Some(2), false));
    assert_eq!((failed.error.line, failed.error.message.as_str()), (2, "stopped by a signal"));
}

#[tokio::test]
async fn a_statement_that_does_not_heed_its_cancelling_kept_the_run_for_ever() {
    let mut stage = Stage::new().await;
    let deaf = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); \
                EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";
    let began = Instant::now();
    let applied = stopped_in(&mut stage, deaf, "DO $$ BEGIN LOOP").await;
    assert!(matches!(applied.ending, Ending::Stopped(_)), "{applied:?}");
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_settled_by_the_ledger() {
    let stage = Stage::new().await;
    let proxy = HarmfulProxy::start(&stage.database, Harm::CutAtCommit).await;
    let migrations = [migration(1, "CREATE TABLE t (id int)"), migration(2, "SELECT 1")];
    let applied = stage.apply_to(&proxy.backend(), &migrations).await.unwrap();
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    assert!(proxy.did_harm());
    assert_eq!(stage.psql("SELECT count(*) FROM stopover.applied_migrations"), "2");
}

/// The next transaction is opened together with the commit before it. Where that fails, what
/// follows must not run without one.
#[tokio::test]
async fn a_begin_that_fails_behind_a_commit_leaves_nobody_without_a_transaction() {
    let stage = Stage::new().await;
    let proxy = HarmfulProxy::start(&stage.database, Harm::FailNextBegin).await;
    let migrations = [
        migration(1, "CREATE TABLE a (id int)"),
        migration(2, "CREATE TABLE b (id int); SELECT 1 / 0"),
        migration(3, "CREATE TABLE c (id int)"),
    ];
    let applied = stage.apply_to(&proxy.backend(), &migrations).await.unwrap();
    assert!(proxy.did_harm());
    assert!(matches!(applied.ending, Ending::Failed { .. }), "{applied:?}");
    assert_eq!(
        stage.psql("SELECT string_agg(version::text, ' ') FROM stopover.applied_migrations"),
        "1"
    );
    assert_eq!(stage.psql("SELECT coalesce(to_regclass('b'), to_regclass('c')) IS NULL"), "t");
}

/// Nobody could ask the ledger, and the report said `untouched`.
#[tokio::test]
async fn a_commit_that_could_not_be_settled_has_words_of_its_own() {
    let stage = Stage::new().await;
    let proxy = HarmfulProxy::start(&stage.database, Harm::CutForGood).await;
    let migrations = [migration(1, "CREATE TABLE t (id int)")];
    let applied = stage.apply_to(&proxy.backend(), &migrations).await.unwrap();
    assert!(proxy.did_harm());
    let Ending::Lost(BackendError::Unsettled(told)) = &applied.ending else {
        panic!("{applied:?}")
    };
    assert!(told.starts_with("nobody knows yet whether migration 1 is committed"), "{told}");
    let report = applied.report();
    assert_eq!((report.applied, report.untouched), (vec![], vec![]));
    let failed = report.failed.expect("it is told");
    assert_eq!((failed.version, failed.statement, failed.rolled_back), (1.into(), None, false));
    assert_eq!(&failed.error.message, told);
    // It was committed: the next run sees that.
    assert_eq!(stage.apply(&migrations).await.unwrap().report().applied, []);
    assert_eq!(stage.psql("SELECT count(*) FROM t"), "0");
}

/// While the answer was lost, so was the lock: the rest of the plan was another runner's by then.
#[tokio::test]
async fn after_a_lost_commit_a_migration_that_another_runner_applied_was_run_again() {
    let stage = Stage::new().await;
    stage.psql("CREATE TABLE t (id int)");
    let proxy = HarmfulProxy::start(&stage.database, Harm::CutAtCommit).await;
    proxy.shut();
    let migrations =
        [migration(1, "SELECT pg_sleep(1)"), unwrapped(migration(2, "INSERT INTO t VALUES (1)"))];
    let other = async {
        stage.until_active("SELECT pg_sleep(1").await;
        let other = stage.apply(&migrations).await.unwrap();
        proxy.open();
        other
    };
    let backend = proxy.backend();
    let (applied, other) = tokio::join!(stage.apply_to(&backend, &migrations), other);
    assert!(proxy.did_harm());
    assert_eq!(other.report().applied, [2.into()]);
    assert!(matches!(applied.unwrap().ending, Ending::Lost(_)));
    assert_eq!(stage.psql("SELECT count(*) FROM t"), "1");
}

/// The statements had been sent behind it already, and each committed by itself.
#[tokio::test]
async fn statements_behind_a_begin_that_was_refused_ran_without_a_transaction() {
    let stage = Stage::new().await;
    let proxy = HarmfulProxy::start(&stage.database, Harm::SpoilBegin).await;
    let migrations = [migration(1, "CREATE TABLE half (id int);\nSELECT 1 / 0;\n")];
    let applied = stage.apply_to(&proxy.backend(), &migrations).await.unwrap();
    assert!(proxy.did_harm());
    assert!(matches!(applied.ending, Ending::Failed { .. }), "{applied:?}");
    assert_eq!(stage.psql("SELECT to_regclass('half') IS NULL"), "t");
}
