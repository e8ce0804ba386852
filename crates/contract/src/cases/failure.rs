//! What a failure leaves behind: nothing of the migration that failed, all of those before it.

use std::time::{Duration, Instant};

use stopover_backend::{
    Backend, Execute, FactsReader, LedgerWriter, LockAttempt, RunLock, Session, UnitLimits,
};
use stopover_engine::Ending;
use stopover_model::report::{FailedMigration, MigrationStatus};
use stopover_model::{
    Checksum, NewLedgerRow, PlannedStatement, Provenance, StatementPlace, Version,
};

use crate::{Fixture, PATIENCE, Stage, numbers, told};

/// The failure that an apply ended in.
pub(super) async fn failure<F: Fixture>(stage: &Stage<F>) -> FailedMigration {
    let applied = stage.try_apply().await.0.expect("an apply that begins");
    match applied.ending {
        Ending::Failed { failed, .. } => *failed,
        other => panic!("not failed: {other:?}"),
    }
}

/// The second of three migrations breaks in its second statement.
pub async fn a_failing_middle_statement_leaves_nothing<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "3_items"]);
    stage.up(
        "2_orders",
        "CREATE TABLE orders (id integer PRIMARY KEY, note text NOT NULL);\n\
         INSERT INTO orders (id, note) VALUES (1, NULL);\n\
         CREATE TABLE later (id integer);\n",
    );
    let applied = stage.try_apply().await.0.expect("an apply that begins");
    assert_eq!(numbers(&applied, MigrationStatus::Applied), [1]);
    assert_eq!(numbers(&applied, MigrationStatus::Failed), [2]);
    assert_eq!(numbers(&applied, MigrationStatus::Untouched), [3]);
    let Ending::Failed { failed, .. } = &applied.ending else { panic!("{:?}", applied.ending) };
    assert_eq!((failed.statement, failed.rolled_back), (Some(2), true));
    assert_eq!(stage.applied().await, [1]);
    assert!(stage.has("users").await && !stage.has("orders").await && !stage.has("items").await);
    // Corrected, it goes on.
    stage.up("2_orders", "CREATE TABLE orders (id integer PRIMARY KEY);\n");
    stage.apply().await;
    assert_eq!(stage.applied().await, [1, 2, 3]);
}

/// Lines and columns count characters of the file.
pub async fn the_place_of_an_error_is_told<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.up("1_a", "-- ü\nSELECT 'äöü',\n  nope;\n");
    let failed = failure(&stage).await;
    let error = &failed.error;
    assert!(error.file.ends_with("1_a.up.sql"), "{}", error.file);
    assert_eq!((error.line, error.column), (3, 3), "{error:?}");
}

/// A COMMIT would part the migration from its ledger row.
pub async fn transaction_control_in_the_middle_is_refused_before_anything_runs<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.up("2_control", "CREATE TABLE a (id integer);\nCOMMIT;\nCREATE TABLE b (id integer);\n");
    let findings = stage.refused().await;
    assert_eq!(told(&findings), ["transaction-control"]);
    assert!(findings[0].subject.ends_with("2_control.up.sql:2"), "{findings:?}");
    assert_eq!(stage.database.tables().await, Vec::<String>::new());
}

/// `-- stopover: statement-timeout`.
pub async fn a_statement_that_takes_too_long_is_ended<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    let long = F::PHRASES.long;
    stage.up(
        "1_slow",
        &format!("-- stopover: statement-timeout 2s\nCREATE TABLE a (id integer);\n{long}\n"),
    );
    let began = Instant::now();
    let failed = failure(&stage).await;
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!((failed.statement, failed.rolled_back), (Some(2), true));
    assert!(!stage.has("a").await);
}

fn statement(text: &str) -> PlannedStatement {
    PlannedStatement {
        index: 1,
        line: 1,
        column: 1,
        range: 0..text.len(),
        text: text.to_owned(),
        tag: "CREATE TABLE".to_owned(),
        locks: Vec::new(),
        copy_data: None,
        place: StatementPlace::Anywhere,
        session: stopover_model::SessionUse::Nothing,
    }
}

fn row(version: i64) -> NewLedgerRow {
    NewLedgerRow {
        version: Version::Integer(version),
        name: "users".to_owned(),
        file: "1_users.up.sql".to_owned(),
        checksum: Some(Checksum::sha256(b"users")),
        provenance: Provenance::Applied,
        duration_ms: Some(1.0),
        script: None,
    }
}

/// A session with the run lock, and the ledger that it is for.
async fn locked<F: Fixture>(
    stage: &Stage<F>,
) -> (<F::Backend as Backend>::Session, stopover_backend::LedgerId) {
    let mut session = stage.database.backend().connect().await.expect("a session");
    let ledger = session.locate(&stage.facts).await.expect("a ledger");
    let began = Instant::now();
    while session.try_lock(&ledger).await.expect("a try") != LockAttempt::Taken {
        assert!(began.elapsed() < PATIENCE, "the lock is not freed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (session, ledger)
}

/// A session that dies before the commit leaves neither the change nor the row.
pub async fn a_commit_is_seen_only_with_its_ledger_row<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    let (mut session, ledger) = locked(&stage).await;
    session.create_ledger(&ledger).await.expect("a ledger");
    one_migration(&mut session, &ledger, 1).await;
    drop(session);
    assert_eq!(stage.applied().await, Vec::<i64>::new());

    let (mut session, ledger) = locked(&stage).await;
    assert!(!stage.has("users").await);
    one_migration(&mut session, &ledger, 1).await;
    session.commit().await.expect("a commit");
    drop(session);
    assert!(stage.has("users").await);
    assert_eq!(stage.applied().await, [1]);
}

async fn one_migration<S: Session>(
    session: &mut S,
    ledger: &stopover_backend::LedgerId,
    version: i64,
) {
    session.begin(&UnitLimits::default()).await.expect("a transaction");
    let text = "CREATE TABLE users (id integer PRIMARY KEY, name text)";
    session.execute(&statement(text), &mut drop).await.expect("a table");
    session.record(ledger, &row(version)).await.expect("a row");
}

/// Whatever else goes wrong, the ledger takes a version once.
pub async fn a_version_is_recorded_once<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.apply().await;
    let (mut session, ledger) = locked(&stage).await;
    session.begin(&UnitLimits::default()).await.expect("a transaction");
    session.record(&ledger, &row(1)).await.expect_err("a second row of version 1");
    session.rollback().await.expect("a rollback");
    assert_eq!(stage.applied().await, [1]);
}
