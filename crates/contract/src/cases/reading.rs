//! Reading writes nothing, and whoever may only read learns what there is to learn.

use stopover_engine::Ending;

use crate::{Fixture, Stage};

/// No table, no ledger, no file.
pub async fn status_and_plan_write_nothing<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    assert_eq!(stage.status().await.pending.len(), 1);
    assert!(stage.plan().await.plan_hash.is_some());
    assert_eq!(stage.database.tables().await, Vec::<String>::new());
    stage.apply().await;
    let before = stage.database.tables().await;
    stage.status().await;
    stage.plan().await;
    assert_eq!(stage.database.tables().await, before);
}

/// Status, plan and an apply that has nothing to do.
pub async fn a_reader_learns_that_there_is_nothing_to_do<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.apply().await;
    let reader = stage.database.reader().await;
    let source = stage.source();
    let status = stopover_engine::status(&reader, &stage.request(&source)).await;
    assert_eq!(status.expect("a status").applied.len(), 1);
    let plan = stopover_engine::plan(&reader, &stage.request(&source)).await;
    assert!(plan.expect("a plan").steps.is_empty());
    let applied = stage.apply_by(&reader).await.0.expect("an apply");
    assert!(matches!(applied.ending, Ending::Complete));
    assert!(applied.migrations.is_empty());
}

/// An apply that has something to do fails, whole.
pub async fn a_reader_can_apply_nothing<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.apply().await;
    stage.makes_tables(&["2_orders"]);
    let reader = stage.database.reader().await;
    if let Ok(applied) = stage.apply_by(&reader).await.0 {
        assert!(!matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
    }
    assert_eq!(stage.applied().await, [1]);
    assert!(!stage.has("orders").await);
}
