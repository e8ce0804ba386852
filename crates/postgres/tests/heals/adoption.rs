//! A history that somebody still writes to, while it is taken over and dropped.

use std::time::Duration;

use stopover_contract::{Fixture, Stage};
use stopover_engine::{AdoptFrom, Adoption, EngineError};
use stopover_model::Silent;
use stopover_model::report::AdoptReport;

use crate::support::PostgresFixture;

const LEGACY: &str = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean \
                      NOT NULL); INSERT INTO schema_migrations VALUES (2, false); \
                      CREATE TABLE users (id integer); CREATE TABLE orders (id integer);";

async fn adopt(stage: &Stage<PostgresFixture>) -> Result<AdoptReport, EngineError> {
    let from = AdoptFrom::GolangMigrate;
    let adoption = Adoption { from, table: None, drop_legacy: true, proof: None };
    let (source, backend) = (stage.source(), stage.database.backend());
    stopover_engine::adopt(&backend, &stage.request(&source), &adoption, &mut Silent).await
}

/// It was read, and is about to be dropped, when the other tool records another migration.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_tool_records_before_its_history_is_dropped_is_not_lost_in_any_isolation() {
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let stage = Stage::<PostgresFixture>::new().await;
        stage.makes_tables(&["1_users", "2_orders", "3_items"]);
        stage.database.run(LEGACY).await;
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = \
             %L', current_database(), '{isolation}'); END $$"
        );
        stage.database.run(&set).await;
        let other = stage.database.writer().client().await;
        let record = "BEGIN; CREATE TABLE items (id integer); \
                      UPDATE schema_migrations SET version = 3";
        other.batch_execute(record).await.unwrap();
        let committing = async {
            let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND \
                         relation = 'schema_migrations'::regclass";
            while stage.database.value(waits).await == "0" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other.batch_execute("COMMIT").await.unwrap();
        };
        let (adopted, ()) = tokio::join!(adopt(&stage), committing);
        assert!(adopted.is_err(), "{isolation}: {adopted:?}");
        let version = stage.database.value("SELECT version FROM schema_migrations").await;
        assert_eq!(version, "3", "{isolation}");
        assert!(!stage.has("applied_migrations").await, "nothing is taken over either");
    }
}
