//! What lives and what is lost.

use stopover_backend::Privileges;
use stopover_model::report::CarriedState;
use stopover_testkit::TestDatabase;

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
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_counted_as_psql_counts_them() {
    let (from, to, other) = (source().await, upstream().await, upstream().await);
    let change = "ALTER TABLE customers RENAME COLUMN region TO area; DROP TABLE refunds; \
                  ALTER TABLE orders RENAME COLUMN total TO sum";
    to.psql(change);
    other.psql(change);
    let report = carry(&request(&from, &to, BOTH)).await;
    let script = from.pg_dump(&["-n", "marts", "-n", "staging", "--no-owner"]);
    let file = std::env::temp_dir().join(format!("stopover-carry-{}.sql", rand::random::<u64>()));
    std::fs::write(&file, script).unwrap();
    let said = other.run(
        stopover_scratch::binaries::Program::Psql,
        &["-X", "-q", "-f", file.to_str().unwrap()],
    );
    std::fs::remove_file(&file).unwrap();
    let counted = said.errors.lines().filter(|it| it.contains("ERROR:  ")).count();
    assert_eq!(report.errors.len(), counted, "{:#?}\n{}", told(&report.errors), said.errors);
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
