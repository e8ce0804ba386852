//! The file: made by the first apply, left alone by whoever only reads.

mod support;

use std::path::Path;

use rusqlite::Connection;
use stopover_engine::{Ending, EngineError};
use support::{Folder, apply, apply_with, plan, status};

#[tokio::test]
async fn an_apply_makes_the_file_and_leaves_no_other() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);");
    folder.migration("2_ada.up.sql", "INSERT INTO users (name) VALUES ('Ada'), ('Grace');");
    let applied = apply(&folder).await.unwrap();
    assert!(matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
    assert_eq!(applied.migrations[1].statements[0].rows, Some(2));
    assert_eq!(folder.value("SELECT count(*) FROM users"), "2");
    assert_eq!(folder.files(), ["app.db", "migrations"]);
    let row = folder.value(
        "SELECT name || ' ' || provenance || ' ' || length(checksum) FROM \
         stopover_applied_migrations WHERE version = 2",
    );
    assert_eq!(row, "ada applied 64");
    let status = status(&folder).await.unwrap();
    assert_eq!((status.applied.len(), status.pending.len(), status.drift.len()), (2, 0, 0));
    assert!(status.applied[0].applied_at.is_some());
}

#[tokio::test]
async fn reading_makes_no_file() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    let status = status(&folder).await.unwrap();
    assert_eq!((status.applied.len(), status.pending.len()), (0, 1));
    assert!(plan(&folder).await.unwrap().plan_hash.is_some());
    assert_eq!(folder.files(), ["migrations"]);
}

#[tokio::test]
async fn a_file_that_is_asked_for_and_not_there_is_told() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    for mode in ["ro", "rw"] {
        let url = format!("sqlite:{}?mode={mode}", folder.database().display());
        let error = support::status_of(&url, &folder).await.unwrap_err().to_string();
        assert!(error.ends_with("the file is not there"), "{error}");
    }
    let url = format!("sqlite:{}/nowhere/app.db", folder.path().display());
    let error = support::status_of(&url, &folder).await.unwrap_err().to_string();
    assert!(error.ends_with("its folder is not there"), "{error}");
}

#[tokio::test]
async fn a_database_in_wal_mode_is_read_without_a_trace_and_written_whole() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    folder.run("PRAGMA journal_mode = WAL; CREATE TABLE kept (a); DROP TABLE kept;");
    let before = std::fs::read(folder.database()).unwrap();
    status(&folder).await.unwrap();
    assert_eq!(folder.files(), ["app.db", "migrations"]);
    assert_eq!(std::fs::read(folder.database()).unwrap(), before);

    let service = Connection::open(folder.database()).unwrap();
    service.execute_batch("CREATE TABLE orders (id); INSERT INTO orders VALUES (1)").unwrap();
    apply_with(&folder, |request| request.policy.empty_ledger = support::ALLOW).await.unwrap();
    assert_eq!(folder.value("SELECT count(*) FROM orders"), "1");
    assert_eq!(folder.value("PRAGMA journal_mode"), "wal");
    drop(service);
    assert_eq!(folder.files(), ["app.db", "migrations"]);
    assert_eq!(folder.value("SELECT count(*) FROM users"), "0");
}

#[tokio::test]
async fn the_last_one_to_close_a_database_in_wal_mode_takes_the_wal_along() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    folder.migration("2_wal.up.sql", "PRAGMA journal_mode = WAL;");
    folder.migration("3_temp.up.sql", "CREATE TEMP TABLE aside (id INTEGER);");
    folder.migration("4_orders.up.sql", "CREATE TABLE orders (id INTEGER PRIMARY KEY);");
    apply(&folder).await.unwrap();
    assert_eq!(folder.files(), ["app.db", "migrations"]);
    status(&folder).await.unwrap();
    assert_eq!(folder.files(), ["app.db", "migrations"]);
}

/// What a writer leaves that was killed: a `-wal` with what it committed.
fn abandoned_wal(folder: &Folder) {
    let writer = folder.path().join("writer.db");
    let connection = Connection::open(&writer).expect("a writer's files");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE orders (id); INSERT INTO orders VALUES (7)",
        )
        .expect("a writer's files");
    for ending in ["", "-wal"] {
        let copy = |base: &Path| {
            let mut name = base.as_os_str().to_owned();
            name.push(ending);
            name
        };
        std::fs::copy(copy(&writer), copy(&folder.database())).expect("a writer's files");
    }
    drop(connection);
    std::fs::remove_file(writer).expect("a writer's files");
}

#[tokio::test]
async fn the_wal_of_a_killed_writer_is_read_and_stays_as_it_is() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    abandoned_wal(&folder);
    let wal = folder.path().join("app.db-wal");
    let before = (std::fs::read(folder.database()).unwrap(), std::fs::read(&wal).unwrap());
    let status = status(&folder).await.unwrap();
    assert!(status.drift[0].message.ends_with("has tables: orders"), "{:?}", status.drift);
    assert_eq!((std::fs::read(folder.database()).unwrap(), std::fs::read(&wal).unwrap()), before);
    apply_with(&folder, |request| request.policy.empty_ledger = support::ALLOW).await.unwrap();
    assert_eq!(folder.value("SELECT id FROM orders"), "7");
}

#[tokio::test]
async fn a_file_of_something_else_is_told() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    std::fs::write(folder.database(), "this is no database, whatever its name says\n".repeat(99))
        .unwrap();
    let error = status(&folder).await.unwrap_err().to_string();
    assert!(error.ends_with("file is not a database (SQLITE_NOTADB)"), "{error}");
}

#[tokio::test]
async fn mode_ro_does_nothing_where_there_is_nothing_to_do_and_refuses_otherwise() {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    apply(&folder).await.unwrap();
    let url = format!("sqlite:{}?mode=ro", folder.database().display());
    let applied = support::apply_to(&url, &folder).await.unwrap();
    assert!(matches!(applied.ending, Ending::Complete) && applied.migrations.is_empty());

    folder.migration("2_more.up.sql", "CREATE TABLE more (id INTEGER PRIMARY KEY);");
    let applied = support::apply_to(&url, &folder).await;
    let told = match applied {
        Ok(applied) => format!("{:?}", applied.ending),
        Err(EngineError::Backend(error)) => error.to_string(),
        Err(other) => panic!("{other}"),
    };
    assert!(told.contains("mode=ro"), "{told}");
    assert_eq!(folder.value("SELECT count(*) FROM stopover_applied_migrations"), "1");
}
