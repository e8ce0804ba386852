//! Migrations without a transaction: each statement commits by itself.

use std::time::Duration;

use stopover_backend::StopSignal;
use stopover_engine::{Ending, Repair};
use stopover_model::report::{DriftKind, RepairAction};
use stopover_model::{Silent, Version};

use super::failure::failure;
use crate::{Fixture, Stage, told};

/// `-- stopover: no-transaction`.
pub async fn a_marked_migration_commits_statement_by_statement<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    let outside = F::PHRASES.outside;
    stage.up(
        "2_marked",
        &format!(
            "-- stopover: no-transaction\nINSERT INTO items (id, name) VALUES (1, 'a');\n{outside}\n\
             INSERT INTO items (id, name) VALUES (2, 'b');\n"
        ),
    );
    let applied = stage.apply().await;
    assert!(!applied.migrations[1].transactional);
    assert_eq!(stage.database.value("SELECT count(*) FROM items").await, "2");
    let status = stage.status().await;
    assert_eq!((status.applied.len(), status.drift.len()), (2, 0));
}

/// Nobody has to mark it.
pub async fn a_statement_that_cannot_be_in_a_transaction_is_recognised<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    stage.up("2_alone", F::PHRASES.outside);
    let applied = stage.apply().await;
    assert!(!applied.migrations[1].transactional);
    assert_eq!(told(&applied.findings), ["not-transactional"]);
    assert_eq!(stage.applied().await, [1, 2]);
}

/// A statement that the server refused is known not to be done: a corrected file goes on there.
pub async fn a_failed_one_is_dirty_and_goes_on_where_it_stopped<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    let first = "-- stopover: no-transaction\nINSERT INTO items (id, name) VALUES (1, 'a');\n";
    stage.up("2_halves", &format!("{first}INSERT INTO nowhere (id) VALUES (1);\n"));
    let failed = failure(&stage).await;
    assert_eq!((failed.statement, failed.rolled_back), (Some(2), false));
    let status = stage.status().await;
    assert_eq!(status.drift.len(), 1, "{:?}", status.drift);
    assert_eq!(status.drift[0].kind, DriftKind::Dirty);
    stage.up("2_halves", &format!("{first}INSERT INTO items (id, name) VALUES (2, 'b');\n"));
    stage.apply().await;
    assert_eq!(stage.database.value("SELECT count(*) FROM items").await, "2");
    assert_eq!(stage.status().await.drift, []);
    assert_eq!(stage.applied().await, [1, 2]);
}

/// What was stopped is dirty; a decision settles it.
pub async fn a_stopped_one_is_dirty_and_repaired_by_decision<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    stage.apply().await;
    let long = F::PHRASES.long;
    stage.up(
        "2_long",
        &format!(
            "-- stopover: no-transaction\nINSERT INTO items (id, name) VALUES (1, 'a');\n{long}\n"
        ),
    );
    let request = stage.stoppable();
    let stopping = async {
        while stage.database.value("SELECT count(*) FROM items").await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        request.stop(StopSignal::Interrupt);
    };
    let (applied, ()) = tokio::join!(stage.try_apply(), stopping);
    let applied = applied.0.expect("an apply that begins");
    assert!(matches!(applied.ending, Ending::Stopped(_)), "{:?}", applied.ending);
    stage.stoppable();
    assert_eq!(stage.status().await.drift[0].kind, DriftKind::Dirty);

    let repair =
        Repair { action: RepairAction::Applied, version: Version::Integer(2), reason: None };
    let source = stage.source();
    let backend = stage.database.backend();
    let repaired =
        stopover_engine::repair(&backend, &stage.request(&source), &repair, &mut Silent).await;
    assert!(repaired.expect("a repair").changed);
    assert_eq!(stage.status().await.drift, []);
    assert_eq!(stage.applied().await, [1, 2]);
}
