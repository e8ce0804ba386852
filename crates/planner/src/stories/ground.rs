//! Scripts that would take lock, ledger row or the meaning of strings from under the run.

use stopover_model::PlainStrings;

use super::*;

fn refused(migration: Migration, code: &str) {
    let text = migration.up.text.clone();
    let problems = problems_of(migration);
    assert_eq!(codes(&problems), [code], "{text}");
    assert!(!problems[0].remedy.is_empty());
}

#[test]
fn a_migration_that_frees_the_run_lock_is_refused() {
    for text in [
        "SELECT pg_advisory_unlock_all();",
        "CREATE TABLE t (id int);\nSELECT 1, pg_catalog.PG_ADVISORY_UNLOCK_ALL ();",
        "DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$;",
    ] {
        refused(scripted(1, text), "run-lock");
        refused(marked(text), "run-lock");
    }
    for text in [
        "SELECT 'pg_advisory_unlock_all()'; -- pg_advisory_unlock_all()",
        "SELECT pg_advisory_unlock(7);",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()';",
    ] {
        assert_eq!(step_of(scripted(1, text)).1, [], "{text}");
    }
}

#[test]
fn a_read_only_transaction_failed_at_our_own_row() {
    for text in [
        "SET TRANSACTION READ ONLY;\nSELECT 1;",
        "SET LOCAL transaction_read_only = on;\nSELECT 1;",
        "set transaction_read_only to 'true';",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, read only, DEFERRABLE;",
    ] {
        refused(scripted(1, text), "read-only");
    }
    for text in [
        "BEGIN READ ONLY;\nSELECT 1;\nCOMMIT;",
        "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;\nSELECT 1;\nCOMMIT;",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;\nSELECT 1;",
        "SET default_transaction_read_only = 1;\nSELECT 1;",
    ] {
        refused(marked(text), "read-only");
    }
    for text in [
        "SET default_transaction_read_only = on;",
        "SET transaction_read_only = off;",
        "SET TRANSACTION READ WRITE;",
        "CREATE TABLE read (\"only\" int);",
    ] {
        assert_eq!(step_of(scripted(1, text)).1, [], "{text}");
    }
}

#[test]
fn an_envelope_that_is_read_only_is_refused_at_its_line() {
    let problems = problems_of(scripted(1, "-- c\nBEGIN READ ONLY;\nSELECT 1;\nCOMMIT;"));
    let found = problems.iter().find(|it| it.code == "read-only").unwrap();
    assert_eq!(found.subject, "migrations/1_step_1.up.sql:2");
}

#[test]
fn a_backslash_has_two_meanings_where_the_server_says_so() {
    let judged = |text: &str, plain_strings| {
        let facts = Facts { plain_strings, ..applied(&[]) };
        plan_all(&source(vec![scripted(1, text)]), &facts).map(|plan| codes(&plan.findings).len())
    };
    let clear = [
        "SELECT 'plain', E'a\\nb', $$a\\b$$, \"a\\b\";",
        "SET standard_conforming_strings = on;\nSELECT 'a\\b';",
    ];
    for text in clear {
        assert_eq!(judged(text, PlainStrings::Escaping), Ok(0), "{text}");
    }
    let unclear = "SELECT 1;\nSELECT 'a\\nb';";
    assert_eq!(judged(unclear, PlainStrings::Standard), Ok(0));
    let problems = judged(unclear, PlainStrings::Escaping).unwrap_err();
    assert_eq!(codes(&problems), ["string-syntax"]);
    assert_eq!(problems[0].subject, "migrations/1_step_1.up.sql:2");
}
