//! What lives and what is lost.

use stopover_backend::Privileges;
use stopover_model::report::CarriedState;
use stopover_scratch::binaries::Program;
use stopover_testkit::{Access, TestDatabase};

use crate::fixture::{
    SCHEMAS, TABLES, UPSTREAM, carry, request, rows, schema, source, told, upstream,
};

const BOTH: &[&str] = &["marts", "staging"];

#[tokio::test(flavor = "multi_thread")]
async fn without_changes_upstream_everything_is_there_and_the_same() {
    let (from, to) = (source().await, upstream().await);
    // What was there before is dropped.
    to.psql(
        "CREATE SCHEMA marts; CREATE TABLE marts.old (a int); CREATE VIEW marts.daily AS SELECT 1",
    );
    let report = carry(&request(&from, &to, BOTH)).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    let (before, after) = (schema(&from, BOTH).await, schema(&to, BOTH).await);
    assert!(before.objects.len() >= 40, "{}", before.objects.len());
    assert_eq!(before.changes(&after), []);
    assert_eq!(before.checksum, after.checksum);
    assert_eq!(rows(&from, TABLES), rows(&to, TABLES));
    let views = &["marts.daily", "marts.weekly", "marts.region_copy"];
    assert_eq!(rows(&from, views), rows(&to, views));
    let positions = "SELECT last_value, is_called FROM marts.tickets UNION ALL \
        SELECT last_value, is_called FROM staging.raw_id_seq UNION ALL \
        SELECT last_value, is_called FROM marts.numbered_id_seq";
    assert_eq!(from.psql(positions), to.psql(positions));
    let objects = report.objects.unwrap();
    assert_eq!((objects.same, objects.lost, objects.changed), (objects.source, 0, 0));
    assert_eq!(report.tables.len(), TABLES.len());
    assert!(report.tables.iter().all(|it| it.rows_from == it.rows_to), "{:#?}", report.tables);
    assert!(report.schemas.iter().all(|it| it.state == CarriedState::Complete));
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstream_took_away_is_lost_and_everything_else_lives() {
    let (from, to) = (source().await, upstream().await);
    to.psql("ALTER TABLE customers RENAME COLUMN region TO area; DROP TABLE refunds");
    let report = carry(&request(&from, &to, BOTH)).await;
    assert_eq!(
        told(&report.errors),
        [
            ("42703", "view marts.regions"),
            ("42P01", "view marts.big_regions"),
            ("42P01", "comment on VIEW marts.big_regions"),
            ("42P01", "view marts.refunded"),
            ("42P01", "materialized view marts.region_copy"),
            ("42P01", "constraint marts.refund_notes.refund_notes_refund_id_fkey"),
            ("42P01", "rows of materialized view marts.region_copy"),
            ("42P01", "index marts.region_copy_region"),
        ],
        "{:#?}",
        report.errors
    );
    assert_eq!(report.outcome, "partial: 8 statement error(s)");
    let lost = &report.errors[0].lost;
    for object in [
        "view marts.regions",
        "view marts.big_regions",
        "materialized view marts.region_copy",
        "index marts.region_copy_region",
    ] {
        assert!(lost.iter().any(|it| it == object), "{object}: {lost:?}");
    }
    assert!(report.errors[0].message.contains("region"), "{:?}", report.errors[0]);
    // Everything else is the same as in the source.
    let missing: Vec<String> = schema(&from, BOTH)
        .await
        .changes(&schema(&to, BOTH).await)
        .iter()
        .map(|it| format!("{} {}", it.kind, it.identity))
        .collect();
    assert_eq!(
        missing,
        [
            "comment view marts.big_regions",
            "constraint marts.refund_notes.refund_notes_refund_id_fkey",
            "index marts.region_copy_region",
            "materialized view marts.region_copy",
            "view marts.big_regions",
            "view marts.refunded",
            "view marts.regions",
        ]
    );
    assert_eq!(rows(&from, TABLES), rows(&to, TABLES));
    let state = |name: &str| report.schemas.iter().find(|it| it.name == name).unwrap().state;
    assert_eq!((state("marts"), state("staging")), (CarriedState::Partial, CarriedState::Complete));
    assert_eq!(report.findings.iter().filter(|it| it.code == "carry-partial").count(), 1);
}

/// As many errors as psql tells where it goes on after each: dependents are counted too.
async fn counts_like_psql(from: &Access, to: &Access, other: &Access, schemas: &[&str]) {
    let report = carry(&request(from, to, schemas)).await;
    let mut arguments = vec!["--no-owner", "--no-privileges"];
    arguments.extend(schemas.iter().flat_map(|it| ["-n", it]));
    let script = from.pg_dump(&arguments);
    let file = std::env::temp_dir().join(format!("stopover-carry-{}.sql", rand::random::<u64>()));
    std::fs::write(&file, script).unwrap();
    let said = other.run(Program::Psql, &["-X", "-q", "-f", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    let counted = said.errors.lines().filter(|it| it.contains("ERROR:  ")).count();
    assert_eq!(report.errors.len(), counted, "{:#?}\n{}", told(&report.errors), said.errors);
    assert_eq!(report.outcome, format!("partial: {counted} statement error(s)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_counted_as_psql_counts_them() {
    let (from, to, other) = (source().await, upstream().await, upstream().await);
    let change = "ALTER TABLE customers RENAME COLUMN region TO area; DROP TABLE refunds; \
                  ALTER TABLE orders RENAME COLUMN total TO sum";
    to.psql(change);
    other.psql(change);
    counts_like_psql(&from, &to, &other, BOTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_made_takes_all_that_is_on_it() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE TYPE public.mood AS ENUM ('fine'); CREATE SCHEMA s; CREATE TYPE s.pair AS (a public.mood); \
         CREATE TABLE s.t (id serial PRIMARY KEY, m public.mood DEFAULT 'fine', p s.pair, n int DEFAULT 5, UNIQUE (n)); \
         INSERT INTO s.t DEFAULT VALUES; CREATE INDEX ON s.t (m); CREATE STATISTICS s.st ON m, n FROM s.t; \
         COMMENT ON TABLE s.t IS 'lost'; COMMENT ON COLUMN s.t.m IS 'lost'; COMMENT ON TYPE s.pair IS 'lost'; \
         CREATE FUNCTION s.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER touched BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION s.touch(); \
         ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.t USING (n > 0); \
         CREATE TABLE s.refers (a int REFERENCES s.t); CREATE VIEW s.v AS SELECT * FROM s.t; \
         CREATE FUNCTION s.f(public.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         COMMENT ON FUNCTION s.f(public.mood) IS 'lost'; \
         CREATE TABLE s.part (m public.mood, i int PRIMARY KEY) PARTITION BY RANGE (i); \
         CREATE TABLE s.part1 PARTITION OF s.part FOR VALUES FROM (0) TO (9); CREATE INDEX ON s.part (m); \
         CREATE TABLE s.kept (a int); INSERT INTO s.kept VALUES (1)",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    let counted = report.errors.len();
    assert_eq!(report.outcome, format!("partial: {counted} statement error(s)"), "{report:#?}");
    assert!(counted > 20, "{counted}");
    assert_eq!(to.psql("SELECT * FROM s.kept; SELECT count(*) FROM s.refers"), "1\n0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_whose_every_object_fails_is_partial() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE TABLE base (a int); CREATE SCHEMA s; CREATE VIEW s.v AS SELECT a FROM base; \
         CREATE VIEW s.w AS SELECT a FROM s.v",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "partial: 2 statement error(s)");
    assert_eq!(to.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 's'"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_cost_the_rows_of_their_table_and_no_other() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let function = |limit: u32| {
        format!(
            "CREATE FUNCTION public.fits(int) RETURNS bool LANGUAGE sql IMMUTABLE \
             AS 'SELECT $1 < {limit}'"
        )
    };
    from.psql(&format!(
        "{}; CREATE SCHEMA s; CREATE TABLE s.t (a int CHECK (public.fits(a))); \
         CREATE TABLE s.u (a int); CREATE VIEW s.v AS SELECT * FROM s.t; \
         INSERT INTO s.t SELECT generate_series(1, 50000); INSERT INTO s.u VALUES (1)",
        function(100_000)
    ));
    to.psql(&function(40_000));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(told(&report.errors), [("23514", "rows of table s.t")]);
    assert_eq!(report.outcome, "partial: 1 statement error(s)");
    assert_eq!(to.psql("SELECT count(*) FROM s.v; SELECT count(*) FROM s.u"), "0\n1");
    let t = report.tables.iter().find(|it| it.relation == "s.t").unwrap();
    assert_eq!((t.rows_from, t.rows_to), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_grants_come_when_asked_for() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let role = format!("carry_{:08x}", rand::random::<u32>());
    from.psql(&format!("CREATE ROLE {role}"));
    from.psql(&format!(
        "CREATE SCHEMA s; CREATE TABLE s.t (a int); ALTER TABLE s.t OWNER TO {role}; \
         CREATE TABLE s.u (a int); GRANT SELECT ON s.u TO {role}; GRANT USAGE ON SCHEMA s TO {role}"
    ));
    let who = "SELECT relname || ' ' || (relowner = 10)::text || ' ' || (relacl IS NULL)::text \
               FROM pg_class WHERE relnamespace = 's'::regnamespace ORDER BY 1";
    let plain = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(plain.outcome, "success");
    assert_eq!(to.psql(who), "t true true\nu true true");
    let mut asked = request(&from, &to, &["s"]);
    asked.owners = Privileges::Included;
    asked.privileges = Privileges::Included;
    let full = carry(&asked).await;
    assert_eq!(full.outcome, "success", "{full:#?}");
    assert!(full.findings.is_empty(), "{full:#?}");
    assert_eq!(to.psql(who), from.psql(who));
    for database in [&from, &to] {
        database.psql(&format!("DROP OWNED BY {role} CASCADE"));
    }
    from.psql(&format!("DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_right_by_itself_is_tried_again() {
    // The body of a function is not looked at when it is made: pg_dump knows nothing of what it
    // reads, and the view's rows need it.
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE FUNCTION s.last() RETURNS bigint LANGUAGE plpgsql AS \
           $$ BEGIN RETURN (SELECT count(*) FROM s.z_later); END $$; \
         CREATE MATERIALIZED VIEW s.z_later AS SELECT 1 AS a; \
         CREATE MATERIALIZED VIEW s.first AS SELECT s.last() AS n; \
         CREATE MATERIALIZED VIEW s.second AS SELECT n FROM s.first;",
    );
    from.psql(
        "DROP MATERIALIZED VIEW s.z_later; CREATE MATERIALIZED VIEW s.z_later AS SELECT 1 AS a",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    assert_eq!(to.psql("SELECT n FROM s.second"), "1");
    assert!(report.passes > 1, "{}", report.passes);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_carry_twice_gives_the_same() {
    let (from, to) = (source().await, upstream().await);
    carry(&request(&from, &to, BOTH)).await;
    let first = schema(&to, BOTH).await;
    let report = carry(&request(&from, &to, BOTH)).await;
    assert_eq!(report.outcome, "success");
    assert_eq!(schema(&to, BOTH).await.checksum, first.checksum);
    assert_eq!(rows(&from, TABLES), rows(&to, TABLES));
    assert!(SCHEMAS.contains("ERROR:") && !UPSTREAM.contains("ERROR:"));
}

/// Nothing failed, and yet it is not what the source has: only the comparison can know.
#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_without_an_error_is_found_by_the_comparison() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT generate_series(1, 100) a; CREATE VIEW s.v AS SELECT 1 AS a");
    let on = |tag: &str, body: &str| {
        format!(
            "CREATE FUNCTION public.meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; \
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION public.meddle()"
        )
    };
    to.psql(&on("CREATE VIEW", "DROP VIEW s.v;"));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(
        report.outcome,
        "failed: the copy is not what the source is: view s.v is not in the target"
    );
    assert_eq!(report.schemas[0].state, CarriedState::HalfCopied);
    let mark = to.psql("SELECT obj_description('s'::regnamespace)");
    assert!(mark.starts_with("half-copied"), "{mark}");
    to.psql("DROP EVENT TRIGGER meddle; DROP FUNCTION public.meddle()");
    to.psql(
        "CREATE FUNCTION public.half() RETURNS trigger LANGUAGE plpgsql AS \
           $$ BEGIN IF NEW.a > 50 THEN RETURN NULL; END IF; RETURN NEW; END $$",
    );
    let body = "CREATE TRIGGER h BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION public.half();";
    to.psql(&on("CREATE TABLE", body));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(
        report.outcome,
        "failed: the copy is not what the source is: table s.t has 100 rows in the source and 50 in \
         the target"
    );
}

/// A view over a column that has another type by now lives, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_there_but_not_the_same_is_a_warning() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE TABLE up (a int); CREATE SCHEMA s; CREATE VIEW s.v AS SELECT a FROM up");
    to.psql("CREATE TABLE up (a bigint)");
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success");
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].code, "carry-changed");
    assert!(report.findings[0].message.contains("view s.v"), "{:?}", report.findings[0]);
    assert_eq!(report.objects.map(|it| (it.changed, it.lost)), Some((1, 0)));
}
