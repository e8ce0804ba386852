//! Ledgers of other tools, and our own.

use stopover_engine::Ending;
use stopover_model::LedgerKind;
use stopover_postgres::{PostgresBackend, Target};

use crate::stage::{Stage, diesel, migration, unwrapped};

/// sqlx takes another advisory lock, so that a service may boot while we work.
#[tokio::test]
async fn a_migration_that_sqlx_applied_meanwhile_was_committed_a_second_time() {
    let stage = Stage::with(LedgerKind::Sqlx).await;
    stage.psql("CREATE TABLE t (id int); CREATE TABLE gate AS SELECT 1");
    // It goes on for as long as there is a row in the gate.
    let slow = "DO $$ BEGIN WHILE EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.05); END LOOP; \
                END $$";
    let migrations = [migration(1, &format!("INSERT INTO t VALUES (1);\n{slow};\n"))];
    let sqlx = async {
        stage.until_active("DO $$").await;
        stage.psql(
            "BEGIN; DELETE FROM gate; INSERT INTO t VALUES (1); INSERT INTO _sqlx_migrations \
             (version, description, success, checksum, execution_time) \
             VALUES (1, 'step 1', true, '\\x00', -1); COMMIT",
        );
    };
    let (applied, ()) = tokio::join!(stage.apply(&migrations), sqlx);
    let ending = applied.unwrap().ending;
    assert!(matches!(ending, Ending::Failed { .. }), "{ending:?}");
    assert_eq!(stage.psql("SELECT count(*) FROM t"), "1");
}

#[tokio::test]
async fn a_marked_migration_is_one_row_of_success_in_sqlx_ledger() {
    let stage = Stage::with(LedgerKind::Sqlx).await;
    let migrations = [unwrapped(migration(1, "SELECT 1;"))];
    let ending = stage.apply(&migrations).await.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
    let rows = "SELECT version, success, execution_time > 0 FROM _sqlx_migrations";
    assert_eq!(stage.psql(rows), "1|t|t");
}

/// Diesel's connections are in UTC; ours are where the server, or a script, is.
#[tokio::test]
async fn diesels_run_on_was_in_the_time_zone_of_the_script() {
    let stage = Stage::with(LedgerKind::Diesel).await;
    let database = stage.database.database();
    stage.psql(&format!("ALTER DATABASE {database} SET TimeZone = 'America/Caracas'"));
    stage.apply(&[diesel("20200101", "SET TIME ZONE 'Asia/Tokyo';")]).await.unwrap();
    let off = "SELECT abs(extract(epoch FROM run_on - timezone('UTC', now()))) < 600 \
               FROM __diesel_schema_migrations";
    assert_eq!(stage.psql(off), "t");
    let status = stage.status(&[diesel("20200101", "SET TIME ZONE 'Asia/Tokyo';")]).await;
    let age = jiff::Timestamp::now().duration_since(status.applied[0].applied_at.unwrap());
    assert!(age.as_secs().abs() < 600, "{age:?}");
}

/// Its version was read as an integer, which no migration of Diesel's has.
#[tokio::test]
async fn the_first_interrupted_migration_of_diesels_was_taken_for_an_orphan() {
    let stage = Stage::with(LedgerKind::Diesel).await;
    let migrations = [unwrapped(diesel("20200101", "SELECT 1 / 0;"))];
    for _ in 0..2 {
        let applied = stage.apply(&migrations).await.expect("no drift");
        assert!(matches!(applied.ending, Ending::Failed { .. }), "{applied:?}");
    }
}

#[tokio::test]
async fn a_name_was_garbled_by_the_client_encoding_of_the_script() {
    let stage = Stage::new().await;
    let mut named = migration(1, "SET client_encoding = 'LATIN1';");
    named.name = "größe_'\\".to_owned();
    let ending = stage.apply(std::slice::from_ref(&named)).await.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
    let names = "SELECT name FROM stopover.applied_migrations \
                 UNION ALL SELECT name FROM stopover.migration_journal";
    assert_eq!(stage.psql(names), "größe_'\\\ngröße_'\\");
    stage.apply(&[named]).await.expect("nothing is renamed");
}

#[tokio::test]
async fn a_schema_made_beforehand_needed_the_right_to_make_schemas() {
    let stage = Stage::new().await;
    let database = stage.database.database();
    let role = format!("deployer_{database}");
    stage.psql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; CREATE SCHEMA stopover AUTHORIZATION {role}"
    ));
    let url = stage.database.as_role(&role, "x").url();
    let backend = PostgresBackend::new(Target::parse(&url).unwrap());
    let applied = stage.apply_to(&backend, &[migration(1, "SELECT 1")]).await;
    stage.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    let ending = applied.unwrap().ending;
    assert!(matches!(ending, Ending::Complete), "{ending:?}");
}
