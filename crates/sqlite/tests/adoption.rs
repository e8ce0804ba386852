//! A history that somebody still writes to, while it is taken over and dropped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rusqlite::Connection;
use stopover_engine::{AdoptFrom, Adoption};
use stopover_model::Silent;
use support::{Asked, Folder};

/// It was read, and is about to be dropped, when the other tool records another migration.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_tool_records_before_its_history_is_dropped_is_not_lost() {
    let folder = Folder::new();
    for stem in ["1_users", "2_orders", "3_items"] {
        let (_, table) = stem.split_once('_').unwrap();
        folder.migration(&format!("{stem}.up.sql"), &format!("CREATE TABLE {table} (id int);\n"));
    }
    folder.run(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
         INSERT INTO schema_migrations VALUES (2, false);
         CREATE TABLE users (id int); CREATE TABLE orders (id int);",
    );
    let other = Connection::open(folder.database()).unwrap();
    let record = "BEGIN IMMEDIATE; CREATE TABLE items (id int);
                  UPDATE schema_migrations SET version = 3";
    other.execute_batch(record).unwrap();
    let committing = std::thread::spawn(move || {
        // By now it was read, and its reader waits for the write lock.
        std::thread::sleep(Duration::from_millis(800));
        other.execute_batch("COMMIT").unwrap();
    });
    let from = AdoptFrom::GolangMigrate;
    let adoption = Adoption { from, table: None, drop_legacy: true, proof: None };
    let (source, asked) = (folder.source(), Asked::usual());
    let backend = folder.backend();
    let adopted =
        stopover_engine::adopt(&backend, &asked.of(&source), &adoption, &mut Silent).await;
    committing.join().unwrap();
    let error = adopted.unwrap_err().to_string();
    assert!(error.contains("schema_migrations does not say any more"), "{error}");
    assert_eq!(folder.value("SELECT version FROM schema_migrations"), "3");
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'stopover%'";
    assert_eq!(folder.value(ours), "0");
}
