//! Odd names, odd values, odd sessions.

use stopover_testkit::TestDatabase;

use crate::fixture::{carry, request, rows, schema};

const ODD: &[&str] = &["Größe \"x\".y", "a;b--c", "ALL", "tab\tand\\back", "$1 {z}*?|"];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_quotes_dots_spaces_and_other_letters_are_only_names() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let mut tables = Vec::new();
    for name in ODD {
        let s = quoted(name);
        from.psql(&format!(
            "CREATE SCHEMA {s}; CREATE TYPE {s}.{s} AS ENUM ('ERROR:', 'b'); \
             CREATE SEQUENCE {s}.\"s.q\"; \
             CREATE TABLE {s}.\"t.x \"\"y\" ({s} {s}.{s}, \"a, b\" text, \"C\" int UNIQUE, \
               g int GENERATED ALWAYS AS (\"C\" * 2) STORED); \
             INSERT INTO {s}.\"t.x \"\"y\" SELECT 'ERROR:', E'\\\\.\\n\\\\N\\t' || i, i FROM generate_series(1, 100) i; \
             CREATE INDEX \"ON\" ON {s}.\"t.x \"\"y\" (\"a, b\"); \
             CREATE FUNCTION {s}.\"f (x)\"(a {s}.{s}, \"b c\" numeric DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
             COMMENT ON FUNCTION {s}.\"f (x)\"({s}.{s}, numeric) IS '; Type: TABLE; Schema: x'; \
             CREATE VIEW {s}.\"v; w\" AS SELECT * FROM {s}.\"t.x \"\"y\"; \
             COMMENT ON SCHEMA {s} IS E'it''s \\\\ a'; \
             SELECT nextval('{t}.\"s.q\"')",
            t = s.replace('\'', "''"),
        ));
        tables.push(format!("{s}.\"t.x \"\"y\""));
    }
    // The role's own settings must not be in the way.
    let target = to.database();
    to.psql(&format!(
        "ALTER DATABASE {target} SET search_path = pg_temp; \
         ALTER DATABASE {target} SET standard_conforming_strings = off; \
         ALTER DATABASE {target} SET quote_all_identifiers = on; \
         ALTER DATABASE {target} SET statement_timeout = '1s'; \
         ALTER DATABASE {target} SET default_transaction_isolation = 'serializable'; \
         ALTER DATABASE {target} SET datestyle = 'SQL, DMY'"
    ));
    let report = carry(&request(&from, &to, ODD)).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    to.maintenance().psql(&format!("ALTER DATABASE {target} RESET ALL"));
    let before = schema(&from, ODD).await;
    assert_eq!(before.changes(&schema(&to, ODD).await), []);
    assert!(before.objects.iter().filter(|it| it.kind == "comment").count() >= 2 * ODD.len());
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    assert_eq!(rows(&from, &tables), rows(&to, &tables));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_kind_arrive_as_they_are() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE TABLE s.t (f float8, g float4, i interval, d timestamptz, b bytea, \
           m money, x xml, j json, a text[], r int4range, n numeric, u uuid, k bit(3)); \
         INSERT INTO s.t VALUES \
           (0.1 + 0.2, 1.1, '-1 year -2 mons +3 days -04:05:06.7', '0044-03-15 12:00:00 BC', '\\x00ff5c', \
            12.34, '<a>b</a>', '{\"a\": 1}', ARRAY['a,b', NULL, '\"'], '[1,5)', 'NaN', \
            '00000000-0000-0000-0000-000000000001', '101'), \
           ('-Infinity', 'NaN', NULL, 'infinity', '', NULL, NULL, NULL, '{}', 'empty', 1e-20, NULL, NULL); \
         CREATE TABLE s.none (); INSERT INTO s.none DEFAULT VALUES; INSERT INTO s.none DEFAULT VALUES; \
         CREATE TABLE s.only_generated (a int GENERATED ALWAYS AS (1) STORED); \
         INSERT INTO s.only_generated DEFAULT VALUES; \
         CREATE TABLE s.dropped (a int, b int, c int); INSERT INTO s.dropped VALUES (1, 2, 3); \
         ALTER TABLE s.dropped DROP COLUMN b; \
         CREATE TABLE s.parent (a int); CREATE TABLE s.child (b int) INHERITS (s.parent); \
         ALTER TABLE s.parent ADD COLUMN z text; \
         INSERT INTO s.parent VALUES (1, 'p'); INSERT INTO s.child VALUES (2, 3, 'c'); \
         CREATE UNLOGGED TABLE s.unlogged AS SELECT 1 AS a",
    );
    let server = from.database();
    from.psql(&format!("ALTER DATABASE {server} SET intervalstyle = 'sql_standard'; ALTER DATABASE {server} SET extra_float_digits = 0"));
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    from.psql(&format!("ALTER DATABASE {server} RESET ALL"));
    let named = "(SELECT a, b, z FROM s.child)";
    let tables = ["s.t", "s.dropped", "s.only_generated", "s.parent", named, "s.unlogged"];
    assert_eq!(rows(&from, &tables), rows(&to, &tables));
    assert_eq!(to.psql("SELECT count(*) FROM s.none; SELECT count(*) FROM ONLY s.parent"), "2\n1");
    assert_eq!(schema(&from, &["s"]).await.changes(&schema(&to, &["s"]).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_between_schemas_loops_of_views_and_keys_are_made() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA a; CREATE SCHEMA b; \
         CREATE TABLE a.t (id int PRIMARY KEY, other int); \
         CREATE TABLE b.u (id int PRIMARY KEY, t int REFERENCES a.t DEFERRABLE, self int REFERENCES b.u); \
         INSERT INTO a.t VALUES (1, 1); INSERT INTO b.u VALUES (1, 1, 1); \
         ALTER TABLE a.t ADD FOREIGN KEY (other) REFERENCES b.u; \
         CREATE VIEW a.grouped AS SELECT t.id, t.other FROM a.t GROUP BY t.id; \
         CREATE VIEW b.base AS SELECT 1 AS x; CREATE VIEW a.over AS SELECT x FROM b.base; \
         CREATE OR REPLACE VIEW b.base AS SELECT 1 AS x, (SELECT max(other) FROM a.grouped) AS y; \
         CREATE FUNCTION a.f() RETURNS SETOF b.u LANGUAGE sql BEGIN ATOMIC SELECT * FROM b.u; END; \
         CREATE TABLE a.part (id int, k int) PARTITION BY LIST (k); \
         CREATE TABLE b.part1 PARTITION OF a.part FOR VALUES IN (1); \
         ALTER TABLE a.part ADD PRIMARY KEY (id, k); INSERT INTO a.part VALUES (5, 1); \
         CREATE TABLE b.refs (id int, k int, FOREIGN KEY (id, k) REFERENCES a.part); \
         INSERT INTO b.refs VALUES (5, 1)",
    );
    let report = carry(&request(&from, &to, &["a", "b"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    assert_eq!(schema(&from, &["a", "b"]).await.changes(&schema(&to, &["a", "b"]).await), []);
    let tables = ["a.t", "b.u", "b.part1", "b.refs"];
    assert_eq!(rows(&from, &tables), rows(&to, &tables));
}

/// More data than any buffer holds, in rows that are larger than one, and many small tables.
#[tokio::test(flavor = "multi_thread")]
async fn large_rows_and_many_tables_arrive_whole() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql(
        "CREATE SCHEMA s; CREATE TABLE s.large AS SELECT i, repeat(md5(i::text), 40000) AS t FROM generate_series(1, 12) i; \
         CREATE TABLE s.many AS SELECT i, md5(i::text) AS t FROM generate_series(1, 200000) i; \
         CREATE INDEX ON s.many (t); ALTER TABLE s.many ADD PRIMARY KEY (i); \
         DO $$ BEGIN FOR n IN 1..120 LOOP \
           EXECUTE format('CREATE TABLE s.t%s (id serial PRIMARY KEY, a int)', n); \
           EXECUTE format('INSERT INTO s.t%s (a) SELECT generate_series(1, %s)', n, n); \
         END LOOP; END $$",
    );
    let report = carry(&request(&from, &to, &["s"])).await;
    assert_eq!(report.outcome, "success", "{report:#?}");
    let tables = ["s.large", "s.many", "s.t1", "s.t120"];
    assert_eq!(rows(&from, &tables), rows(&to, &tables));
    assert_eq!(report.rows(), 12 + 200_000 + (1..=120).sum::<u64>());
}
