//! What is around the schemas: settings, libraries, roles, tables of other schemas.

use stopover_backend::Privileges;
use stopover_model::report::{CarriedState, CarryReport};
use stopover_scratch::server::ServerOptions;
use stopover_testkit::{TestDatabase, TestServer, template_cache};

use crate::fixture::{carry, request, rows, schema, told};

fn codes(report: &CarryReport) -> Vec<&str> {
    report.findings.iter().map(|it| &*it.code).collect()
}

/// The code is of the operating system's class, but it is this statement's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_the_target_has_not_costs_its_function_and_no_more() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a; CREATE FUNCTION s.handler() \
           RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; \
         UPDATE pg_proc SET probin = '$libdir/gone_since' WHERE proname = 'handler' \
           AND pronamespace = 's'::regnamespace",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(told(&report.errors), [("58P01", "function s.handler()")], "{report:#?}");
    assert_eq!(report.outcome, "partial: 1 statement error(s)");
    assert_eq!(to.psql("SELECT a FROM s.t"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_access_method_is_that_of_its_table_alone() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    for database in [&from, &to] {
        database.psql("CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler");
    }
    from.psql(
        "CREATE SCHEMA s; CREATE TABLE s.a (a int) USING other; CREATE TABLE s.b (a int); \
         CREATE MATERIALIZED VIEW s.c USING other AS SELECT 1 AS a; \
         CREATE MATERIALIZED VIEW s.d AS SELECT a + 1 AS a FROM s.c",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    let methods = "SELECT string_agg(relname || ' ' || amname, ',' ORDER BY relname) FROM pg_class c \
                   JOIN pg_am a ON a.oid = relam WHERE relnamespace = 's'::regnamespace";
    assert_eq!(to.psql(methods), "a other,b heap,c other,d heap");
    assert_eq!(to.psql("SELECT a FROM s.d"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_change_values_or_end_sessions_do_not_matter() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE TABLE public.up (a int); CREATE SCHEMA s; CREATE VIEW s.v AS TABLE public.up; \
         CREATE TABLE s.t AS SELECT ARRAY['a', NULL] AS b",
    );
    let target = to.database();
    to.psql(&format!(
        "ALTER DATABASE {target} SET array_nulls = off; ALTER DATABASE {target} SET exit_on_error = on"
    ));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "partial: 1 statement error(s)", "{report:#?}");
    to.maintenance().psql(&format!("ALTER DATABASE {target} RESET ALL"));
    assert_eq!(to.psql("SELECT b[2] IS NULL FROM s.t"), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_the_target_has_not_costs_its_grants_and_no_table() {
    let (server, to) = (TestServer::start().await, TestDatabase::create().await);
    let from = server.access();
    from.psql(
        "CREATE ROLE analyst; CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a; \
         ALTER TABLE s.t OWNER TO analyst; CREATE TABLE s.u AS SELECT 2 AS a; \
         GRANT SELECT ON s.u TO analyst; \
         ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO analyst",
    );
    assert_eq!(carry(&request(&from, &to, &["s"])).await.outcome, "success");
    let mut asked = request(&from, &to, &["s"]);
    asked.owners = Privileges::Included;
    asked.privileges = Privileges::Included;
    let report = carry(&asked).await;
    let all = told(&report.errors);
    assert!(!all.is_empty() && all.iter().all(|it| it.0 == "42704"), "{report:#?}");
    assert_eq!(to.psql("SELECT a FROM s.t UNION ALL SELECT a FROM s.u"), "1\n2");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_to_rows_that_vanished_upstream_is_lost_and_the_rows_live() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    for database in [&from, &to] {
        database.psql(
            "CREATE TABLE public.up (id int PRIMARY KEY); INSERT INTO public.up SELECT generate_series(1, 9)",
        );
    }
    from.psql(
        "CREATE SCHEMA s; CREATE TABLE s.t (a int REFERENCES public.up, b int); \
         INSERT INTO s.t SELECT i, i FROM generate_series(1, 9) i; \
         CREATE SCHEMA r; CREATE TABLE r.u (id int PRIMARY KEY); \
         ALTER TABLE s.t ADD FOREIGN KEY (b) REFERENCES r.u NOT VALID",
    );
    to.psql("DELETE FROM public.up WHERE id = 7");
    let report = carry(&request(&from, &to, &["s", "r"])).await;
    assert_eq!(told(&report.errors), [("23503", "constraint s.t.t_a_fkey")], "{report:#?}");
    assert_eq!(to.psql("SELECT count(*) FROM s.t"), "9");
    let kept = "SELECT conname || convalidated::text FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(to.psql(kept), "t_b_fkeyfalse");
}

/// The table upstream has its indexes already: a partition that joined it before its own were
/// there was given others, and its own failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_a_table_upstream_joins_it_with_its_own_indexes() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    for database in [&from, &to] {
        database.psql(
            "CREATE TABLE public.events (at int PRIMARY KEY, what text) PARTITION BY RANGE (at); \
             CREATE INDEX ON public.events (what)",
        );
    }
    from.psql(
        "CREATE SCHEMA s; CREATE TABLE s.mine PARTITION OF public.events FOR VALUES FROM (0) TO (9); \
         CREATE TABLE s.deep PARTITION OF public.events FOR VALUES FROM (9) TO (99) \
           PARTITION BY RANGE (at); \
         CREATE TABLE s.leaf PARTITION OF s.deep FOR VALUES FROM (9) TO (50); \
         INSERT INTO public.events VALUES (1, 'one'), (10, 'ten')",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    assert_eq!(to.psql("SELECT count(*) FROM public.events"), "2");
    assert_eq!(schema(&from, &["s"]).await.changes(&schema(&to, &["s"]).await), []);
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(to.psql(invalid), "0");
}

/// Nothing fails, and rows are missing: that has to be said.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_in_a_schema_that_is_not_carried_are_told() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE SCHEMA parts; CREATE TABLE s.t (a int) PARTITION BY RANGE (a); \
         CREATE TABLE parts.t1 PARTITION OF s.t FOR VALUES FROM (0) TO (9); \
         INSERT INTO s.t VALUES (1)",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(codes(&report), ["carry-outside"], "{report:#?}");
    assert!(report.findings[0].message.contains("parts.t1"), "{report:#?}");
    let report = carry(&request(&from, &to, &["s", "parts"])).await;
    assert_eq!((&*report.outcome, codes(&report)), ("success", Vec::new()));
    assert_eq!(to.psql("SELECT count(*) FROM s.t"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_that_are_not_carried_are_told() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE DOMAIN s.lo AS oid; CREATE TABLE s.t (name text, content s.lo)",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!((&*report.outcome, codes(&report)), ("success", Vec::new()));
    from.psql("INSERT INTO s.t SELECT 'a', lo_from_bytea(0, 'abc')");
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(codes(&report), ["carry-large-objects"], "{report:#?}");
    assert!(report.findings[0].message.contains("s.t.content"), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_and_views_keep_what_they_are_in() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE SEQUENCE s.fresh; CREATE SEQUENCE s.placed; \
         SELECT setval('s.placed', 42, false); \
         CREATE SEQUENCE s.falling AS smallint INCREMENT -3 MAXVALUE 90 START 90 CYCLE; \
         SELECT nextval('s.falling'), nextval('s.falling'); \
         CREATE TABLE s.t (a int GENERATED ALWAYS AS IDENTITY (START 7), b int); \
         INSERT INTO s.t (b) VALUES (1), (2); DELETE FROM s.t WHERE a = 8; \
         CREATE MATERIALIZED VIEW s.empty AS SELECT a FROM s.t WITH NO DATA; \
         CREATE UNLOGGED TABLE s.unlogged AS SELECT 1 AS a",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    let one = |name: &str| format!("SELECT '{name}', last_value, is_called FROM s.{name}");
    let positions = ["fresh", "placed", "falling", "t_a_seq"].map(one).join(" UNION ALL ");
    assert_eq!(to.psql(&positions), from.psql(&positions));
    assert_eq!(rows(&to, &["s.t", "s.unlogged"]), rows(&from, &["s.t", "s.unlogged"]));
    let state = "SELECT relname || relispopulated::text || relpersistence::text FROM pg_class \
                 WHERE relname IN ('empty', 'unlogged') ORDER BY 1";
    assert_eq!(to.psql(state), "emptyfalsep\nunloggedtrueu");
    assert_eq!(to.psql("INSERT INTO s.t (b) VALUES (3) RETURNING a"), "9");
}

/// A server that has become a standby of nobody: it replays its own log, and takes no writes.
async fn standby(filled: &str) -> TestServer {
    let settings = vec![("wal_level".to_owned(), "replica".to_owned())];
    let template_cache = template_cache();
    let options = ServerOptions { settings, template_cache, ..ServerOptions::default() };
    let mut server = TestServer::start_with(options).await;
    let access = server.access();
    access.psql(filled);
    let folder = access.psql("SHOW data_directory");
    access.psql(&format!("CHECKPOINT; COPY (SELECT 1) TO '{folder}/standby.signal'"));
    server.restart().await;
    assert_eq!(server.access().psql("SELECT pg_is_in_recovery()"), "t");
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_standby_is_a_source_like_any_other() {
    let filled = "CREATE SCHEMA s; CREATE TABLE s.t (id serial PRIMARY KEY, a text); \
        INSERT INTO s.t (a) SELECT 'a' FROM generate_series(1, 50); \
        CREATE MATERIALIZED VIEW s.m AS SELECT count(*) AS n FROM s.t";
    let (from, to) = (standby(filled).await, TestDatabase::create().await);
    let report = carry(&request(&from.access(), &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    assert_eq!(to.psql("SELECT n FROM s.m"), "50");
    from.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlogged_table_of_a_standby_is_named_and_nothing_is_touched() {
    let filled = "CREATE SCHEMA s; CREATE UNLOGGED TABLE s.quick AS SELECT 1 AS a";
    let (from, to) = (standby(filled).await, TestDatabase::create().await);
    to.psql("CREATE SCHEMA s; CREATE TABLE s.old (a int)");
    let report = carry(&request(&from.access(), &to, &["s"])).await;
    assert!(report.outcome.starts_with("failed: source: it is a standby"), "{report:#?}");
    assert!(report.outcome.contains("s.quick"), "{report:#?}");
    assert_eq!(report.schemas[0].state, CarriedState::Untouched);
    assert_eq!(to.psql("SELECT count(*) FROM s.old"), "0");
    from.stop().await;
}

/// It was told as half-copied, and as not to be dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_may_not_be_dropped_is_untouched() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let role = format!("carry_{:08x}", rand::random::<u32>());
    from.psql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a");
    to.psql(&format!(
        "CREATE SCHEMA s; CREATE TABLE s.old (a int); CREATE ROLE {role} LOGIN PASSWORD 'x'"
    ));
    let report = carry(&request(&from, &to.as_role(&role, "x"), &["s"])).await;
    assert_eq!(
        report.outcome, "failed: target: must be owner of schema s (SQLSTATE 42501)",
        "{report:#?}"
    );
    assert_eq!(report.schemas[0].state, CarriedState::Untouched);
    assert_eq!(to.psql("SELECT count(*) FROM s.old"), "0");
    to.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_where_a_long_statement_is_cut_is_not_told() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(&format!(
        "CREATE TABLE public.up (a int); CREATE SCHEMA s; \
         CREATE VIEW s.v AS SELECT a, '{} postgresql://u:{}@h/d' AS b FROM public.up",
        "x".repeat(1900),
        "hush".repeat(50)
    ));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "partial: 1 statement error(s)");
    assert!(!format!("{report:?}").contains("hush"), "{report:#?}");
}
