//! SQLite passes the suite that every backend passes.

use std::sync::mpsc;

use rusqlite::{Connection, OpenFlags, types::Value};
use stopover_contract::{Capabilities, Fixture, Phrases, Support};
use stopover_sqlite::{SqliteBackend, Target};
use tempfile::TempDir;

/// A file in a folder of its own.
struct SqliteFixture(TempDir);

impl SqliteFixture {
    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("app.db")
    }

    fn open(&self) -> Connection {
        Connection::open(self.file()).expect("the database")
    }
}

/// A transaction that is open in another thread's connection.
struct Blocker(Option<mpsc::Sender<()>>, Option<std::thread::JoinHandle<()>>);

impl Drop for Blocker {
    fn drop(&mut self) {
        self.0 = None;
        if let Some(thread) = self.1.take() {
            thread.join().expect("a thread that ends well");
        }
    }
}

impl Fixture for SqliteFixture {
    type Backend = SqliteBackend;
    type Blocker = Blocker;
    /// Where the file is.
    type Writer = std::path::PathBuf;

    const CAPABILITIES: Capabilities =
        Capabilities { copy: Support::No, lock_holder: Support::Yes };

    const PHRASES: Phrases = Phrases {
        long: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) \
               SELECT count(*) FROM n;",
        outside: "VACUUM;\n",
        leak: "CREATE TEMP TABLE scratchpad (a integer);\nPRAGMA recursive_triggers = ON;\n\
               ATTACH ':memory:' AS aside;\n",
        look: "CREATE TABLE seen AS SELECT recursive_triggers AS setting \
               FROM pragma_recursive_triggers;\n",
        untouched: "0",
        sqlx_checksum: "SELECT lower(hex(checksum)) FROM _sqlx_migrations WHERE version = 1",
    };

    async fn fresh() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn backend(&self) -> SqliteBackend {
        SqliteBackend::new(Target::file(self.file()))
    }

    async fn reader(&self) -> SqliteBackend {
        SqliteBackend::new(Target::file(self.file()).read_only())
    }

    async fn run(&self, sql: &str) {
        self.open().execute_batch(sql).expect("statements");
    }

    fn writer(&self) -> std::path::PathBuf {
        self.file()
    }

    async fn write(file: &std::path::PathBuf, sql: &str) {
        let connection = Connection::open(file).expect("the database");
        connection.busy_timeout(std::time::Duration::from_secs(30)).expect("a timeout");
        connection.execute_batch(sql).expect("statements");
    }

    async fn value(&self, sql: &str) -> String {
        let connection = self.open();
        // A migration may be writing.
        connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
        match connection.query_row(sql, [], |row| row.get(0)).expect("a row") {
            Value::Null => "NULL".to_owned(),
            Value::Integer(it) => it.to_string(),
            Value::Real(it) => it.to_string(),
            Value::Text(it) => it,
            Value::Blob(it) => format!("{it:?}"),
        }
    }

    async fn tables(&self) -> Vec<String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let Ok(connection) = Connection::open_with_flags(self.file(), flags) else {
            return Vec::new();
        };
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
        let mut select = connection.prepare(sql).expect("a query");
        let names = select.query_map([], |row| row.get(0)).expect("rows");
        names.collect::<Result<_, _>>().expect("names")
    }

    async fn block(&self, _: &str) -> Blocker {
        let connection = self.open();
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        let (release, released) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            // Ends when the other side is dropped.
            let _ = released.recv();
            drop(connection);
        });
        Blocker(Some(release), Some(thread))
    }
}

stopover_contract::suite!(SqliteFixture);
