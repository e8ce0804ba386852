//! Requests that make no sense, or would do harm.

use stopover_carry::{CarryRefusal, Existing};
use stopover_model::Silent;
use stopover_model::report::CarriedState;
use stopover_testkit::TestDatabase;

use crate::fixture::{carry, request};

async fn refused(request: &stopover_carry::CarryRequest) -> String {
    match stopover_carry::carry(request, &mut Silent).await {
        Err(CarryRefusal::Refused { message, .. }) => message,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_that_every_database_has_are_refused() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    to.psql("CREATE TABLE public.kept (a int); CREATE SCHEMA stopover");
    for name in ["public", "pg_catalog", "pg_toast", "information_schema", "stopover", ""] {
        let message = refused(&request(&from, &to, &["s", name])).await;
        assert!(message.contains(name), "{message}");
    }
    assert_eq!(to.psql("SELECT count(*) FROM public.kept"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_not_carried_into_itself() {
    let database = TestDatabase::create().await;
    database.psql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a");
    let message = refused(&request(&database, &database, &["s"])).await;
    assert_eq!(message, "source and target are the same database");
    assert_eq!(database.psql("SELECT count(*) FROM s.t"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_there_is_kept_where_that_is_asked_for() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE SCHEMA t");
    to.psql("CREATE SCHEMA s; CREATE TABLE s.old (a int)");
    let mut asked = request(&from, &to, &["s", "t"]);
    asked.existing = Existing::Kept;
    let message = refused(&asked).await;
    assert_eq!(message, "the target has the schema \"s\" already");
    assert_eq!(to.psql("SELECT count(*) FROM s.old"), "0");
    asked.schemas = vec!["t".to_owned()];
    assert_eq!(carry(&asked).await.outcome, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_the_source_has_not_is_told_and_the_targets_is_left_alone() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1 AS a");
    to.psql("CREATE SCHEMA gone; CREATE TABLE gone.kept (a int)");
    let report = carry(&request(&from, &to, &["gone", "s"])).await;
    assert_eq!(report.outcome, "success");
    let states: Vec<CarriedState> = report.schemas.iter().map(|it| it.state).collect();
    assert_eq!(states, [CarriedState::MissingInSource, CarriedState::Complete]);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(
        (&*report.findings[0].code, &*report.findings[0].subject),
        ("carry-missing", "gone")
    );
    assert_eq!(to.psql("SELECT count(*) FROM gone.kept; SELECT a FROM s.v"), "0\n1");
    let nothing = carry(&request(&from, &to, &["gone"])).await;
    assert_eq!(nothing.outcome, "success");
}

/// Dropping the schema would have taken a column of another table along.
#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_the_targets_schema_from_outside_is_not_dropped_with_it() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('fine')");
    to.psql(
        "CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('fine'); CREATE TABLE s.t (a int PRIMARY KEY); \
         CREATE TABLE public.people (name text, mood s.mood, a int REFERENCES s.t); \
         CREATE VIEW public.v AS SELECT * FROM s.t; \
         CREATE SCHEMA other; CREATE FUNCTION other.f(s.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    for outside in ["public.people", "view public.v", "other.f(s.mood)"] {
        assert!(report.outcome.contains(outside), "{outside}: {}", report.outcome);
    }
    assert!(report.outcome.starts_with("failed: target: "), "{}", report.outcome);
    assert_eq!(report.schemas[0].state, CarriedState::Untouched);
    assert_eq!(to.psql("SELECT count(mood) FROM public.people"), "0");
    to.psql("DROP TABLE public.people; DROP VIEW public.v; DROP SCHEMA other CASCADE");
    assert_eq!(carry(&request(&from, &to, &["s"])).await.outcome, "success");
}
