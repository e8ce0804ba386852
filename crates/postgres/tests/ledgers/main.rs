//! Other tools' ledgers, used in place: read as the tools wrote them, and written as they would.
//!
//! Rows and tables that are set up here are what the tools themselves make; each says where that
//! is known from. What every backend does with sqlx's and Diesel's is in the contract suite.

mod dbmate;
mod flyway;
mod goose;
mod refinery;
#[path = "../support/mod.rs"]
mod support;

use stopover_contract::{Fixture, Stage};
use stopover_model::report::{DriftKind, StatusReport};
use stopover_model::{Layout, LedgerKind};
use support::PostgresFixture;

type Postgres = Stage<PostgresFixture>;

/// A stage in a layout, that is to use the ledger of `kind`.
async fn stage(layout: Layout, kind: LedgerKind) -> Postgres {
    let mut stage = Postgres::of(layout).await;
    stage.ledger(kind);
    stage
}

/// A stage in a layout, on a database that a tool has worked on before: nobody names the ledger.
async fn after(layout: Layout, sql: &str) -> Postgres {
    let stage = Postgres::of(layout).await;
    stage.database.run(sql).await;
    stage
}

/// All rows of a query, as PostgreSQL prints arrays of rows.
async fn rows(stage: &Postgres, query: &str) -> String {
    stage
        .database
        .value(&format!("SELECT coalesce(string_agg(r::text, ' '), '') FROM ({query}) r"))
        .await
}

fn applied(status: &StatusReport) -> Vec<String> {
    status.applied.iter().map(|it| it.version.to_string()).collect()
}

fn pending(status: &StatusReport) -> Vec<String> {
    status.pending.iter().map(|it| it.version.to_string()).collect()
}

fn drift(status: &StatusReport) -> Vec<(DriftKind, String)> {
    let shown = |it: &stopover_model::report::Drift| {
        (it.kind, it.version.as_ref().map(ToString::to_string).unwrap_or_default())
    };
    status.drift.iter().map(shown).collect()
}
