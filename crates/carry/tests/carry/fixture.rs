//! Sources and targets, and the call.

use std::num::NonZeroUsize;

use stopover_backend::{Backend, Privileges, Stop};
use stopover_carry::{CarryRequest, Existing};
use stopover_model::report::{CarryError, CarryReport};
use stopover_model::{Schema, Silent};
use stopover_postgres::{PostgresBackend, Target};
use stopover_scratch::binaries::Search;
use stopover_testkit::{Access, TestDatabase};

pub(crate) const UPSTREAM: &str = include_str!("upstream.sql");
pub(crate) const SCHEMAS: &str = include_str!("schemas.sql");

/// The target of an access.
pub(crate) fn target(access: &Access) -> Target {
    Target::parse(&access.url()).unwrap()
}

/// A plain request.
pub(crate) fn request(from: &Access, to: &Access, schemas: &[&str]) -> CarryRequest {
    CarryRequest {
        from: target(from),
        to: target(to),
        schemas: schemas.iter().map(|&it| it.to_owned()).collect(),
        reserved: vec!["stopover".to_owned()],
        existing: Existing::Replaced,
        owners: Privileges::LeftOut,
        privileges: Privileges::LeftOut,
        timeout: None,
        callback: None,
        jobs: NonZeroUsize::new(2).unwrap(),
        search: Search::from_environment(None),
        stop: Stop::never(),
    }
}

/// Carries, and expects a report.
pub(crate) async fn carry(request: &CarryRequest) -> CarryReport {
    stopover_carry::carry(request, &mut Silent).await.unwrap()
}

/// A database with what every one of them has upstream.
pub(crate) async fn upstream() -> TestDatabase {
    let database = TestDatabase::create().await;
    database.psql(UPSTREAM);
    database
}

/// The same with the clients' schemas.
pub(crate) async fn source() -> TestDatabase {
    let database = upstream().await;
    database.psql(SCHEMAS);
    database
}

/// The canonical schema, as far as it is in these schemas.
pub(crate) async fn schema(access: &Access, schemas: &[&str]) -> Schema {
    let names: Vec<String> = schemas.iter().map(|&it| it.to_owned()).collect();
    let mut session = PostgresBackend::new(target(access)).connect().await.unwrap();
    session.schema_of(&names, None, Privileges::LeftOut).await.unwrap()
}

/// SQLSTATE and object of each error.
pub(crate) fn told(errors: &[CarryError]) -> Vec<(&str, &str)> {
    errors.iter().map(|it| (it.sqlstate.as_deref().unwrap_or("-"), it.object.as_str())).collect()
}

/// Rows of every table of the schemas, as text.
pub(crate) fn rows(access: &Access, tables: &[&str]) -> String {
    let count = |table: &&str| {
        format!(
            "SELECT '{table}', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
        )
    };
    let sql = tables.iter().map(count).collect::<Vec<_>>().join(" UNION ALL ");
    access.psql(&format!("{sql} ORDER BY 1"))
}

/// The tables with rows.
pub(crate) const TABLES: &[&str] = &[
    "staging.raw",
    "staging.empty",
    "marts.revenue",
    "marts.numbered",
    "marts.events_old",
    "marts.events_new",
    "marts.regional",
    "marts.refund_notes",
];
