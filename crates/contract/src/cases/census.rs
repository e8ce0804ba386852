//! The canonical schema and the census: what changed is seen, what did not change is the same, and
//! the ledger is no part of either.

use stopover_backend::{Backend, Bookkeeping, Census, CensusDepth, CensusScope};
use stopover_model::{Schema, TableCensus};

use crate::{Fixture, Stage};

const EVERYTHING: &str = "DROP TABLE IF EXISTS items;\
    CREATE TABLE items (id integer NOT NULL, name text, price numeric(10, 2));";

async fn schema<F: Fixture>(database: &F) -> Schema {
    let mut session = database.backend().connect().await.expect("a session");
    session.schema(&CensusScope::default()).await.expect("a schema")
}

async fn tables<F: Fixture>(database: &F, depth: CensusDepth) -> Vec<TableCensus> {
    let mut session = database.backend().connect().await.expect("a session");
    session.tables(&CensusScope::default(), depth).await.expect("tables")
}

/// The one table that is there, digested.
async fn items<F: Fixture>(database: &F) -> TableCensus {
    let mut tables = tables(database, CensusDepth::Digests).await;
    assert_eq!(tables.len(), 1, "{tables:?}");
    tables.remove(0)
}

/// The columns whose digests are not the same.
fn changed(before: &TableCensus, after: &TableCensus) -> Vec<String> {
    assert_eq!(before.columns.len(), after.columns.len());
    let pairs = before.columns.iter().zip(&after.columns);
    pairs.filter(|(before, after)| before != after).map(|(it, _)| it.column.clone()).collect()
}

/// Each statement, and the kinds and last names of the objects that it changes.
const CHANGES: [(&str, &[(&str, &str)]); 5] = [
    (
        "ALTER TABLE items ADD COLUMN note text DEFAULT 'none';",
        &[("column", "items.note"), ("table", "items")],
    ),
    (
        "ALTER TABLE items RENAME COLUMN name TO label;",
        &[("column", "items.label"), ("column", "items.name"), ("table", "items")],
    ),
    ("CREATE INDEX items_price ON items (price);", &[("index", "items_price")]),
    ("CREATE VIEW cheap AS SELECT id FROM items WHERE price < 5;", &[("view", "cheap")]),
    ("CREATE TABLE more (id integer);", &[("column", "more.id"), ("table", "more")]),
];

/// Every change has its objects, and no others.
pub async fn a_change_of_the_schema_is_seen_and_named<F: Fixture>() {
    for (change, expected) in CHANGES {
        let database = F::fresh().await;
        database.run(EVERYTHING).await;
        let before = schema(&database).await;
        assert_eq!(before, schema(&database).await, "the same twice");
        database.run(change).await;
        let after = schema(&database).await;
        assert_ne!(before.checksum, after.checksum, "{change}");
        let changes = before.changes(&after);
        let found: Vec<(&str, &str)> =
            changes.iter().map(|it| (it.kind.as_str(), local(&it.identity))).collect();
        assert_eq!(found, expected, "{change}: {changes:?}");
    }
}

/// A name without PostgreSQL's schema.
fn local(identity: &str) -> &str {
    identity.strip_prefix("public.").unwrap_or(identity)
}

/// A schema that was built in another order, and with comments and white space of its own.
pub async fn the_same_schema_has_the_same_checksum<F: Fixture>() {
    let (one, other) = (F::fresh().await, F::fresh().await);
    one.run("CREATE TABLE a (id integer, name text); CREATE TABLE b (id integer);").await;
    other
        .run(
            "CREATE TABLE away (id integer); CREATE TABLE b (id integer); DROP TABLE away; \
             CREATE TABLE a (\n  id integer, -- a number\n  name text);",
        )
        .await;
    assert_eq!(schema(&one).await, schema(&other).await);
}

/// The same rows in another order, the table with another past.
pub async fn digests_do_not_depend_on_the_order_of_rows<F: Fixture>() {
    let (one, other) = (F::fresh().await, F::fresh().await);
    one.run(EVERYTHING).await;
    one.run("INSERT INTO items VALUES (1, 'a', 1.5), (2, 'b', 2.5), (2, 'b', 2.5);").await;
    other.run(EVERYTHING).await;
    other
        .run(
            "INSERT INTO items VALUES (2, 'b', 2.5), (3, 'c', 0), (2, 'b', 2.5), (1, 'x', 1.5); \
             DELETE FROM items WHERE id = 3; UPDATE items SET name = 'a' WHERE id = 1;",
        )
        .await;
    assert_eq!(items(&one).await, items(&other).await);
    assert_eq!(items(&one).await.rows, 3);
}

/// The column is named, and a value that went to another row is seen by the table's digest.
pub async fn a_changed_value_is_seen<F: Fixture>() {
    let database = F::fresh().await;
    database.run(EVERYTHING).await;
    database.run("INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);").await;
    let before = items(&database).await;
    database.run("UPDATE items SET name = 'B' WHERE id = 2;").await;
    let after = items(&database).await;
    assert_ne!(before.digest, after.digest);
    assert_eq!(changed(&before, &after), ["name"]);
    database.run("UPDATE items SET price = 4 - price WHERE id <> 2;").await;
    let swapped = items(&database).await;
    assert_ne!(after.digest, swapped.digest);
    assert_eq!(changed(&after, &swapped), [] as [&str; 0]);
}

/// A row twice, NULL, the empty string and the string `NULL` are four things.
pub async fn duplicates_and_nulls_are_told_apart<F: Fixture>() {
    let mut seen: Vec<Option<String>> = Vec::new();
    for rows in [
        "(1, NULL, 1)",
        "(1, '', 1)",
        "(1, 'NULL', 1)",
        "(1, '1', NULL)",
        "(1, NULL, 1), (1, NULL, 1)",
        "(1, NULL, 1), (1, NULL, 1), (1, NULL, 1)",
    ] {
        let database = F::fresh().await;
        database.run(EVERYTHING).await;
        database.run(&format!("INSERT INTO items VALUES {rows};")).await;
        let digest = items(&database).await.digest;
        assert!(digest.is_some() && !seen.contains(&digest), "{rows}");
        seen.push(digest);
    }
}

/// Counted, without digests where none are asked for; tables without rows too.
pub async fn rows_are_counted<F: Fixture>() {
    let database = F::fresh().await;
    assert_eq!(tables(&database, CensusDepth::Rows).await, []);
    database.run("CREATE TABLE a (id integer); CREATE TABLE b (id integer);").await;
    database.run("INSERT INTO b VALUES (1), (2); CREATE VIEW c AS SELECT * FROM b;").await;
    let tables = tables(&database, CensusDepth::Rows).await;
    let found: Vec<(&str, u64)> = tables.iter().map(|it| (local(&it.relation), it.rows)).collect();
    assert_eq!(found, [("a", 0), ("b", 2)]);
    assert!(tables.iter().all(|it| it.digest.is_none() && it.columns.is_empty()));
}

/// What an apply writes beside the migrations leaves no trace: neither tables, nor a schema for
/// them.
pub async fn ledger_and_journal_are_left_out<F: Fixture>() {
    let (applied, by_hand) = (Stage::<F>::new().await, F::fresh().await);
    applied.makes_tables(&["1_users"]);
    applied.apply().await;
    by_hand.run("CREATE TABLE users (id integer PRIMARY KEY, name text);").await;
    let mut session = applied.database.backend().connect().await.expect("a session");
    let scope = session.bookkeeping(&applied.facts).await.expect("the ledger's tables");
    let found = session.schema(&scope).await.expect("a schema");
    let changes = schema(&by_hand).await.changes(&found);
    assert_eq!(changes, []);
    let tables = session.tables(&scope, CensusDepth::Rows).await.expect("tables");
    assert_eq!(tables.len(), 1, "{tables:?}");
    assert_ne!(schema(&applied.database).await.objects.len(), found.objects.len());
}

/// A role that may only read sees the same.
pub async fn a_reader_sees_the_same<F: Fixture>() {
    let database = F::fresh().await;
    database.run(EVERYTHING).await;
    database.run("INSERT INTO items VALUES (1, 'a', 1);").await;
    let mut reader = database.reader().await.connect().await.expect("a session");
    let scope = CensusScope::default();
    assert_eq!(reader.schema(&scope).await.expect("a schema"), schema(&database).await);
    let read = reader.tables(&scope, CensusDepth::Digests).await.expect("tables");
    assert_eq!(read, [items(&database).await]);
}
