//! What a script leaves in the session, and what we do to the session behind its back.

use std::time::Duration;

use stopover_engine::{Ending, EngineError};

use crate::stage::{Stage, migration, unwrapped};

#[tokio::test]
async fn a_second_try_found_the_prepared_statement_of_the_first() {
    let mut stage = Stage::new().await;
    stage.limits.lock_timeout = Duration::from_millis(300);
    stage.psql("CREATE TABLE t (id int)");
    let holder = stage.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let script = "PREPARE one AS SELECT 1;\nALTER TABLE t ADD COLUMN a int;\n";
    let free = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
    };
    let migrations = [migration(1, script)];
    let (applied, ()) = tokio::join!(stage.apply(&migrations), free);
    let ending = applied.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
}

#[tokio::test]
async fn limits_that_a_marked_script_sets_were_overwritten_before_its_next_statement() {
    let stage = Stage::new().await;
    let script = "SET lock_timeout = '1h';\nSELECT 1;\nCREATE TABLE seen AS \
                  SELECT current_setting('lock_timeout');\n";
    stage.apply(&[unwrapped(migration(1, script))]).await.unwrap();
    assert_eq!(stage.psql("SELECT * FROM seen"), "1h");
}

#[tokio::test]
async fn limits_change_from_statement_to_statement_of_a_marked_script() {
    let stage = Stage::new().await;
    let script = "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS it;\n\
                  CREATE INDEX CONCURRENTLY i ON seen (it);\n\
                  INSERT INTO seen SELECT current_setting('lock_timeout');\n";
    stage.apply(&[unwrapped(migration(1, script))]).await.unwrap();
    assert_eq!(stage.psql("SELECT * FROM seen"), "5s\n5s");
}

#[tokio::test]
async fn a_local_role_of_a_marked_script_outlived_its_transaction() {
    let stage = Stage::new().await;
    let role = format!("app_{}", stage.database.database());
    stage.psql(&format!("CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}"));
    let script = format!(
        "BEGIN;\nSET LOCAL ROLE {role};\nCREATE TABLE theirs (id int);\nCOMMIT;\n\
         CREATE TABLE ours (id int);\nSET ROLE {role};\nCREATE TABLE theirs_too (id int);\n"
    );
    let applied = stage.apply(&[unwrapped(migration(1, &script))]).await;
    let owned =
        format!("SELECT tablename FROM pg_tables WHERE tableowner = '{role}' ORDER BY tablename");
    let owned = stage.psql(&owned);
    stage.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert!(matches!(applied.unwrap().ending, Ending::Complete));
    assert_eq!(owned, "theirs\ntheirs_too");
}

#[tokio::test]
async fn the_journal_stood_before_the_set_transaction_of_a_marked_script() {
    let stage = Stage::new().await;
    let script = "BEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE t (id int);\n\
                  COMMIT;\n";
    let ending = stage.apply(&[unwrapped(migration(1, script))]).await.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
}

/// The migration and its ledger row vanished with the session, and the run was a success.
#[tokio::test]
async fn a_marked_script_that_leaves_its_transaction_open_was_a_success() {
    let stage = Stage::new().await;
    let open = [unwrapped(migration(1, "BEGIN;\nCREATE TABLE t (id int);\n"))];
    let error = stage.apply(&open).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused(_)), "{error:?}");

    // Where the server reads strings otherwise than the plan, the BEGIN is seen only by what it
    // does.
    let script = "SELECT set_config('standard_conforming_strings', 'off', false);\n\
                  SET x.y = 'a\\''; BEGIN; SELECT ''b --'\n;";
    let hidden = [unwrapped(migration(1, script))];
    let ending = stage.apply(&hidden).await.unwrap().ending;
    let Ending::Failed { failed, .. } = ending else { panic!("{ending:?}") };
    assert!(failed.error.message.contains("transaction open"), "{}", failed.error.message);
    assert_eq!(stage.psql("SELECT count(*) FROM stopover.applied_migrations"), "0");
}

/// A look at the run lock stood before it.
#[tokio::test]
async fn an_isolation_level_is_the_first_of_its_transaction() {
    let level = "CREATE TABLE seen AS SELECT current_setting('transaction_isolation') AS level";
    for script in [
        format!("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{level};\n"),
        format!("SET LOCAL transaction_isolation = 'serializable';\n{level};\n"),
        format!("BEGIN ISOLATION LEVEL SERIALIZABLE;\n{level};\nCOMMIT;\n"),
        format!(
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{level};\nCOPY seen FROM stdin;\n\\.\n"
        ),
    ] {
        let stage = Stage::new().await;
        let ending = stage.apply(&[migration(1, &script)]).await.unwrap().ending;
        assert!(matches!(ending, Ending::Complete), "{script} {ending:?}");
        assert_eq!(stage.psql("SELECT level FROM seen"), "serializable", "{script}");
    }
}

/// psql would read it in the server's way, a rehearsal in its own.
#[tokio::test]
async fn a_backslash_is_no_matter_of_the_server() {
    let stage = Stage::new().await;
    let database = stage.database.database();
    stage.psql(&format!("ALTER DATABASE {database} SET standard_conforming_strings = off"));
    let unclear = [migration(1, "SELECT 1;\nSELECT 'a\\nb';")];
    let Err(EngineError::Refused(findings)) = stage.apply(&unclear).await else {
        panic!("it has two meanings")
    };
    assert_eq!(findings[0].code, "string-syntax");
    let clear = [migration(
        1,
        "SET standard_conforming_strings = on;\nCREATE TABLE t AS SELECT 'a\\nb' AS text;",
    )];
    stage.apply(&clear).await.unwrap();
    assert_eq!(stage.psql("SELECT length(text) FROM t"), "4");
}

/// Everything behind the ROLLBACK TO was committed by itself, whatever the script said at its end.
#[tokio::test]
async fn a_rollback_to_a_savepoint_was_the_end_of_the_scripts_transaction() {
    let stage = Stage::new().await;
    stage.psql("CREATE TABLE t (id int)");
    let script = "BEGIN;\nINSERT INTO t VALUES (1);\nSAVEPOINT a;\nINSERT INTO t VALUES (2);\n\
                  ROLLBACK TO a;\nINSERT INTO t VALUES (3);\nROLLBACK;\n\
                  BEGIN;\nINSERT INTO t VALUES (4);\nCOMMIT AND CHAIN;\n\
                  INSERT INTO t VALUES (5);\nROLLBACK;\n";
    let ending = stage.apply(&[unwrapped(migration(1, script))]).await.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
    assert_eq!(stage.psql("SELECT * FROM t"), "4");
}

#[tokio::test]
async fn a_search_path_set_as_pg_dump_does_was_forgotten_by_the_resumed_run() {
    let stage = Stage::new().await;
    stage.psql("CREATE SCHEMA app; CREATE TABLE app.t (id int); INSERT INTO app.t VALUES (1), (1)");
    let script = "SELECT pg_catalog.set_config('search_path', 'app', false);\n\
                  CREATE UNIQUE INDEX CONCURRENTLY one ON t (id);\nCREATE TABLE late (id int);\n";
    let migrations = [unwrapped(migration(1, script))];
    let ending = stage.apply(&migrations).await.unwrap().ending;
    assert!(matches!(ending, Ending::Failed { .. }), "{ending:?}");
    stage.psql("TRUNCATE app.t");
    let ending = stage.apply(&migrations).await.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
    let made = "SELECT relname, indisvalid FROM pg_class LEFT JOIN pg_index ON indexrelid = oid \
                WHERE relnamespace = 'app'::regnamespace AND relname <> 't' ORDER BY relname";
    assert_eq!(stage.psql(made), "late|\none|t");
}
