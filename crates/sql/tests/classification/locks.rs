//! What statements lock. The modes of all that can run in a transaction were compared with what a
//! PostgreSQL 15 server shows in `pg_locks` after them.

use stopover_sql::{LockMode, classify};

/// The locks as `mode relation`, modes by their initials: AS RS RX SUX S SRX X AX.
fn locks(statement: &str) -> String {
    let claims = classify(statement).locks;
    let shown: Vec<String> =
        claims.iter().map(|claim| format!("{} {}", initials(claim.mode), claim.relation)).collect();
    shown.join(", ")
}

fn initials(mode: LockMode) -> &'static str {
    match mode {
        LockMode::AccessShare => "AS",
        LockMode::RowShare => "RS",
        LockMode::RowExclusive => "RX",
        LockMode::ShareUpdateExclusive => "SUX",
        LockMode::Share => "S",
        LockMode::ShareRowExclusive => "SRX",
        LockMode::Exclusive => "X",
        LockMode::AccessExclusive => "AX",
    }
}

#[track_caller]
fn check_locks(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter(|(statement, expected)| locks(statement) != *expected)
        .map(|(statement, expected)| {
            format!("{statement}\n    expected {expected}\n    found    {}", locks(statement))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_action_of_alter_table_has_its_own_lock() {
    check_locks(&[
        ("ALTER TABLE t ADD COLUMN c int", "AX t"),
        ("alter table if exists S.T * add c numeric(10, 2) default 1", "AX s.t"),
        ("ALTER TABLE \"T\".\"t\" DROP COLUMN c", "AX \"T\".t"),
        ("ALTER TABLE t ALTER COLUMN c TYPE bigint USING c::bigint", "AX t"),
        ("ALTER TABLE t ALTER c SET DEFAULT 1", "AX t"),
        ("ALTER TABLE t ALTER c SET NOT NULL", "AX t"),
        ("ALTER TABLE t ALTER c SET STORAGE EXTERNAL", "AX t"),
        ("ALTER TABLE t ALTER c SET STATISTICS 100", "SUX t"),
        ("ALTER TABLE t ALTER COLUMN c SET (n_distinct = 5)", "SUX t"),
        ("ALTER TABLE t ALTER COLUMN c RESET (n_distinct)", "SUX t"),
        ("ALTER TABLE t VALIDATE CONSTRAINT k", "SUX t"),
        ("ALTER TABLE t VALIDATE CONSTRAINT k, ALTER c SET STATISTICS 1", "SUX t"),
        ("ALTER TABLE t VALIDATE CONSTRAINT k, DROP COLUMN c", "AX t"),
        ("ALTER TABLE t CLUSTER ON i", "SUX t"),
        ("ALTER TABLE t SET WITHOUT CLUSTER", "SUX t"),
        ("ALTER TABLE t SET (fillfactor = 70, autovacuum_enabled = false)", "SUX t"),
        ("ALTER TABLE t SET (toast.autovacuum_enabled = false)", "SUX t"),
        ("ALTER TABLE t RESET (fillfactor)", "SUX t"),
        ("ALTER TABLE t SET (user_catalog_table = true, fillfactor = 70)", "AX t"),
        ("ALTER TABLE t ENABLE TRIGGER g", "SRX t"),
        ("ALTER TABLE t DISABLE TRIGGER ALL", "SRX t"),
        ("ALTER TABLE t ENABLE ALWAYS TRIGGER g", "SRX t"),
        ("ALTER TABLE t DISABLE RULE r", "AX t"),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "AX t"),
        ("ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID", "AX t"),
        ("ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i", "AX t"),
        ("ALTER TABLE t ADD PRIMARY KEY (a)", "AX t"),
        ("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.o (i)", "SRX t, SRX s.o"),
        ("ALTER TABLE ONLY t ADD FOREIGN KEY (a) REFERENCES o NOT VALID", "SRX t, SRX o"),
        ("ALTER TABLE t ADD COLUMN c int REFERENCES o ON DELETE CASCADE", "AX t, SRX o"),
        ("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES t", "SRX t"),
        ("ALTER TABLE t DROP CONSTRAINT k", "AX t"),
        ("ALTER TABLE t RENAME TO u", "AX t"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "AX t"),
        ("ALTER TABLE t SET SCHEMA s", "AX t"),
        ("ALTER TABLE t OWNER TO r", "AX t"),
        ("ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1)", "SUX p, AX c"),
        ("ALTER TABLE p DETACH PARTITION c", "AX p, AX c"),
        ("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", "SUX p, AX c"),
        ("ALTER TABLE p DETACH PARTITION c FINALIZE", "SUX p, AX c"),
        ("ALTER TABLE t INHERIT p", "AX t, SUX p"),
        ("ALTER TABLE t NO INHERIT p", "AX t, AS p"),
        ("ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b", ""),
        ("ALTER FOREIGN TABLE t ADD COLUMN c int", "AX t"),
        ("ALTER MATERIALIZED VIEW m SET (fillfactor = 70)", "SUX m"),
    ]);
}

#[test]
fn other_changes_of_the_schema_lock_what_they_change() {
    check_locks(&[
        ("CREATE TABLE t (a int)", ""),
        (
            "CREATE TABLE t (a int REFERENCES o (i), FOREIGN KEY (a) REFERENCES s.p)",
            "SRX o, SRX s.p",
        ),
        ("CREATE TABLE t (a int, b int REFERENCES t)", ""),
        ("CREATE TABLE t (LIKE o INCLUDING ALL)", "AS o"),
        ("CREATE TABLE t (a int) INHERITS (p, q)", "SUX p, SUX q"),
        ("CREATE UNLOGGED TABLE IF NOT EXISTS t PARTITION OF p FOR VALUES IN (1)", "AX p"),
        ("CREATE TABLE t (a int GENERATED ALWAYS AS (1) STORED) PARTITION BY RANGE (a)", ""),
        ("CREATE TABLE t AS SELECT * FROM a JOIN b USING (i)", "AS a, AS b"),
        ("CREATE TABLE t AS TABLE a WITH NO DATA", "AS a"),
        ("DROP TABLE a, s.b CASCADE", "AX a, AX s.b"),
        ("DROP TABLE IF EXISTS a RESTRICT", "AX a"),
        ("TRUNCATE ONLY a, b RESTART IDENTITY", "AX a, AX b"),
        ("CREATE INDEX ON t (a)", "S t"),
        ("CREATE UNIQUE INDEX IF NOT EXISTS i ON ONLY s.t USING btree (lower(a)) WHERE a", "S s.t"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "SUX t"),
        ("DROP INDEX i, j", "AX i, AX j"),
        ("DROP INDEX CONCURRENTLY IF EXISTS s.i", "SUX s.i"),
        ("ALTER INDEX i RENAME TO j", "SUX i"),
        ("ALTER INDEX i SET (fillfactor = 70)", "SUX i"),
        ("ALTER INDEX i SET (fastupdate = off)", "AX i"),
        ("ALTER INDEX i SET TABLESPACE x", "AX i"),
        ("ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 5", "SUX i"),
        ("ALTER INDEX i ATTACH PARTITION j", "SUX i, AX j"),
        ("CREATE VIEW v AS SELECT 1 FROM a", "AS a"),
        (
            "CREATE OR REPLACE VIEW s.v (x) WITH (security_barrier) AS SELECT 1 FROM a",
            "AX s.v, AS a",
        ),
        ("ALTER VIEW v RENAME TO w", "AX v"),
        ("DROP VIEW v", "AX v"),
        ("CREATE MATERIALIZED VIEW m AS SELECT * FROM a", "AS a"),
        ("REFRESH MATERIALIZED VIEW m", "AX m"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY s.m WITH DATA", "X s.m"),
        ("DROP MATERIALIZED VIEW m", "AX m"),
        ("ALTER SEQUENCE s RESTART", "SRX s"),
        ("ALTER SEQUENCE s OWNER TO r", "AX s"),
        ("ALTER SEQUENCE s OWNED BY t.c", "SRX s, AS t"),
        ("CREATE SEQUENCE s OWNED BY s.t.c", "AS s.t"),
        ("CREATE SEQUENCE s OWNED BY NONE", ""),
        ("DROP SEQUENCE s", "AX s"),
        (
            "CREATE TRIGGER g BEFORE INSERT OR UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f()",
            "SRX t",
        ),
        (
            "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FROM o FOR EACH ROW EXECUTE FUNCTION f()",
            "SRX t, AS o",
        ),
        ("ALTER TRIGGER g ON t RENAME TO h", "AX t"),
        ("DROP TRIGGER IF EXISTS g ON s.t", "AX s.t"),
        ("CREATE OR REPLACE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", "AX t"),
        ("DROP RULE r ON t", "AX t"),
        ("CREATE POLICY p ON t USING (true)", "AX t"),
        ("ALTER POLICY p ON t TO r", "AX t"),
        ("DROP POLICY p ON t", "AX t"),
        ("CREATE STATISTICS x ON a, b FROM t", "SUX t"),
        ("CREATE PUBLICATION p FOR TABLE a, b (x), TABLE c", "SUX a, SUX b, SUX c"),
        ("COMMENT ON TABLE s.t IS 'x'", "SUX s.t"),
        ("COMMENT ON COLUMN s.t.c IS 'x'", "SUX s.t"),
        ("COMMENT ON CONSTRAINT k ON t IS 'x'", "AS t"),
        ("COMMENT ON CONSTRAINT k ON DOMAIN d IS 'x'", ""),
        ("COMMENT ON FUNCTION f(t) IS 'x'", ""),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM t'", ""),
        ("GRANT SELECT ON t TO r", ""),
    ]);
}

#[test]
fn upkeep_locks_its_tables() {
    check_locks(&[
        ("VACUUM", ""),
        ("VACUUM t, s.u (a, b)", "SUX t, SUX s.u"),
        ("VACUUM FULL t", "AX t"),
        ("VACUUM (VERBOSE, FULL) t", "AX t"),
        ("VACUUM (FULL off, ANALYZE) t", "SUX t"),
        ("VACUUM FREEZE VERBOSE ANALYZE t", "SUX t"),
        ("ANALYZE VERBOSE t (a), u", "SUX t, SUX u"),
        ("CLUSTER t USING i", "AX t"),
        ("CLUSTER VERBOSE t", "AX t"),
        ("CLUSTER i ON t", "AX t"),
        ("REINDEX TABLE t", "S t"),
        ("REINDEX INDEX i", "AX i"),
        ("REINDEX TABLE CONCURRENTLY t", "SUX t"),
        ("REINDEX (CONCURRENTLY, VERBOSE) INDEX i", "SUX i"),
        ("LOCK t", "AX t"),
        ("LOCK TABLE ONLY a, s.b * IN SHARE ROW EXCLUSIVE MODE NOWAIT", "SRX a, SRX s.b"),
        ("LOCK TABLE a IN access share MODE", "AS a"),
    ]);
}

#[test]
fn queries_lock_what_they_read_and_write() {
    check_locks(&[
        ("SELECT 1", ""),
        (
            "SELECT * FROM a, s.b AS x, ONLY (c) JOIN d ON a.i = d.i, e",
            "AS a, AS s.b, AS c, AS d, AS e",
        ),
        ("SELECT * FROM (a CROSS JOIN b) NATURAL JOIN c", "AS a, AS b, AS c"),
        (
            "SELECT (SELECT 1 FROM b WHERE x = a.y) FROM a WHERE EXISTS (SELECT FROM c)",
            "AS b, AS c, AS a",
        ),
        ("SELECT * FROM f(1), generate_series(1, 2) g, LATERAL (SELECT 1 FROM a) x", "AS a"),
        ("SELECT extract(year FROM d), substring(x from 2), trim(both from y) FROM a", "AS a"),
        ("SELECT a IS DISTINCT FROM b, c IS NOT DISTINCT FROM d FROM t", "AS t"),
        ("SELECT 1 FROM a UNION ALL SELECT 2 FROM b ORDER BY 1, c", "AS a, AS b"),
        (
            "WITH x AS (SELECT * FROM a), y (i) AS NOT MATERIALIZED (TABLE b) SELECT * FROM x, y, c",
            "AS a, AS b, AS c",
        ),
        ("WITH RECURSIVE update AS (SELECT 1) SELECT * FROM update", ""),
        ("TABLE a", "AS a"),
        ("(SELECT * FROM a) EXCEPT (SELECT * FROM b)", "AS a, AS b"),
        ("SELECT * FROM a JOIN b USING (i) FOR UPDATE", "RS a, RS b"),
        (
            "SELECT * FROM s.a JOIN b y USING (i), c FOR NO KEY UPDATE OF a, y SKIP LOCKED",
            "RS s.a, RS b, AS c",
        ),
        ("SELECT * FROM a FOR SHARE OF a FOR KEY SHARE", "RS a"),
        ("SELECT * INTO n FROM a", "AS a"),
        ("INSERT INTO s.t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", "RX s.t"),
        ("INSERT INTO t SELECT * FROM a", "RX t, AS a"),
        (
            "UPDATE ONLY t x SET a = 1, b = (SELECT 1 FROM c) FROM d, e WHERE true",
            "RX t, AS c, AS d, AS e",
        ),
        ("DELETE FROM t USING a JOIN b USING (i) WHERE t.i = a.i", "RX t, AS a, AS b"),
        (
            "MERGE INTO t USING (SELECT * FROM a) s ON t.i = s.i WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)",
            "RX t, AS a",
        ),
        ("WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d", "RX a, RX b"),
        ("COPY t (a) FROM stdin", "RX t"),
        ("COPY s.t TO stdout", "AS s.t"),
        ("COPY (SELECT * FROM a) TO stdout", "AS a"),
        ("EXPLAIN (ANALYZE, BUFFERS) DELETE FROM t", "RX t"),
        ("EXPLAIN ANALYZE VERBOSE SELECT * FROM a", "AS a"),
        ("PREPARE p (int) AS UPDATE t SET a = $1", "RX t"),
        ("DECLARE c CURSOR FOR SELECT * FROM a FOR UPDATE", "RS a"),
        ("SELECT 'FROM x', \"from\" FROM \"A b\".\"c\"", "AS \"A b\".c"),
    ]);
}

#[test]
fn lock_modes_are_ordered_and_named_as_in_the_catalog() {
    assert!(LockMode::AccessShare < LockMode::RowShare);
    assert!(LockMode::Exclusive < LockMode::AccessExclusive);
    assert_eq!(LockMode::ShareUpdateExclusive.to_string(), "ShareUpdateExclusiveLock");
}
