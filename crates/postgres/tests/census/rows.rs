//! Counts and digests: what PostgreSQL alone has.

use stopover_backend::{BackendError, Census, CensusDepth, CensusScope};

use super::{database, digests, run, schema, session};

/// Settings of the role change how values print; the digest does not follow them.
#[tokio::test]
async fn settings_of_the_session_do_not_change_a_digest() {
    let database = database(
        "CREATE TABLE t AS SELECT 0.1::float8 + 0.2 AS f, now() AS at, '\\x00ff'::bytea AS raw, \
         interval '1 day -2 hours' AS i, 12.5::money AS m, date '2024-02-03' AS d;",
    )
    .await;
    let before = digests(&database).await;
    run(
        &database,
        &format!(
            "ALTER DATABASE {name} SET extra_float_digits = 0; \
             ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'; \
             ALTER DATABASE {name} SET bytea_output = 'escape'; \
             ALTER DATABASE {name} SET intervalstyle = 'iso_8601'; \
             ALTER DATABASE {name} SET datestyle = 'German'; \
             ALTER DATABASE {name} SET search_path = nowhere;",
            name = database.database()
        ),
    )
    .await;
    assert_eq!(before, digests(&database).await);
}

/// A policy that applies to the reader would hide rows: an error, not fewer rows.
#[tokio::test]
async fn a_policy_that_hides_rows_is_an_error() {
    let database = database(
        "CREATE TABLE t (id integer); INSERT INTO t VALUES (1), (2); \
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY half ON t USING (id = 1);",
    )
    .await;
    let role = format!("{}_half", database.database());
    run(&database, &format!("CREATE ROLE {role} LOGIN PASSWORD 'x' IN ROLE pg_read_all_data"))
        .await;
    let mut session = session(&database.as_role(&role, "x")).await;
    let scope = CensusScope::default();
    let refused = session.tables(&scope, CensusDepth::Rows).await;
    assert!(matches!(&refused, Err(BackendError::Refused(_))), "{refused:?}");
    assert!(session.schema(&scope).await.is_ok(), "the session is as before");
}

/// A table that may not be read is an error, never an omission.
#[tokio::test]
async fn a_table_that_may_not_be_read_is_an_error() {
    let database = database("CREATE TABLE t (id integer);").await;
    let role = format!("{}_poor", database.database());
    run(&database, &format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await;
    let mut session = session(&database.as_role(&role, "x")).await;
    let refused = session.tables(&CensusScope::default(), CensusDepth::Rows).await;
    assert!(matches!(&refused, Err(error) if error.is("42501")), "{refused:?}");
}

/// Casts and operators that the database defines do not run: a row is read by output functions.
#[tokio::test]
async fn what_the_database_defines_does_not_run() {
    let database = database(
        "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('ok'); \
         CREATE TABLE app.t (id integer, mood app.mood); INSERT INTO app.t VALUES (1, 'ok'); \
         CREATE FUNCTION app.shout(app.mood) RETURNS text LANGUAGE plpgsql \
           AS $$ BEGIN RAISE EXCEPTION 'run'; END $$; \
         CREATE CAST (app.mood AS text) WITH FUNCTION app.shout(app.mood) AS IMPLICIT; \
         CREATE FUNCTION app.quote_ident(name) RETURNS text LANGUAGE plpgsql \
           AS $$ BEGIN RAISE EXCEPTION 'run'; END $$; \
         CREATE FUNCTION app.equal(name, name) RETURNS boolean LANGUAGE plpgsql \
           AS $$ BEGIN RAISE EXCEPTION 'run'; END $$; \
         CREATE OPERATOR app.= (LEFTARG = name, RIGHTARG = name, FUNCTION = app.equal);",
    )
    .await;
    let name = database.database().to_owned();
    run(&database, &format!("ALTER DATABASE {name} SET search_path = app, public, pg_catalog"))
        .await;
    assert_eq!(digests(&database).await[0].rows, 1);
    assert!(schema(&database).await.objects.len() > 5);
}

/// More columns than a function has arguments, names of every kind, and no column at all.
#[tokio::test]
async fn wide_odd_and_empty_tables_are_digested() {
    let columns: Vec<String> = (0..1500).map(|at| format!("c{at} integer DEFAULT {at}")).collect();
    let database = database(&format!(
        "CREATE TABLE wide ({}); INSERT INTO wide DEFAULT VALUES; \
         CREATE TABLE \"a\"\"b.c\" (\"x\"\"y\" text, \"sum(h0)\" text); \
         INSERT INTO \"a\"\"b.c\" VALUES ('1', '2'); \
         CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;",
        columns.join(", ")
    ))
    .await;
    let tables = digests(&database).await;
    let found: Vec<(&str, u64, usize)> =
        tables.iter().map(|it| (it.relation.as_str(), it.rows, it.columns.len())).collect();
    assert_eq!(
        found,
        [("public.\"a\"\"b.c\"", 1, 2), ("public.nothing", 1, 0), ("public.wide", 1, 1500)]
    );
}

/// Only the table itself: rows of partitions and children count where they are, and once.
#[tokio::test]
async fn each_row_is_counted_in_the_table_that_holds_it() {
    let database = database(
        "CREATE TABLE parent (id integer); CREATE TABLE child () INHERITS (parent); \
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3); \
         CREATE TABLE parts (id integer) PARTITION BY LIST (id); \
         CREATE TABLE part PARTITION OF parts DEFAULT; INSERT INTO parts VALUES (1); \
         CREATE MATERIALIZED VIEW seen AS SELECT * FROM parent;",
    )
    .await;
    let tables = digests(&database).await;
    let found: Vec<(&str, u64)> = tables.iter().map(|it| (it.relation.as_str(), it.rows)).collect();
    assert_eq!(found, [("public.child", 2), ("public.parent", 1), ("public.part", 1)]);
}
