//! Taking over another tool's history into our own ledger.

use stopover_engine::{AdoptFrom, Adoption, EngineError};
use stopover_model::report::AdoptReport;
use stopover_model::{LedgerKind, Provenance, Silent};

use crate::{Fixture, Stage};

/// As golang-migrate makes it.
const COUNTER: &str = "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, \
                       dirty boolean NOT NULL);";

async fn adopt<F: Fixture>(
    stage: &Stage<F>,
    from: AdoptFrom,
    drop_legacy: bool,
) -> Result<AdoptReport, EngineError> {
    let adoption = Adoption { from, table: None, drop_legacy, proof: None };
    let (source, backend) = (stage.source(), stage.database.backend());
    stopover_engine::adopt(&backend, &stage.request(&source), &adoption, &mut Silent).await
}

/// Everything up to the counter; nobody saw it run.
pub async fn a_counter_is_taken_over_as_assumed_and_twice_changes_nothing<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "2_orders", "3_items"]);
    let made = "CREATE TABLE users (id integer); CREATE TABLE orders (id integer);";
    let says = "INSERT INTO schema_migrations VALUES (2, false);";
    stage.database.run(&format!("{COUNTER}{says}{made}")).await;
    let report = adopt(&stage, AdoptFrom::Auto, false).await.expect("an adoption");
    let adopted: Vec<_> = report.adopted.iter().map(|it| it.version.as_integer()).collect();
    assert_eq!((adopted, report.dropped), (vec![Some(1), Some(2)], false));
    let status = stage.status().await;
    assert!(status.applied.iter().all(|it| it.provenance == Provenance::Assumed));
    assert_eq!((status.pending.len(), status.drift.len()), (1, 0));

    let again = adopt(&stage, AdoptFrom::GolangMigrate, true).await.expect("an adoption");
    assert_eq!((again.adopted.len(), again.already, again.dropped), (0, 2, true));
    assert!(!stage.has("schema_migrations").await);
    stage.apply().await;
    assert!(stage.has("items").await);
}

/// Its last migration did not end well: nobody knows what is there.
pub async fn a_dirty_counter_is_refused<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "2_orders"]);
    let says = "INSERT INTO schema_migrations VALUES (2, true);";
    stage.database.run(&format!("{COUNTER}{says}")).await;
    let refused = adopt(&stage, AdoptFrom::Auto, false).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert_eq!(stage.database.tables().await, ["schema_migrations"]);
}

/// A ledger that is a set stays one.
pub async fn sqlxs_ledger_is_taken_over_with_its_times<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "3_items"]);
    stage.ledger(LedgerKind::Sqlx);
    stage.apply().await;
    stage.makes_tables(&["2_orders"]);
    stage.facts.ledger.kind = None;
    let theirs: Vec<_> = stage.status().await.applied.iter().map(|it| it.applied_at).collect();
    let from = AdoptFrom::Ledger(LedgerKind::Sqlx);
    let report = adopt(&stage, from, false).await.expect("an adoption");
    assert_eq!(report.adopted.len(), 2);
    let status = stage.status().await;
    assert_eq!(status.ledger.kind, LedgerKind::Stopover);
    let ours: Vec<_> = status.applied.iter().map(|it| it.applied_at).collect();
    assert_eq!(ours, theirs);
    assert_eq!((status.pending.len(), status.drift.len()), (1, 0));
}
