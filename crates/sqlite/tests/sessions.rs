//! What a session guards by itself, below the engine.

mod support;

use std::time::{Duration, Instant};

use stopover_backend::{
    Backend, BackendError, Canceller, Diagnose, Execute, FactsReader, FactsRequest, LedgerWriter,
    LockAttempt, RunLock, UnitLimits,
};
use stopover_model::{
    ErrorClass, NewLedgerRow, PlannedStatement, Provenance, SessionUse, StatementPlace, Version,
};
use stopover_sqlite::{SqliteBackend, SqliteSession, Target};
use support::{Folder, apply};

fn statement(tag: &str, text: &str) -> PlannedStatement {
    PlannedStatement {
        index: 1,
        line: 1,
        column: 1,
        range: 0..text.len(),
        text: text.to_owned(),
        tag: tag.to_owned(),
        locks: Vec::new(),
        copy_data: None,
        place: StatementPlace::Anywhere,
        session: SessionUse::Nothing,
    }
}

async fn locked(folder: &Folder) -> SqliteSession {
    let mut session = folder.backend().connect().await.expect("a session with the lock");
    let ledger = session.locate(&FactsRequest::default()).await.expect("a session with the lock");
    assert_eq!(
        session.try_lock(&ledger).await.expect("a session with the lock"),
        LockAttempt::Taken
    );
    session
}

async fn users() -> Folder {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT);");
    apply(&folder).await.expect("an apply");
    folder
}

fn refused(result: Result<(), BackendError>) -> stopover_model::DatabaseError {
    match result {
        Err(BackendError::Refused(error)) => *error,
        other => panic!("not refused: {other:?}"),
    }
}

/// As when two runners see one database by two names, and so hold two locks.
#[tokio::test]
async fn a_ledger_that_somebody_else_has_written_stops_the_next_migration() {
    let folder = users().await;
    let mut session = locked(&folder).await;
    session.facts(&FactsRequest::default()).await.unwrap();
    folder.run(
        "INSERT INTO stopover_applied_migrations (version, name, provenance, applied_by, \
         tool_version) VALUES (2, 'theirs', 'applied', 'them', '0')",
    );
    let error = refused(session.begin(&UnitLimits::default()).await);
    assert!(error.message.contains("another runner is at work"), "{error:?}");
    assert_eq!(error.class, ErrorClass::Final);
    // Read afresh, it goes on.
    session.facts(&FactsRequest::default()).await.unwrap();
    session.begin(&UnitLimits::default()).await.unwrap();
}

#[tokio::test]
async fn without_the_run_lock_nothing_is_written() {
    let folder = users().await;
    let mut session = folder.backend().connect().await.unwrap();
    let ledger = session.locate(&FactsRequest::default()).await.unwrap();
    assert!(session.create_ledger(&ledger).await.is_err());
    session.begin(&UnitLimits::default()).await.unwrap();
    let write =
        session.execute(&statement("INSERT", "INSERT INTO users (id) VALUES (1)"), &mut drop).await;
    let error = refused(write.map(|_| ()));
    assert!(error.message.ends_with("(SQLITE_READONLY)"), "{error:?}");
    session.rollback().await.unwrap();
    assert_eq!(folder.value("SELECT count(*) FROM users"), "0");
}

#[tokio::test]
async fn a_locked_database_is_worth_another_try() {
    let folder = users().await;
    let mut session = locked(&folder).await;
    let other = rusqlite::Connection::open(folder.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let limits =
        UnitLimits { lock_timeout: Some(Duration::from_millis(80)), ..UnitLimits::default() };
    let began = Instant::now();
    let error = refused(session.begin(&limits).await);
    assert_eq!(error.class, ErrorClass::Contention);
    assert!(error.message.ends_with("(SQLITE_BUSY)") && error.hint.is_some(), "{error:?}");
    assert!((80..60_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    drop(other);
    session.begin(&limits).await.unwrap();
}

#[tokio::test]
async fn a_reader_in_the_way_of_a_commit_is_waited_for() {
    let folder = users().await;
    let mut session = locked(&folder).await;
    let reader = rusqlite::Connection::open(folder.database()).unwrap();
    session.begin(&UnitLimits::default()).await.unwrap();
    session
        .execute(&statement("INSERT", "INSERT INTO users (id) VALUES (1)"), &mut drop)
        .await
        .unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    let freeing = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(reader);
    });
    session.commit().await.unwrap();
    freeing.await.unwrap();
    assert_eq!(folder.value("SELECT count(*) FROM users"), "1");
}

/// The ledger row of the try that failed is no other runner's.
#[tokio::test]
async fn a_commit_that_readers_kept_from_happening_is_tried_again() {
    let folder = users().await;
    let mut session = locked(&folder).await;
    let request = FactsRequest::default();
    let ledger = session.locate(&request).await.unwrap();
    session.facts(&request).await.unwrap();
    let reader = rusqlite::Connection::open(folder.database()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    let limits =
        UnitLimits { lock_timeout: Some(Duration::from_millis(50)), ..UnitLimits::default() };
    let row = NewLedgerRow {
        version: Version::Integer(2),
        name: "orders".to_owned(),
        file: "2_orders.up.sql".to_owned(),
        checksum: None,
        provenance: Provenance::Applied,
        duration_ms: None,
        script: None,
    };
    session.begin(&limits).await.unwrap();
    session.record(&ledger, &row).await.unwrap();
    assert_eq!(refused(session.commit().await).class, ErrorClass::Contention);
    session.rollback().await.unwrap();
    drop(reader);
    session.begin(&limits).await.unwrap();
    session.record(&ledger, &row).await.unwrap();
    session.commit().await.unwrap();
    session.begin(&limits).await.unwrap();
    assert_eq!(folder.value("SELECT count(*) FROM stopover_applied_migrations"), "2");
}

#[tokio::test]
async fn a_cancelled_statement_ends_and_the_session_goes_on() {
    let folder = users().await;
    let mut session = locked(&folder).await;
    let canceller = session.canceller();
    let long = statement(
        "SELECT",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) \
         SELECT count(*) FROM n",
    );
    session.begin(&UnitLimits::default()).await.unwrap();
    // One that comes before the statement has begun is forgotten.
    let cancelling = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            canceller.cancel().await;
        }
    };
    let mut nobody = drop;
    let ended = tokio::select! {
        ended = session.execute(&long, &mut nobody) => ended,
        () = cancelling => unreachable!("it goes on until the statement ends"),
    };
    let error = refused(ended.map(|_| ()));
    assert!(error.message.ends_with("(SQLITE_INTERRUPT)"), "{error:?}");
    session.execute(&statement("SELECT", "SELECT 1"), &mut drop).await.unwrap();
    session.commit().await.unwrap();
}

#[tokio::test]
async fn a_parameter_in_a_migration_is_refused_and_not_taken_for_null() {
    let folder = users().await;
    let mut session = locked(&folder).await;
    session.begin(&UnitLimits::default()).await.unwrap();
    let insert = statement("INSERT", "INSERT INTO users (mail) VALUES (:mail)");
    let error = refused(session.execute(&insert, &mut drop).await.map(|_| ()));
    assert_eq!(error.message, "a migration has no values for the parameters of a statement (1)");
}

#[tokio::test]
async fn a_database_in_memory_keeps_what_is_done_in_one_session() {
    let backend = SqliteBackend::new(Target::parse("sqlite::memory:").unwrap());
    let mut session = backend.connect().await.unwrap();
    let ledger = session.locate(&FactsRequest::default()).await.unwrap();
    assert_eq!(session.try_lock(&ledger).await.unwrap(), LockAttempt::Taken);
    session.create_ledger(&ledger).await.unwrap();
    session.reset().await.unwrap();
    assert!(session.facts(&FactsRequest::default()).await.unwrap().ledger.exists);
}

#[tokio::test]
async fn the_rows_that_a_rebuild_trips_over_are_counted() {
    let folder = users().await;
    folder.run("INSERT INTO users VALUES (1, 'a'), (2, NULL), (3, 'a'), (4, NULL), (5, 'b')");
    let mut session = folder.backend().connect().await.unwrap();
    let before = [statement(
        "CREATE TABLE",
        "CREATE TABLE users_new (id INTEGER PRIMARY KEY, mail TEXT NOT NULL UNIQUE)",
    )];
    let rebuild =
        statement("INSERT", "INSERT INTO users_new (id, mail) SELECT id, mail FROM users");
    let mut of = async |message: &str| {
        let error = stopover_model::DatabaseError {
            message: message.to_owned(),
            table: Some("users_new".to_owned()),
            column: Some("mail".to_owned()),
            ..stopover_model::DatabaseError::default()
        };
        session.offending(&before, &rebuild, &error).await
    };
    let nulls =
        of("NOT NULL constraint failed: users_new.mail (SQLITE_CONSTRAINT_NOTNULL)").await.unwrap();
    assert_eq!((nulls.count, nulls.what.as_str()), (2, "rows for users_new where mail is null"));
    let twice =
        of("UNIQUE constraint failed: users_new.mail (SQLITE_CONSTRAINT_UNIQUE)").await.unwrap();
    assert_eq!((twice.count, twice.samples), (2, vec!["mail = 'a' (2 times)".to_owned()]));
    assert_eq!(of("CHECK constraint failed: small (SQLITE_CONSTRAINT_CHECK)").await, None);
    drop(session);
    assert_eq!(folder.value("SELECT count(*) FROM sqlite_schema WHERE name = 'users_new'"), "0");
}
