//! What statements are, need and lock.

mod locks;

use stopover_sql::{TransactionControl, TransactionNeed, classify};

#[test]
fn tags_are_those_of_postgresql() {
    for (statement, tag) in [
        (
            "create or replace function f() returns int begin atomic select 1; end",
            "CREATE FUNCTION",
        ),
        ("CREATE TEMP TABLE t (a int)", "CREATE TABLE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"),
        ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX"),
        ("CREATE EXTENSION IF NOT EXISTS x", "CREATE EXTENSION"),
        ("CREATE USER u", "CREATE ROLE"),
        ("CREATE USER MAPPING FOR u SERVER s", "CREATE USER MAPPING"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO u", "ALTER DEFAULT PRIVILEGES"),
        ("CREATE DEFAULT CONVERSION c FOR 'a' TO 'b' FROM f", "CREATE CONVERSION"),
        ("CREATE TRUSTED PROCEDURAL LANGUAGE l", "CREATE LANGUAGE"),
        ("ALTER OPERATOR CLASS o USING btree RENAME TO p", "ALTER OPERATOR CLASS"),
        ("ALTER TEXT SEARCH DICTIONARY d (a = b)", "ALTER TEXT SEARCH DICTIONARY"),
        ("ALTER TYPE t ADD VALUE 'x'", "ALTER TYPE"),
        ("DROP OWNED BY u", "DROP OWNED"),
        ("CREATE SCHEMA s", "CREATE SCHEMA"),
        ("CREATE SEQUENCE s", "CREATE SEQUENCE"),
        ("DO $$ BEGIN END $$", "DO"),
        ("-- c\n/* d */ insert into t values (1)", "INSERT"),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 1", "UPDATE"),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x", "SELECT"),
        ("VALUES (1)", "SELECT"),
        ("SELECT a INTO t FROM u", "SELECT INTO"),
        ("((SELECT 1))", "SELECT"),
        ("END", "COMMIT"),
        ("ABORT", "ROLLBACK"),
        ("TRUNCATE t", "TRUNCATE TABLE"),
        ("SET search_path = x", "SET"),
        ("SET CONSTRAINTS ALL DEFERRED", "SET CONSTRAINTS"),
        ("GRANT SELECT ON t TO u", "GRANT"),
        ("GRANT a TO b", "GRANT ROLE"),
        ("REVOKE a FROM b", "REVOKE ROLE"),
        ("CALL p()", "CALL"),
        ("COMMENT ON TYPE t IS 'x'", "COMMENT"),
        ("CLOSE ALL", "CLOSE CURSOR ALL"),
        ("DISCARD TEMPORARY", "DISCARD TEMP"),
        ("FROBNICATE t", "FROBNICATE"),
        ("\"select\" 1", "\"SELECT\""),
        ("", ""),
    ] {
        assert_eq!(classify(statement).tag, tag, "{statement}");
    }
}

#[test]
fn some_statements_need_to_be_outside_of_a_transaction() {
    for statement in [
        "CREATE INDEX CONCURRENTLY ON t (a)",
        "create unique index /* c */ concurrently if not exists i on t (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX (VERBOSE, CONCURRENTLY true) INDEX i",
        "REINDEX DATABASE d",
        "REINDEX SYSTEM d",
        "REINDEX SCHEMA s",
        "VACUUM (ANALYZE) t",
        "CREATE DATABASE d",
        "DROP DATABASE d",
        "ALTER DATABASE d SET TABLESPACE x",
        "CREATE TABLESPACE x LOCATION '/x'",
        "DROP TABLESPACE x",
        "ALTER SYSTEM SET a = 1",
        "ALTER TABLE p DETACH PARTITION c CONCURRENTLY",
        "CLUSTER",
        "CLUSTER VERBOSE",
        "DISCARD ALL",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
        "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "ALTER SUBSCRIPTION s SET PUBLICATION p",
        "DROP SUBSCRIPTION s",
        "COMMIT PREPARED 'x'",
        "ROLLBACK PREPARED 'x'",
    ] {
        let need = classify(statement).transaction;
        let TransactionNeed::Outside { reason } = need else { panic!("{statement}: {need:?}") };
        assert!(reason.ends_with("cannot run inside a transaction block"), "{reason}");
    }
}

#[test]
fn all_others_may_be_inside() {
    for statement in [
        "CREATE INDEX concurrently_made ON t (a)",
        "CREATE INDEX \"concurrently\" ON t (a)",
        "DROP INDEX i",
        "REINDEX TABLE t",
        "REINDEX (CONCURRENTLY false) INDEX i",
        "ANALYZE t",
        "CLUSTER t",
        "ALTER TYPE t ADD VALUE 'x'",
        "ALTER TABLE p DETACH PARTITION c",
        "ALTER TABLE p DETACH PARTITION c FINALIZE",
        "ALTER DATABASE d SET work_mem = 1",
        "DISCARD TEMP",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = false)",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = 'off')",
        "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
        "ALTER SUBSCRIPTION s DISABLE",
        "INSERT INTO t VALUES ('VACUUM')",
    ] {
        assert_eq!(classify(statement).transaction, TransactionNeed::Either, "{statement}");
    }
}

#[test]
fn a_new_enum_value_has_a_caveat() {
    assert!(classify("ALTER TYPE s.t ADD VALUE IF NOT EXISTS 'x' AFTER 'y'").caveat.is_some());
    assert_eq!(classify("ALTER TYPE t RENAME VALUE 'x' TO 'y'").caveat, None);
}

#[test]
fn transaction_control_is_recognised_in_all_spellings() {
    use TransactionControl::*;
    for (statement, control) in [
        ("BEGIN", Begin),
        ("begin work isolation level serializable", Begin),
        ("START TRANSACTION READ ONLY", Begin),
        ("COMMIT", Commit),
        ("END TRANSACTION", Commit),
        ("COMMIT AND CHAIN", Commit),
        ("ROLLBACK AND NO CHAIN", Rollback),
        ("ABORT", Rollback),
        ("ROLLBACK WORK TO SAVEPOINT s", RollbackTo),
        ("ROLLBACK TO s", RollbackTo),
        ("SAVEPOINT s", Savepoint),
        ("RELEASE s", ReleaseSavepoint),
        ("PREPARE TRANSACTION 'x'", PrepareTransaction),
        ("COMMIT PREPARED 'x'", CommitPrepared),
        ("ROLLBACK PREPARED 'x'", RollbackPrepared),
        ("SET TRANSACTION READ ONLY", SetTransaction),
        ("SET LOCAL TRANSACTION READ ONLY", SetTransaction),
    ] {
        assert_eq!(classify(statement).control, Some(control), "{statement}");
    }
    for statement in [
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "PREPARE p AS SELECT 1",
        "SELECT 'COMMIT'",
        "SET transaction_isolation = 'serializable'",
    ] {
        assert_eq!(classify(statement).control, None, "{statement}");
    }
}

#[test]
fn what_is_not_closed_is_classified_all_the_same() {
    for (statement, tag) in [("SET \"", "SET"), ("SELECT '", "SELECT"), ("COPY t FROM \"", "COPY")]
    {
        assert_eq!(classify(statement).tag, tag);
    }
}
