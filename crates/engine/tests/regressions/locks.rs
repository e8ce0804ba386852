//! The run lock, and what is known once it is ours.

use stopover_engine::Ending;
use stopover_model::LedgerKind;

use crate::stage::{Stage, diesel, migration, unwrapped};

#[tokio::test]
async fn the_run_lock_is_held_from_one_migration_to_the_next_and_free_at_the_end() {
    let stage = Stage::new().await;
    let count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let look = format!("INSERT INTO seen {count};");
    let migrations = [migration(1, &format!("CREATE TABLE seen AS {count};")), migration(2, &look)];
    stage.apply(&migrations).await.unwrap();
    assert_eq!(stage.psql("SELECT * FROM seen"), "1\n1");
    assert_eq!(stage.psql(count), "0");
}

/// A function may hide what the plan would refuse.
#[tokio::test]
async fn a_migration_that_freed_the_run_lock_was_not_noticed() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE FUNCTION tidy() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()'",
    );
    let migrations = [
        migration(1, "SELECT tidy()"),
        migration(
            2,
            "CREATE TABLE seen AS SELECT count(*) FROM pg_locks \
                      WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        ),
    ];
    let applied = stage.apply(&migrations).await.unwrap();
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    let found: Vec<_> =
        applied.findings.iter().map(|it| (it.code.as_str(), it.subject.as_str())).collect();
    assert_eq!(found, [("run-lock", "migration 1")]);
    assert_eq!(stage.psql("SELECT * FROM seen"), "1");
}

/// Where no statement of the migration calls anything, the end of the run tells.
#[tokio::test]
async fn a_trigger_that_frees_the_run_lock_is_noticed_at_the_end() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE TABLE t (id int); CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_advisory_unlock_all(); RETURN NULL; END'; \
         CREATE TRIGGER tidy AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tidy()",
    );
    let applied = stage.apply(&[migration(1, "INSERT INTO t VALUES (1)")]).await.unwrap();
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    assert_eq!(applied.findings.len(), 1, "{:?}", applied.findings);
    assert_eq!(applied.findings[0].code, "run-lock");
}

/// The lock was taken again in between: what the one runner planned, the other may have done.
#[tokio::test]
async fn a_runner_that_lost_the_lock_to_another_one_stops() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE FUNCTION tidy() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()'",
    );
    let migrations = [
        migration(1, "SELECT tidy();\nSELECT pg_sleep(1);"),
        migration(2, "CREATE TABLE once (id int)"),
    ];
    let second = async {
        stage.until_active("SELECT pg_sleep(1").await;
        stage.apply(&migrations).await
    };
    let (first, second) = tokio::join!(stage.apply(&migrations), second);
    // Whoever waits for the first transaction finds it done; nothing is done twice.
    let endings = [first, second].map(|it| it.map(|it| it.ending));
    assert!(endings.iter().any(|it| matches!(it, Ok(Ending::Complete))), "{endings:?}");
    assert_eq!(stage.psql("SELECT count(*) FROM stopover.applied_migrations"), "2");
}

/// The runner that waited had looked for the journal before there was one.
#[tokio::test]
async fn a_runner_that_waited_did_not_see_what_the_one_before_left_half_done() {
    let stage = Stage::with(LedgerKind::Diesel).await;
    stage.psql("CREATE TABLE t (id int); CREATE TABLE patience AS SELECT 240 AS wait");
    stage.apply(&[diesel("1", "SELECT 1")]).await.unwrap();
    let migrations = [
        diesel("1", "SELECT 1"),
        diesel("2", "SELECT pg_sleep(1)"),
        unwrapped(diesel("3", "INSERT INTO t VALUES (1);\nSELECT pg_sleep(wait) FROM patience;\n")),
    ];
    let second = async {
        stage.until_active("SELECT pg_sleep(1").await;
        stage.apply(&migrations).await
    };
    let cut = async {
        stage.until_active("SELECT pg_sleep(wait").await;
        stage.psql("UPDATE patience SET wait = 0");
        stage.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE query LIKE 'SELECT pg_sleep(wait%' AND datname = current_database()",
        );
    };
    let (first, second, ()) = tokio::join!(stage.apply(&migrations), second, cut);
    assert!(matches!(first.unwrap().ending, Ending::Lost(_)));
    assert!(matches!(second.unwrap().ending, Ending::Complete));
    assert_eq!(stage.psql("SELECT count(*) FROM t"), "1");
}
