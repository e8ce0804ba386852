//! Proxies that pool transactions.

use stopover_backend::BackendError;
use stopover_engine::{Ending, EngineError};
use stopover_postgres::{PostgresBackend, Target};
use stopover_testkit::{PoolOrder, PoolingProxy};

use crate::stage::{Stage, migration};

async fn through(
    stage: &Stage,
    order: PoolOrder,
    sessions: usize,
) -> (PoolingProxy, PostgresBackend) {
    let proxy = PoolingProxy::start(&stage.database, order, sessions).await;
    let url = proxy.access(&stage.database).url();
    (proxy, PostgresBackend::new(Target::parse(&url).expect("the proxy's URL parses")))
}

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, EngineError>) {
    match outcome {
        Err(EngineError::Backend(BackendError::Settings { message, remedy })) => {
            assert!(message.contains("pools transactions"), "{message}");
            assert!(remedy.contains("pool_mode = session"), "{remedy}");
        }
        other => panic!("{other:?}"),
    }
}

/// Session locks that somebody has, the pool's sessions included.
fn locks(stage: &Stage) -> String {
    stage.psql(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
}

#[tokio::test]
async fn two_runners_had_one_lock_through_a_proxy_that_pools_transactions() {
    for (order, sessions) in [
        (PoolOrder::LastFirst, 1),
        (PoolOrder::LastFirst, 5),
        (PoolOrder::InTurn, 1),
        (PoolOrder::InTurn, 5),
    ] {
        let stage = Stage::new().await;
        let (_proxy, backend) = through(&stage, order, sessions).await;
        let migrations = [migration(1, "CREATE TABLE t (id int)")];
        is_refused(stage.apply_to(&backend, &migrations).await);
        is_refused(stage.repair_over(&backend, &migrations, 1).await);
        assert_eq!(stage.psql("SELECT to_regclass('t') IS NULL"), "t", "{order:?}");
        assert_eq!(stage.psql("SELECT to_regnamespace('stopover') IS NULL"), "t", "{order:?}");
        assert_eq!(locks(&stage), "0", "{order:?} {sessions}");
    }
}

#[tokio::test]
async fn a_rollback_through_one_is_refused_too_and_nothing_to_do_is_no_reason() {
    let stage = Stage::new().await;
    let mut applied = migration(1, "CREATE TABLE t (id int)");
    applied.down = Some(stopover_model::Script::whole("1.down.sql", "DROP TABLE t"));
    let migrations = [applied];
    stage.apply(&migrations).await.unwrap();
    let (_proxy, backend) = through(&stage, PoolOrder::LastFirst, 1).await;
    is_refused(stage.rollback_to(&backend, &migrations).await);
    let nothing = stage.apply_to(&backend, &migrations).await.unwrap();
    assert!(matches!(nothing.ending, Ending::Complete), "{nothing:?}");
    assert_eq!(locks(&stage), "0");
}

/// The lock stayed with a session of the pool.
#[tokio::test]
async fn a_refused_plan_leaves_no_lock_in_the_pool() {
    let stage = Stage::new().await;
    let (_proxy, backend) = through(&stage, PoolOrder::LastFirst, 1).await;
    let refused = stage.apply_to(&backend, &[migration(1, "SELECT 'open")]).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert_eq!(locks(&stage), "0");
}

/// The role may have one connection only, and that is ours: nobody can tell, and nothing is wrong.
#[tokio::test]
async fn a_role_with_a_single_connection_is_no_proxy() {
    let stage = Stage::new().await;
    let role = format!("{}_lone", stage.database.database());
    stage.psql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'lone' CONNECTION LIMIT 1; \
         GRANT ALL ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {} TO {role}",
        stage.database.database()
    ));
    let access = stage.database.as_role(&role, "lone");
    let backend = PostgresBackend::new(Target::parse(&access.url()).unwrap());
    let applied = stage.apply_to(&backend, &[migration(1, "CREATE TABLE t (id int)")]).await;
    assert!(matches!(applied.unwrap().ending, Ending::Complete));
    stage.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
