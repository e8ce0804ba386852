//! What goes wrong with the databases: no part of it is ever told as a success.

use std::time::Duration;

use stopover_backend::{Stop, StopSignal};
use stopover_carry::CarryRefusal;
use stopover_model::report::{CarriedState, CarryReport};
use stopover_model::{Event, Silent};
use stopover_testkit::{Access, TestDatabase, TestServer};

use crate::fixture::{carry, request};

/// A schema with rows that the target takes its time for: it asks a function of its own about each.
async fn slow_pair(from: &Access, to: &Access) {
    let asked = |body: &str| {
        format!(
            "CREATE FUNCTION public.asked(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN {body} RETURN true; END $$"
        )
    };
    from.psql(&format!(
        "{}; CREATE SCHEMA s; CREATE TABLE s.quick (a int); INSERT INTO s.quick VALUES (1); \
         CREATE TABLE s.slow (a int, b text, CHECK (public.asked(a))); \
         INSERT INTO s.slow SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i",
        asked("")
    ));
    to.psql(&asked("PERFORM pg_sleep(0.01);"));
}

fn has_schema(access: &Access) -> bool {
    access.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 's'") == "1"
}

/// Carries, and does something once the slow table is being copied.
async fn carry_and(
    request: &stopover_carry::CarryRequest,
    meanwhile: impl FnOnce(),
) -> Result<CarryReport, CarryRefusal> {
    let (told, heard) = tokio::sync::oneshot::channel();
    let mut told = Some(told);
    let mut sink = move |event: Event| {
        if matches!(event, Event::Carried { bytes, .. } if bytes > 100_000)
            && let Some(told) = told.take()
        {
            let _ = told.send(());
        }
    };
    let carrying = stopover_carry::carry(request, &mut sink);
    tokio::pin!(carrying);
    tokio::select! {
        ended = &mut carrying => panic!("it ended too early: {ended:?}"),
        heard = heard => heard.unwrap(),
    }
    meanwhile();
    let ended = tokio::time::timeout(Duration::from_secs(240), carrying).await;
    ended.expect("it ends")
}

fn state(report: &CarryReport) -> CarriedState {
    report.schemas[0].state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_is_a_failure_and_the_target_is_untouched() {
    let (server, to) = (TestServer::start().await, TestDatabase::create().await);
    to.psql("CREATE SCHEMA s; CREATE TABLE s.old (a int)");
    let from = server.access();
    server.stop().await;
    let report = carry(&request(&from, &to, &["s"])).await;
    assert!(report.outcome.starts_with("failed: source: cannot connect to"), "{}", report.outcome);
    assert_eq!(state(&report), CarriedState::Untouched);
    assert_eq!(to.psql("SELECT count(*) FROM s.old"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_failure_on_either_side() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s");
    let role = format!("carry_{:08x}", rand::random::<u32>());
    from.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'right'"));
    for (from, to, side) in [
        (from.as_role(&role, "wrong"), (*to).clone(), "source"),
        ((*from).clone(), to.as_role(&role, "wrong"), "target"),
    ] {
        let report = carry(&request(&from, &to, &["s"])).await;
        let expected = format!("failed: {side}: cannot connect to");
        assert!(report.outcome.starts_with(&expected), "{}", report.outcome);
        assert!(report.outcome.contains("password authentication failed"), "{}", report.outcome);
        assert!(!report.outcome.contains("wrong"), "{}", report.outcome);
    }
    assert!(!has_schema(&to));
    from.psql(&format!("DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_killed_in_the_middle_is_a_failure_and_nothing_is_left() {
    let (server, to) = (TestServer::start().await, TestDatabase::create().await);
    slow_pair(&server.access(), &to).await;
    let report = carry_and(&request(&server.access(), &to, &["s"]), || server.kill()).await;
    let report = report.unwrap();
    assert!(report.outcome.starts_with("failed: source: "), "{}", report.outcome);
    assert_eq!(state(&report), CarriedState::Dropped);
    assert!(!has_schema(&to));
    assert!(report.findings.iter().any(|it| it.code == "carry-failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_backend_is_ended_is_a_failure_too() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    slow_pair(&from, &to).await;
    let end = || {
        from.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE 'COPY%'",
        );
    };
    let report = carry_and(&request(&from, &to, &["s"]), end).await.unwrap();
    assert!(report.outcome.starts_with("failed: source: "), "{}", report.outcome);
    assert!(!has_schema(&to));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_killed_in_the_middle_is_a_failure() {
    let (from, server) = (TestDatabase::create().await, TestServer::start().await);
    slow_pair(&from, &server.access()).await;
    let report = carry_and(&request(&from, &server.access(), &["s"]), || server.kill()).await;
    let report = report.unwrap();
    assert!(report.outcome.starts_with("failed: target: "), "{}", report.outcome);
    assert_eq!(state(&report), CarriedState::HalfCopied);
    assert!(report.findings.iter().any(|it| it.code == "carry-half-copied"));
}

/// The server's own code for a full disk, wherever it meets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_failure_and_no_lost_object() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let asked = |body: &str| {
        format!(
            "CREATE FUNCTION public.asked(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN {body} RETURN true; END $$"
        )
    };
    from.psql(&format!(
        "{}; CREATE SCHEMA s; CREATE TABLE s.t (a int CHECK (public.asked(a))); \
         INSERT INTO s.t SELECT generate_series(1, 1000)",
        asked("")
    ));
    to.psql(&asked(
        "IF $1 = 500 THEN RAISE EXCEPTION 'could not extend file: No space left on device' \
         USING ERRCODE = '53100'; END IF;",
    ));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(
        report.outcome,
        "failed: target: could not extend file: No space left on device (SQLSTATE 53100)"
    );
    assert!(!has_schema(&to));
    assert_eq!(state(&report), CarriedState::Dropped);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_time_is_over_the_target_comes_up_without_the_schemas() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    slow_pair(&from, &to).await;
    let mut limited = request(&from, &to, &["s"]);
    // Where the first is over before anything is copied, another one is not.
    for seconds in [2, 8, 32] {
        limited.timeout = Some(Duration::from_secs(seconds));
        let report = carry(&limited).await;
        assert_eq!(report.outcome, "timeout-skipped");
        assert!(!has_schema(&to));
        assert_eq!(report.findings[0].code, "carry-timeout");
        if state(&report) == CarriedState::Dropped {
            return;
        }
    }
    panic!("it was never copying when its time was over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_nothing_half_copied() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    slow_pair(&from, &to).await;
    let (stopper, stop) = Stop::channel();
    let mut asked = request(&from, &to, &["s"]);
    asked.stop = stop;
    let ended = carry_and(&asked, || stopper.stop(StopSignal::Terminate)).await;
    assert_eq!(
        ended.unwrap_err(),
        CarryRefusal::Stopped {
            signal: StopSignal::Terminate,
            left: "the half-copied schemas were dropped".to_owned()
        }
    );
    assert!(!has_schema(&to));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_read_a_table_is_a_failure_before_anything_is_dropped() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let role = format!("carry_{:08x}", rand::random::<u32>());
    from.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    from.psql(&format!(
        "CREATE SCHEMA s; CREATE TABLE s.t (a int); GRANT USAGE ON SCHEMA s TO {role}"
    ));
    to.psql("CREATE SCHEMA s; CREATE TABLE s.old (a int)");
    let report = carry(&request(&from.as_role(&role, "x"), &to, &["s"])).await;
    assert!(report.outcome.contains("permission denied"), "{}", report.outcome);
    assert!(report.outcome.starts_with("failed: source: "), "{}", report.outcome);
    assert_eq!(to.psql("SELECT count(*) FROM s.old"), "0");
    assert_eq!(state(&report), CarriedState::Untouched);
    from.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// A policy would have hidden rows, and nobody would have known.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_policy_hides_are_a_failure_and_no_smaller_copy() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let role = format!("carry_{:08x}", rand::random::<u32>());
    from.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    from.psql(&format!(
        "CREATE SCHEMA s; CREATE TABLE s.t (a int); INSERT INTO s.t VALUES (1), (2); \
         ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.t USING (a = 1); \
         GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT ON s.t TO {role}"
    ));
    let report = carry(&request(&from.as_role(&role, "x"), &to, &["s"])).await;
    assert!(report.outcome.starts_with("failed: source: "), "{}", report.outcome);
    assert!(report.outcome.contains("row-level security"), "{}", report.outcome);
    assert!(!has_schema(&to));
    from.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_carry_into_the_same_database_waits_for_the_first() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT generate_series(1, 20000) a");
    let asked = request(&from, &to, &["s"]);
    let (mut one, mut other) = (Silent, Silent);
    let (one, other) = tokio::join!(
        stopover_carry::carry(&asked, &mut one),
        stopover_carry::carry(&asked, &mut other)
    );
    assert_eq!((&*one.unwrap().outcome, &*other.unwrap().outcome), ("success", "success"));
    assert_eq!(to.psql("SELECT count(*) FROM s.t"), "20000");
}
