//! Which migrations are applied, and in which order.

use stopover_model::report::MigrationStatus;
use stopover_model::{OutOfOrder, Version};
use stopover_planner::Selection;

use crate::{Fixture, Stage, numbers, told};

/// `9` comes before `10`, whatever the folder's order.
pub async fn versions_are_applied_in_the_order_of_their_numbers<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["10_later", "9_earlier", "0100_last"]);
    stage.up("11_fill", "INSERT INTO later (id, name) SELECT 1, 'a'; UPDATE later SET name = 'b';");
    let applied = stage.apply().await;
    assert_eq!(numbers(&applied, MigrationStatus::Applied), [9, 10, 11, 100]);
    let rows: Vec<_> = applied.migrations[2].statements.iter().map(|it| it.rows).collect();
    assert_eq!(rows, [Some(1), Some(1)]);
    let status = stage.status().await;
    assert_eq!((status.pending.len(), status.drift.len(), status.findings.len()), (0, 0, 0));
    let entry = &status.applied[0];
    assert_eq!(entry.name.as_deref(), Some("earlier"));
    assert_eq!(entry.checksum.as_ref().map(String::len), Some(64));
    assert!(entry.applied_at.is_some());
}

/// A second apply finds nothing.
pub async fn nothing_to_do_is_no_work<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.apply().await;
    let applied = stage.apply().await;
    assert_eq!((applied.migrations.len(), applied.findings.len()), (0, 0));
}

/// What is not in the ledger is pending, wherever it lies.
pub async fn a_gap_is_filled<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["103_first", "105_third"]);
    stage.apply().await;
    stage.makes_tables(&["104_second", "106_fourth"]);
    let status = stage.status().await;
    let pending: Vec<_> =
        status.pending.iter().map(|it| (it.version.as_integer(), it.out_of_order)).collect();
    assert_eq!(pending, [(Some(104), true), (Some(106), false)]);
    let applied = stage.apply().await;
    assert_eq!(numbers(&applied, MigrationStatus::Applied), [104, 106]);
    assert_eq!(stage.applied().await, [103, 104, 105, 106]);
}

/// Policy `out_of_order`.
pub async fn a_late_lower_version_is_applied_with_a_warning_or_refused_as_the_policy_says<
    F: Fixture,
>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["2_second"]);
    stage.apply().await;
    stage.makes_tables(&["1_first"]);
    stage.policy.out_of_order = OutOfOrder::Refuse;
    assert_eq!(told(&stage.refused().await), ["out-of-order"]);
    assert!(!stage.has("first").await);
    stage.policy.out_of_order = OutOfOrder::Warn;
    assert_eq!(told(&stage.apply().await.findings), ["out-of-order"]);
    assert!(stage.has("first").await);
}

/// `--steps` and `--target`.
pub async fn a_selection_applies_so_far_and_no_further<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_a", "2_b", "3_c", "4_d"]);
    stage.selection = Selection::Next(1);
    stage.apply().await;
    assert_eq!(stage.applied().await, [1]);
    stage.selection = Selection::UpTo(Version::Integer(3));
    stage.apply().await;
    assert_eq!(stage.applied().await, [1, 2, 3]);
}
