//! Other tools' ledgers, used in place.

use stopover_engine::EngineError;
use stopover_model::report::MigrationStatus;
use stopover_model::{Checksum, Layout, LedgerKind, Version};

use crate::{Fixture, Stage};

/// Made as sqlx makes it, written as sqlx writes it, and found again without being named.
pub async fn sqlxs_ledger_is_used_in_place<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    let text = "CREATE TABLE users (id integer PRIMARY KEY);\n";
    stage.up("1_add_users", text);
    stage.ledger(LedgerKind::Sqlx);
    stage.apply().await;
    stage.facts.ledger.kind = None;
    stage.makes_tables(&["2_orders"]);
    stage.apply().await;
    assert_eq!(stage.database.tables().await, ["_sqlx_migrations", "orders", "users"]);
    let value = |sql| stage.database.value(sql);
    let name = "SELECT description FROM _sqlx_migrations WHERE version = 1";
    assert_eq!(value(name).await, "add users");
    let done = "SELECT count(*) FROM _sqlx_migrations WHERE success AND execution_time >= 0 \
                AND installed_on IS NOT NULL";
    assert_eq!(value(done).await, "2");
    let checksum = stage.database.value(F::PHRASES.sqlx_checksum).await;
    assert_eq!(checksum, Checksum::sha384(text.as_bytes()).hex());
    let status = stage.status().await;
    assert_eq!((status.ledger.kind, status.drift.len()), (LedgerKind::Sqlx, 0));
    assert!(status.applied.iter().all(|it| it.applied_at.is_some()));

    // A migration that cannot be in a transaction is marked as begun, and as done when it is.
    stage.makes_tables(&["3_items"]);
    stage.up("4_alone", F::PHRASES.outside);
    stage.apply().await;
    assert_eq!(value("SELECT count(*) FROM _sqlx_migrations WHERE success").await, "4");
}

/// Diesel's versions are texts.
pub async fn diesels_ledger_is_used_in_place<F: Fixture>() {
    let mut stage = Stage::<F>::of(Layout::Diesel).await;
    stage.facts.ledger.fallback = Some(LedgerKind::Diesel);
    for (version, table) in [("2017-09-23-182408", "users"), ("20140924113530", "first")] {
        let text = format!("CREATE TABLE {table} (id integer PRIMARY KEY);\n");
        stage.write(&format!("{version}_{table}/up.sql"), &text);
        stage.write(&format!("{version}_{table}/down.sql"), &format!("DROP TABLE {table};\n"));
    }
    let applied = stage.apply().await;
    let texts = ["20140924113530", "20170923182408"].map(|it| Version::Text(it.to_owned()));
    assert_eq!(applied.versions(MigrationStatus::Applied), texts);
    assert_eq!(stage.database.tables().await, ["__diesel_schema_migrations", "first", "users"]);
    let status = stage.status().await;
    assert_eq!((status.ledger.kind, status.drift.len()), (LedgerKind::Diesel, 0));
    assert!(status.applied.iter().all(|it| it.applied_at.is_some()));
}

/// None is guessed.
pub async fn several_ledgers_must_be_told_apart<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage
        .database
        .run(
            "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, \
         installed_on timestamp NOT NULL, success boolean NOT NULL, checksum text NOT NULL, \
         execution_time bigint NOT NULL);\
         CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY NOT NULL, \
         run_on timestamp NOT NULL);",
        )
        .await;
    stage.makes_tables(&["1_users"]);
    let refused = stage.try_apply().await.0;
    assert!(matches!(refused, Err(EngineError::Backend(_))), "{refused:?}");
    stage.ledger(LedgerKind::Stopover);
    stage.apply().await;
    assert_eq!(stage.applied().await, [1]);
}
