//! What others write while a rerun is proven on a copy: it is not lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use stopover_backend::{
    Backend, BackendError, Execute, FactsReader, LedgerEditor, LockAttempt, RunLock, UnitLimits,
};
use stopover_engine::{Applied, EngineError};
use stopover_model::{Checksum, Finding, Version};

use crate::{Between, Fixture, Stage, told};

const CODES: &str = "CREATE TABLE codes (id integer PRIMARY KEY, code text);\n";

/// A rebuild that takes along what is there.
const CAREFUL: &str = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
     CREATE TABLE kept AS SELECT id, code FROM codes;\n\
     DROP TABLE codes;\n\
     CREATE TABLE codes (id integer PRIMARY KEY, code text);\n\
     INSERT INTO codes SELECT id, code FROM kept;\n\
     DROP TABLE kept;\n";

/// One and nine are applied; nine's checksum is poisoned, and it may be run again.
async fn poisoned<F: Fixture>(one: &str, nine: &str) -> Stage<F> {
    let mut stage = Stage::<F>::new().await;
    stage.up("1_one", one);
    stage.up("9_codes", nine);
    stage.apply().await;
    let table = stage.status().await.ledger.table;
    let other = format!("(SELECT checksum FROM {table} WHERE version = 1)");
    let sql = format!("UPDATE {table} SET checksum = {other} WHERE version = 9");
    stage.database.run(&sql).await;
    stage.policy.heal.idempotent = vec![Version::Integer(9)];
    stage
}

/// Applies, and runs `sql` once, as soon as the copy is made.
async fn apply_and<F: Fixture>(
    stage: &Stage<F>,
    sql: &'static str,
) -> Result<Applied, EngineError> {
    let done = Arc::new(AtomicBool::new(false));
    let write = stage.database.writer();
    let between = Between::new(stage.database.backend(), move || {
        let (done, write) = (Arc::clone(&done), write.clone());
        async move {
            if !done.swap(true, Ordering::SeqCst) {
                F::write(&write, sql).await;
            }
        }
    });
    stage.apply_by(&between).await.0
}

fn refusal(applied: Result<Applied, EngineError>) -> Vec<Finding> {
    match applied {
        Err(EngineError::Refused(findings)) => findings,
        other => panic!("not refused: {other:?}"),
    }
}

/// The bug: a rebuild that the copy showed to be harmless ran on the target, which others had
/// written to since, and their rows were gone.
pub async fn rows_written_between_copy_and_rerun_are_not_lost_to_a_rebuild<F: Fixture>() {
    for nine in [
        "DROP TABLE IF EXISTS codes;\nCREATE TABLE codes (id integer PRIMARY KEY, code text);\n\
         INSERT INTO codes VALUES (1, 'SUMMER');\n",
        "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
         DELETE FROM codes;\nINSERT INTO codes VALUES (1, 'SUMMER');\n",
    ] {
        let stage = poisoned::<F>("CREATE TABLE other (id integer);\n", nine).await;
        let before = stage.status().await.applied;
        let applied = apply_and(&stage, "INSERT INTO codes VALUES (2, 'WINTER')").await;
        let findings = refusal(applied);
        assert_eq!(told(&findings), ["modified"], "{findings:#?}");
        let message = &findings[0].message;
        let reason = "re-running 9 would remove 1 of 2 rows of codes: on the copy it changed \
                      nothing, and others have written to the target since";
        assert!(message.starts_with(reason), "{message}");
        assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "2");
        assert_eq!(stage.status().await.applied, before, "nor is the ledger changed");
        assert!(stage.status().await.healed.is_empty());
    }
}

/// A value that somebody has changed since is not put back.
pub async fn values_written_between_copy_and_rerun_are_not_put_back<F: Fixture>() {
    let nine = "UPDATE codes SET code = 'SUMMER' WHERE id = 1;\n";
    let one = format!("{CODES}INSERT INTO codes VALUES (1, 'SUMMER');\n");
    let stage = poisoned::<F>(&one, nine).await;
    let applied = apply_and(&stage, "UPDATE codes SET code = 'AUTUMN'").await;
    let message = &refusal(applied)[0].message;
    assert!(message.starts_with("re-running 9 would change values of codes (code): "), "{message}");
    assert_eq!(stage.database.value("SELECT code FROM codes").await, "AUTUMN");
}

/// On the copy the script writes to no row; what it reads elsewhere has changed since.
pub async fn rows_that_the_copy_left_alone_are_not_lost_either<F: Fixture>() {
    let one = format!(
        "{CODES}CREATE TABLE doomed (id integer);\nINSERT INTO codes VALUES (1, 'SUMMER');\n"
    );
    let nine = "DELETE FROM codes WHERE id IN (SELECT id FROM doomed);\n";
    let stage = poisoned::<F>(&one, nine).await;
    let applied = apply_and(&stage, "INSERT INTO doomed VALUES (1)").await;
    let message = &refusal(applied)[0].message;
    assert!(message.starts_with("re-running 9 would remove 1 of 1 rows of codes: "), "{message}");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
}

/// A column that somebody has added since, by hand or by another tool, is kept too.
pub async fn a_column_added_between_copy_and_rerun_is_not_lost_to_a_rebuild<F: Fixture>() {
    let stage = poisoned::<F>("CREATE TABLE other (id integer);\n", CAREFUL).await;
    let applied = apply_and(&stage, "ALTER TABLE codes ADD COLUMN note text").await;
    let message = &refusal(applied)[0].message;
    assert!(message.starts_with("re-running 9 would drop column codes.note: "), "{message}");
    stage.database.run("UPDATE codes SET note = 'there'").await;
}

/// A rebuild that takes along what is there heals, and what was written meanwhile is there.
pub async fn a_rebuild_that_keeps_what_is_there_heals_with_what_was_written_meanwhile<
    F: Fixture,
>() {
    let stage = poisoned::<F>("CREATE TABLE other (id integer);\n", CAREFUL).await;
    apply_and(&stage, "INSERT INTO codes VALUES (2, 'WINTER')").await.expect("a heal");
    assert_eq!(stage.database.value("SELECT code FROM codes WHERE id = 2").await, "WINTER");
    assert_eq!(stage.status().await.healed.len(), 1);
}

/// Waits until a few more than `before` are committed.
async fn until_more(committed: &AtomicU64, before: u64) {
    while committed.load(Ordering::SeqCst) < before + 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Somebody writes all the time: every row that was committed is there after the heal.
pub async fn every_row_that_a_busy_writer_commits_is_there_after_the_heal<F: Fixture>() {
    let mut stage = poisoned::<F>("CREATE TABLE other (id integer);\n", CAREFUL).await;
    stage.limits.lock_timeout = crate::PATIENCE;
    let (done, committed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let busy = {
        let (done, committed, write) =
            (Arc::clone(&done), Arc::clone(&committed), stage.database.writer());
        tokio::spawn(async move {
            let mut id = 0;
            while !done.load(Ordering::SeqCst) {
                id += 1;
                F::write(&write, &format!("INSERT INTO codes VALUES ({id}, 'busy')")).await;
                committed.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    until_more(&committed, 0).await;
    // The rerun finds a target that others have written to.
    let counted = Arc::clone(&committed);
    let between = Between::new(stage.database.backend(), move || {
        let (counted, before) = (Arc::clone(&counted), counted.load(Ordering::SeqCst));
        async move { until_more(&counted, before).await }
    });
    stage.apply_by(&between).await.0.expect("a heal");
    // It goes on behind the heal.
    until_more(&committed, committed.load(Ordering::SeqCst)).await;
    done.store(true, Ordering::SeqCst);
    busy.await.expect("a writer that is never refused");
    let rows = stage.database.value("SELECT count(*) FROM codes").await;
    assert_eq!(rows, committed.load(Ordering::SeqCst).to_string());
    assert_eq!(stage.status().await.healed.len(), 1);
}

/// The bug: a checksum that was to be rewritten in a row that is gone, or is there twice, was
/// rewritten nowhere or twice, and the heal was told.
pub async fn a_row_that_is_gone_or_there_twice_gets_no_checksum<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_a", "2_b", "9_codes"]);
    stage.apply().await;
    let table = stage.status().await.ledger.table;
    let doubled = format!(
        "CREATE TABLE doubled AS SELECT * FROM {table} UNION ALL \
         SELECT * FROM {table} WHERE version = 9;\
         DROP TABLE {table}; CREATE TABLE {table} AS SELECT * FROM doubled"
    );
    stage.database.run(&doubled).await;
    let mut session = stage.database.backend().connect().await.expect("a session");
    let ledger = session.locate(&stage.facts).await.expect("a ledger");
    assert_eq!(session.try_lock(&ledger).await.expect("a lock"), LockAttempt::Taken);
    let checksum = Checksum::sha256(b"another");
    for (version, told) in [(9, "has 2 rows of version 9"), (7, "has no row of version 7")] {
        session.begin(&UnitLimits::default()).await.expect("a transaction");
        let version = Version::Integer(version);
        let refused = session.restamp(&ledger, &version, "codes", Some(&checksum)).await;
        let Err(BackendError::Refused(error)) = refused else { panic!("{refused:?}") };
        assert!(error.message.contains(told), "{}", error.message);
        session.rollback().await.expect("a rollback");
    }
    session.begin(&UnitLimits::default()).await.expect("a transaction");
    let one = session.restamp(&ledger, &Version::Integer(2), "b", Some(&checksum)).await;
    assert!(one.is_ok(), "{one:?}");
    session.commit().await.expect("a commit");
    let others = format!("SELECT count(*) FROM {table} WHERE checksum = '{}'", checksum.hex());
    assert_eq!(stage.database.value(&others).await, "1");
}

/// The same in a heal: somebody takes the row away while the copy is made.
pub async fn a_heal_whose_row_is_gone_meanwhile_is_rolled_back<F: Fixture>() {
    let nine = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n";
    let stage = poisoned::<F>("CREATE TABLE other (id integer);\n", nine).await;
    let table = stage.status().await.ledger.table;
    let forget: &'static str = format!("DELETE FROM {table} WHERE version = 9").leak();
    let applied = apply_and(&stage, forget).await;
    assert!(applied.is_err(), "{applied:?}");
    assert_eq!(stage.database.value(&format!("SELECT count(*) FROM {table}")).await, "1");
    assert!(stage.status().await.healed.is_empty());
}
