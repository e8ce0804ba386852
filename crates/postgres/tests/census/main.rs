//! The canonical schema and the digests, on a database with an object of every kind.

mod changes;
mod except;
mod imprints;
mod privileges;
mod restored;
mod rows;

use stopover_backend::{Backend, Census, CensusDepth, CensusScope, Privileges};
use stopover_model::{Schema, TableCensus};
use stopover_postgres::{PostgresBackend, PostgresSession, Target};
use stopover_testkit::{Access, TestDatabase};

/// An object of every kind, and rows.
const EVERY_KIND: &str = include_str!("../../../testkit/objects/every_kind.sql");

/// A database with what `sql` makes.
async fn database(sql: &str) -> TestDatabase {
    let database = TestDatabase::create().await;
    run(&database, sql).await;
    database
}

async fn run(access: &Access, sql: &str) {
    if let Err(error) = access.client().await.batch_execute(sql).await {
        panic!("{sql}: {error:?}");
    }
}

async fn session(access: &Access) -> PostgresSession {
    let target = Target::from_config(access.config().clone());
    PostgresBackend::new(target).connect().await.expect("a session")
}

async fn schema(access: &Access) -> Schema {
    session(access).await.schema(&CensusScope::default()).await.expect("a schema")
}

async fn schema_with_privileges(access: &Access) -> Schema {
    let scope = CensusScope { privileges: Privileges::Included, ..CensusScope::default() };
    session(access).await.schema(&scope).await.expect("a schema")
}

async fn digests(access: &Access) -> Vec<TableCensus> {
    let scope = CensusScope::default();
    session(access).await.tables(&scope, CensusDepth::Digests).await.expect("tables")
}

/// The objects that are not the same, as `kind identity`.
fn changed(before: &Schema, after: &Schema) -> Vec<String> {
    let changes = before.changes(after);
    changes.iter().map(|it| format!("{} {}", it.kind, it.identity)).collect()
}
