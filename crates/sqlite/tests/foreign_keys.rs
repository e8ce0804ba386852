//! Foreign keys around the rebuild of a table.

mod support;

use stopover_engine::{Ending, EngineError};
use support::{Folder, apply};

const TABLES: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE);
INSERT INTO users VALUES (1, 'Ada'), (2, NULL);
INSERT INTO orders VALUES (10, 1), (20, 2);
";

/// SQLite's own procedure: <https://sqlite.org/lang_altertable.html>, section 7.
const REBUILD: &str = "CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO users_new SELECT id, coalesce(name, 'nobody') FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
";

fn shop() -> Folder {
    let folder = Folder::new();
    folder.migration("1_tables.up.sql", TABLES);
    folder
}

#[tokio::test]
async fn a_table_is_rebuilt_and_the_rows_that_point_to_it_stay() {
    let folder = shop();
    folder.migration("2_rebuild.up.sql", &format!("-- stopover: foreign-keys off\n{REBUILD}"));
    // After it the keys hold again.
    folder.migration("3_stray.up.sql", "INSERT INTO orders VALUES (30, 99);\n");
    let applied = apply(&folder).await.unwrap();
    assert_eq!(folder.value("SELECT count(*) FROM orders"), "2");
    assert_eq!(folder.value("SELECT name FROM users WHERE id = 2"), "nobody");
    let Ending::Failed { failed, .. } = applied.ending else { panic!("{:?}", applied.ending) };
    assert_eq!(failed.version.as_integer(), Some(3));
    assert_eq!(
        failed.error.message,
        "FOREIGN KEY constraint failed (SQLITE_CONSTRAINT_FOREIGNKEY)"
    );
}

#[tokio::test]
async fn keys_that_do_not_hold_before_the_commit_are_listed_and_nothing_stays() {
    let folder = shop();
    folder.migration(
        "2_rebuild.up.sql",
        &format!("-- stopover: foreign-keys off\n{REBUILD}DELETE FROM users WHERE id = 2;\n"),
    );
    let applied = apply(&folder).await.unwrap();
    let Ending::Failed { failed, .. } = applied.ending else { panic!("{:?}", applied.ending) };
    assert!(failed.rolled_back);
    assert!(failed.error.message.contains("1 row points to no parent"), "{:?}", failed.error);
    assert_eq!(failed.error.detail.as_deref(), Some("orders rowid 20 → users"));
    assert_eq!(folder.value("SELECT count(*) FROM users WHERE name IS NULL"), "1");
    assert_eq!(folder.value("SELECT count(*) FROM stopover_applied_migrations"), "1");
}

#[tokio::test]
async fn a_pragma_that_would_do_nothing_is_refused_before_anything_runs() {
    let folder = shop();
    folder.migration("2_rebuild.up.sql", &format!("PRAGMA foreign_keys = OFF;\n{REBUILD}"));
    let refused = apply(&folder).await;
    let Err(EngineError::Refused(findings)) = refused else { panic!("{refused:?}") };
    assert_eq!(findings[0].code, "foreign-keys");
    assert!(findings[0].remedy.contains("-- stopover: foreign-keys off"), "{findings:?}");
    assert_eq!(folder.files(), ["migrations"]);
}

#[tokio::test]
async fn without_the_directive_a_dropped_table_takes_the_rows_that_point_to_it_along() {
    let folder = shop();
    folder.migration("2_rebuild.up.sql", REBUILD);
    let applied = apply(&folder).await.unwrap();
    // SQLite deletes a dropped table's rows first, and ON DELETE CASCADE goes on from there.
    assert!(matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
    assert_eq!(folder.value("SELECT count(*) FROM orders"), "0");
}
