//! PostgreSQL before the suites of tests: a fresh database for each.

use std::sync::Arc;

use stopover_contract::{Capabilities, Fixture, Phrases, Support};
use stopover_postgres::{PostgresBackend, Target};
use stopover_scratch::copies::ScratchCopies;
use stopover_testkit::{Access, TestDatabase};
use tokio_postgres::{Client, SimpleQueryMessage};

/// A database on the server that the tests share.
pub(crate) struct PostgresFixture(TestDatabase);

impl Fixture for PostgresFixture {
    type Backend = PostgresBackend;
    /// A session with an open transaction.
    type Blocker = Client;
    type Writer = Access;

    const CAPABILITIES: Capabilities =
        Capabilities { copy: Support::Yes, lock_holder: Support::Yes };

    const PHRASES: Phrases = Phrases {
        long: "SELECT pg_sleep(60);",
        outside: "CREATE INDEX CONCURRENTLY items_name ON items (name);\n",
        leak: "CREATE TEMP TABLE scratchpad (a integer);\nSET search_path = nowhere;\n\
               SET work_mem = '7MB';\n",
        look: "CREATE TABLE seen AS SELECT current_setting('search_path') AS setting;\n",
        untouched: "\"$user\", public",
        sqlx_checksum: "SELECT encode(checksum, 'hex') FROM _sqlx_migrations WHERE version = 1",
    };

    async fn fresh() -> Self {
        Self(TestDatabase::create().await)
    }

    fn backend(&self) -> PostgresBackend {
        let target = Target::from_config(self.0.config().clone());
        let copies = ScratchCopies::of(target.clone(), None);
        PostgresBackend::new(target).with_copier(Arc::new(copies))
    }

    async fn reader(&self) -> PostgresBackend {
        let name = format!("{}_reader", self.0.database());
        let sql = format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'reader' IN ROLE pg_read_all_data; \
             ALTER ROLE {name} SET default_transaction_read_only = on;"
        );
        self.run(&sql).await;
        PostgresBackend::new(Target::from_config(self.0.as_role(&name, "reader").config().clone()))
    }

    async fn run(&self, sql: &str) {
        self.0.client().await.batch_execute(sql).await.expect("statements");
    }

    fn writer(&self) -> Access {
        (*self.0).clone()
    }

    async fn write(access: &Access, sql: &str) {
        access.client().await.batch_execute(sql).await.expect("statements");
    }

    async fn value(&self, sql: &str) -> String {
        let messages = self.0.client().await.simple_query(sql).await.expect("a query");
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
            _ => None,
        });
        row.expect("a row")
    }

    async fn tables(&self) -> Vec<String> {
        let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n \
                   ON n.oid = c.relnamespace WHERE c.relkind = 'r' \
                   AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                   AND n.nspname NOT LIKE 'pg\\_%' ORDER BY c.relname COLLATE \"C\"";
        let rows = self.0.client().await.query(sql, &[]).await.expect("tables");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn block(&self, table: &str) -> Client {
        let client = self.0.client().await;
        let sql = format!("BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE");
        client.batch_execute(&sql).await.expect("a lock");
        client
    }
}
