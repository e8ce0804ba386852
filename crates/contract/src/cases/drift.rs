//! Where source and ledger differ: told whole, before anything runs.

use stopover_engine::Repair;
use stopover_model::report::RepairAction;
use stopover_model::{EmptyLedger, OrphanPolicy, Silent, Version};

use crate::{Fixture, Stage, told};

/// An applied file has other bytes now.
pub async fn an_edit_is_refused_before_anything_runs<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.apply().await;
    stage.up("1_users", "CREATE TABLE users (id integer PRIMARY KEY, mail text);\n");
    stage.makes_tables(&["2_orders"]);
    let findings = stage.refused().await;
    assert_eq!(told(&findings), ["modified"]);
    assert!(
        findings[0].message.contains("migration 1 was previously applied but has been modified"),
        "{findings:?}"
    );
    assert!(!stage.has("orders").await);
}

/// An applied file has another name now.
pub async fn a_rename_is_refused<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    let text = "CREATE TABLE users (id integer PRIMARY KEY);\n";
    stage.up("1_users", text);
    stage.apply().await;
    stage.remove("1_users");
    stage.up("1_people", text);
    assert_eq!(told(&stage.refused().await), ["renamed"]);
}

/// An applied file is gone.
pub async fn an_orphan_is_refused_and_passes_where_the_policy_lets_it<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["122_users", "123_orders"]);
    stage.apply().await;
    stage.remove("123_orders");
    stage.makes_tables(&["124_more"]);
    let findings = stage.refused().await;
    assert_eq!(told(&findings), ["orphan"]);
    assert!(
        findings[0].message.contains(
            "migration 123 was previously applied but is missing in the resolved migrations"
        ),
        "{findings:?}"
    );
    stage.policy.orphan = OrphanPolicy::Warn;
    stage.apply().await;
    assert_eq!(stage.applied().await, [122, 123, 124]);
}

/// Two files of one version.
pub async fn a_collision_is_refused<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "2_orders", "02_items"]);
    assert_eq!(told(&stage.refused().await), ["collision"]);
    assert_eq!(stage.database.tables().await, Vec::<String>::new());
}

/// Tables, and no ledger: somebody else's history.
pub async fn tables_without_a_history_are_refused<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.database.run("CREATE TABLE legacy (id integer PRIMARY KEY);").await;
    stage.makes_tables(&["1_users"]);
    assert_eq!(told(&stage.refused().await), ["empty-ledger"]);
    assert_eq!(stage.database.tables().await, ["legacy"]);
    stage.policy.empty_ledger = EmptyLedger::Allow;
    stage.apply().await;
    assert!(stage.has("users").await);
}

/// `repair accept`.
pub async fn an_accepted_edit_is_no_drift<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.apply().await;
    stage.up("1_users", "CREATE TABLE users (id integer PRIMARY KEY, name text); -- said why\n");
    assert_eq!(stage.status().await.drift.len(), 1);
    let repair = Repair {
        action: RepairAction::Accept,
        version: Version::Integer(1),
        reason: Some("a comment".to_owned()),
    };
    let source = stage.source();
    let backend = stage.database.backend();
    let report =
        stopover_engine::repair(&backend, &stage.request(&source), &repair, &mut Silent).await;
    assert!(report.expect("a repair").changed);
    assert_eq!(stage.status().await.drift, []);
}

/// One run tells all of it.
pub async fn everything_wrong_is_told_at_once<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["2_users", "3_orders", "4_items"]);
    stage.apply().await;
    stage.up("2_users", "CREATE TABLE users (id integer);\n");
    stage.remove("3_orders");
    stage.makes_tables(&["1_late", "5_more", "05_again"]);
    stage.up("6_control", "CREATE TABLE x (id integer); COMMIT; CREATE TABLE y (id integer);");
    let findings = stage.refused().await;
    let mut codes = told(&findings);
    codes.sort_unstable();
    assert_eq!(
        codes,
        ["collision", "modified", "orphan", "out-of-order", "transaction-control"],
        "{findings:#?}"
    );
    assert_eq!(stage.applied().await, [2, 3, 4]);
}
