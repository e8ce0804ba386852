//! Sessions that somebody else opens while we look from outside.

use stopover_backend::Backend;
use stopover_postgres::{Neighbours, PostgresBackend, Target};
use stopover_testkit::TestDatabase;

/// A given scratch database is kept by a session of this rehearsal's. Ended with those that a command
/// left behind, it let another rehearsal in.
#[tokio::test]
async fn who_was_there_before_the_programs_is_not_ended_with_what_they_leave() {
    let database = TestDatabase::create().await;
    let keeper = database.client().await;
    keeper.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let target = Target::parse(&database.url()).expect("the test's URL parses");
    let observer = PostgresBackend::new(target).traced(Neighbours::Some).observer().unwrap();
    observer.watch().await;
    let left = database.client().await;
    left.batch_execute("SELECT 1").await.unwrap();
    let trace = observer.finish().await;
    assert!(trace.outside.is_some(), "{:?}", trace.findings);
    assert!(left.batch_execute("SELECT 1").await.is_err(), "nobody ended it");
    keeper.batch_execute("SELECT 1").await.expect("it was there before");
    let kept = "SELECT pg_try_advisory_lock(7)";
    assert_eq!(database.psql(kept), "f", "its lock is gone");
}
