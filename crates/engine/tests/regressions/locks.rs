//! The run lock, and what is known once it is ours.

use std::time::Duration;

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

/// The runner that waited had looked for the journal before there was one.
#[tokio::test]
async fn a_runner_that_waited_did_not_see_what_the_one_before_left_half_done() {
    let stage = Stage::with(LedgerKind::Diesel).await;
    stage.psql("CREATE TABLE t (id int)");
    stage.apply(&[diesel("1", "SELECT 1")]).await.unwrap();
    let migrations = [
        diesel("1", "SELECT 1"),
        diesel("2", "SELECT pg_sleep(1)"),
        unwrapped(diesel("3", "INSERT INTO t VALUES (1);\nSELECT pg_sleep(2);\n")),
    ];
    let second = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stage.apply(&migrations).await
    };
    let cut = async {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE query LIKE 'SELECT pg_sleep(2%' AND datname = current_database()";
        while stage.psql(cut) == "0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (first, second, ()) = tokio::join!(stage.apply(&migrations), second, cut);
    assert!(matches!(first.unwrap().ending, Ending::Lost(_)));
    assert!(matches!(second.unwrap().ending, Ending::Complete));
    assert_eq!(stage.psql("SELECT count(*) FROM t"), "1");
}
