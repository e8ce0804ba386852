//! The canonical schema and the digests: what SQLite alone has.

mod support;

use stopover_backend::{Backend, Census, CensusDepth, CensusScope};
use stopover_model::{Schema, TableCensus};
use support::Folder;

fn folder(sql: &str) -> Folder {
    let folder = Folder::new();
    folder.run(sql);
    folder
}

async fn schema(folder: &Folder) -> Schema {
    let mut session = folder.backend().connect().await.expect("a session");
    session.schema(&CensusScope::default()).await.expect("a schema")
}

async fn digests(folder: &Folder) -> Vec<TableCensus> {
    let mut session = folder.backend().connect().await.expect("a session");
    let scope = CensusScope::default();
    session.tables(&scope, CensusDepth::Digests).await.expect("tables")
}

fn told(schema: &Schema) -> Vec<String> {
    let objects = schema.objects.iter();
    objects.map(|it| format!("{} {}: {}", it.kind, it.identity, it.definition)).collect()
}

#[tokio::test]
async fn every_kind_of_object_is_told() {
    let folder = folder(
        "CREATE TABLE \"order\" (id INTEGER PRIMARY KEY AUTOINCREMENT, -- a number\n\
           total numeric(10,2) DEFAULT 0 CHECK(total>=0), \
           twice REAL GENERATED ALWAYS AS (total * 2) VIRTUAL, \
           UNIQUE (total));\n\
         CREATE TABLE pairs (a TEXT, b ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;\n\
         CREATE UNIQUE INDEX by_b ON pairs(b DESC) WHERE a <> '';\n\
         CREATE VIEW sums (total) AS SELECT sum(total) FROM [order];\n\
         CREATE TRIGGER keep AFTER DELETE ON pairs BEGIN INSERT INTO pairs VALUES (OLD.a, 1); \
           SELECT 1; END;\n\
         CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'porter');\n\
         PRAGMA user_version = 7;",
    );
    assert_eq!(
        told(&schema(&folder).await),
        [
            "column \"order\".id: INTEGER PRIMARY KEY AUTOINCREMENT",
            "column \"order\".total: numeric (10, 2) DEFAULT 0 CHECK (total >= 0)",
            "column \"order\".twice: REAL GENERATED ALWAYS AS (total * 2) VIRTUAL",
            "column pairs.a: TEXT",
            "column pairs.b: ANY",
            "index by_b: CREATE UNIQUE INDEX by_b ON pairs (b DESC) WHERE a <> ''",
            "table \"order\": columns: id, total, twice\nUNIQUE (total)",
            "table pairs: columns: a, b\nPRIMARY KEY (a, b)\nSTRICT, WITHOUT ROWID",
            "trigger keep: CREATE TRIGGER keep AFTER DELETE ON pairs BEGIN INSERT INTO pairs VALUES \
             (OLD.a, 1); SELECT 1; END",
            "view sums: CREATE VIEW sums (total) AS SELECT sum (total) FROM \"order\"",
            "virtual table words: CREATE VIRTUAL TABLE words USING fts5 (body, tokenize = 'porter')",
        ]
    );
}

/// The way in which SQLite's documentation has a table changed, and a rename there and back.
#[tokio::test]
async fn a_rebuilt_or_renamed_table_is_the_same() {
    let folder = folder(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);\n\
         CREATE TABLE items (id INTEGER, parent INTEGER REFERENCES parents (id), note TEXT);\n\
         CREATE INDEX items_note ON items (note);",
    );
    let before = schema(&folder).await;
    folder.run(
        "PRAGMA foreign_keys = off; BEGIN;\n\
         CREATE TABLE items_new (id INTEGER, parent INTEGER REFERENCES parents(id), note TEXT);\n\
         DROP TABLE items; ALTER TABLE items_new RENAME TO items;\n\
         CREATE INDEX items_note ON items(note); COMMIT;\n\
         ALTER TABLE parents RENAME TO elders; ALTER TABLE elders RENAME TO parents;\n\
         ALTER TABLE items ADD COLUMN extra TEXT; ALTER TABLE items DROP COLUMN extra;",
    );
    let after = schema(&folder).await;
    assert_eq!(before.changes(&after), []);
    assert_eq!(before.checksum, after.checksum);
}

#[tokio::test]
async fn values_of_different_types_are_different() {
    let mut seen = Vec::new();
    for value in ["1", "1.0", "'1'", "x'31'", "NULL", "''", "x''", "0", "0.0"] {
        let folder = folder(&format!("CREATE TABLE t (a); INSERT INTO t VALUES ({value});"));
        let digest = digests(&folder).await.remove(0).digest;
        assert!(!seen.contains(&digest), "{value}");
        seen.push(digest);
    }
}

/// Columns that are computed count, and so do rows of tables without a rowid.
#[tokio::test]
async fn generated_columns_and_keyed_tables_are_digested() {
    let folder = folder(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b AS (a * 2) STORED) WITHOUT ROWID;\
         INSERT INTO t VALUES (1), (2);",
    );
    let table = digests(&folder).await.remove(0);
    let columns: Vec<&str> = table.columns.iter().map(|it| it.column.as_str()).collect();
    assert_eq!((table.rows, columns), (2, vec!["a", "b"]));
}

/// What a full-text index keeps for itself follows its history; what was put in does not.
#[tokio::test]
async fn a_full_text_index_is_its_rows_and_not_its_inner_tables() {
    let one = folder(
        "CREATE VIRTUAL TABLE words USING fts5(body);\
         INSERT INTO words VALUES ('a b'), ('c');",
    );
    let other = folder(
        "CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('x');\
         INSERT INTO words VALUES ('c'); DELETE FROM words WHERE body = 'x';\
         INSERT INTO words VALUES ('a b'); INSERT INTO words(words) VALUES ('optimize');",
    );
    let tables = digests(&one).await;
    assert_eq!(tables, digests(&other).await);
    assert_eq!((tables[0].relation.as_str(), tables[0].rows), ("words", 2));
    assert_eq!(tables.len(), 1);
}

/// Nothing is left beside the file, and none is made where there is none.
#[tokio::test]
async fn a_census_leaves_no_trace() {
    let folder = folder("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (1);");
    let before = (folder.files(), std::fs::read(folder.database()).expect("a file"));
    assert_eq!(schema(&folder).await.objects.len(), 2);
    assert_eq!(digests(&folder).await.len(), 1);
    let after = (folder.files(), std::fs::read(folder.database()).expect("a file"));
    assert!(before == after, "{:?} {:?}", before.0, after.0);

    let empty = Folder::new();
    assert!(schema(&empty).await.objects.is_empty() && digests(&empty).await.is_empty());
    assert!(!empty.database().exists());
}
