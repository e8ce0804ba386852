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

/// A file of each tool, that makes a table `name`.
fn file(layout: Layout, version: usize, name: &str) -> (String, String) {
    let up = format!("CREATE TABLE {name} (id integer PRIMARY KEY);\n");
    let down = format!("DROP TABLE {name};\n");
    match layout {
        Layout::Goose => (
            format!("{version:05}_{name}.sql"),
            format!("-- +goose Up\n{up}\n-- +goose Down\n{down}"),
        ),
        Layout::Dbmate => (
            format!("{version:03}_{name}.sql"),
            format!("-- migrate:up\n{up}\n-- migrate:down\n{down}"),
        ),
        _ => (format!("V{version}__{name}.sql"), up),
    }
}

/// goose's, dbmate's, Flyway's and refinery's: made, found again, and given back what they said.
pub async fn the_other_tools_ledgers_are_used_in_place<F: Fixture>() {
    for (layout, kind, table, count) in [
        (Layout::Goose, LedgerKind::Goose, "goose_db_version", "4"),
        (Layout::Dbmate, LedgerKind::Dbmate, "schema_migrations", "3"),
        (Layout::Flyway, LedgerKind::Flyway, "flyway_schema_history", "3"),
        (Layout::Refinery, LedgerKind::Refinery, "refinery_schema_history", "3"),
    ] {
        let mut stage = Stage::<F>::of(layout).await;
        for (version, name) in [(1, "users"), (2, "orders")] {
            let (path, text) = file(layout, version, name);
            stage.write(&path, &text);
        }
        stage.ledger(kind);
        stage.apply().await;
        stage.facts.ledger.kind = None;
        let (path, text) = file(layout, 10, "items");
        stage.write(&path, &text);
        stage.apply().await;
        let mut tables = vec![table, "items", "orders", "users"];
        tables.sort_unstable();
        assert_eq!(stage.database.tables().await, tables, "{kind}");
        // goose keeps a row for the empty database, too.
        let rows = stage.database.value(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows, count, "{kind}");
        let status = stage.status().await;
        assert_eq!((status.ledger.kind, status.drift.as_slice()), (kind, [].as_slice()));
        let versions: Vec<String> =
            status.applied.iter().map(|it| it.version.to_string()).collect();
        assert_eq!(versions, ["1", "2", "10"], "{kind}");
    }
}

/// A repeatable migration of Flyway's runs again when it has changed.
pub async fn a_repeatable_migration_runs_again_when_it_has_changed<F: Fixture>() {
    let mut stage = Stage::<F>::of(Layout::Flyway).await;
    stage.facts.ledger.fallback = Some(LedgerKind::Flyway);
    stage.write("V1__log.sql", "CREATE TABLE log (entry text);\n");
    stage.write("R__fill.sql", "INSERT INTO log VALUES ('first');\n");
    stage.apply().await;
    stage.apply().await;
    assert_eq!(stage.database.value("SELECT count(*) FROM log").await, "1");
    stage.write("R__fill.sql", "INSERT INTO log VALUES ('second');\n");
    stage.apply().await;
    assert_eq!(stage.database.value("SELECT count(*) FROM log").await, "2");
    assert_eq!(stage.status().await.pending, []);
}
