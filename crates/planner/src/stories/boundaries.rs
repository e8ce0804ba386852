//! One transaction or none, and whose.

use stopover_model::{Boundary, Severity};

use super::*;

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a);\n";

fn texts(step: &Step) -> Vec<&str> {
    step.statements.iter().map(|it| it.text.as_str()).collect()
}

fn indexes(step: &Step) -> Vec<usize> {
    step.statements.iter().map(|it| it.index).collect()
}

#[test]
fn an_ordinary_migration_is_one_transaction() {
    let (step, findings) =
        step_of(scripted(1, "CREATE TABLE t (a int);\n\n  INSERT INTO t VALUES (1);\n"));
    assert_eq!(step.boundary, Boundary::Transactional);
    assert_eq!(texts(&step), ["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)"]);
    assert_eq!((step.statements[1].line, step.statements[1].column), (3, 3));
    assert_eq!(step.text.get(step.statements[1].range.clone()), Some("INSERT INTO t VALUES (1)"));
    assert_eq!(findings, []);
}

#[test]
fn a_mark_is_the_reason_and_leaves_the_files_own_control_alone() {
    let (step, findings) = step_of(marked("BEGIN;\nSELECT 1;\nCOMMIT;\nVACUUM;\n"));
    assert_eq!(
        step.boundary,
        Boundary::NonTransactional("marked `-- stopover: no-transaction`".to_owned())
    );
    assert_eq!(texts(&step), ["BEGIN", "SELECT 1", "COMMIT", "VACUUM"]);
    assert_eq!(findings, []);
    let (enveloped, _) = step_of(marked("BEGIN;\nSELECT 1;\nCOMMIT;\n"));
    assert_eq!(texts(&enveloped), ["BEGIN", "SELECT 1", "COMMIT"]);
}

#[test]
fn a_marked_script_that_leaves_its_transaction_open_was_planned() {
    for text in [
        "SELECT 1;\nBEGIN;\nSELECT 1;\n",
        "SELECT 1;\nSTART TRANSACTION;\nCOMMIT;\nBEGIN;\n",
        "SELECT 1;\nBEGIN;\nCOMMIT AND CHAIN;\nSELECT 1;\n",
        "SELECT 1;\nBEGIN;\nSAVEPOINT a;\nROLLBACK TO a;\n",
    ] {
        let problems = problems_of(marked(text));
        assert_eq!(codes(&problems), ["transaction-control"], "{text:?}");
        assert!(problems[0].message.contains("never ends"), "{}", problems[0].message);
    }
    let (_, findings) = step_of(marked("BEGIN;\nSELECT 1;\nROLLBACK;\nBEGIN;\nEND;\n"));
    assert_eq!(findings, []);
}

#[test]
fn a_statement_that_must_be_outside_takes_the_migration_with_it() {
    let (step, findings) = step_of(scripted(1, &format!("-- why\n\n{INDEX}{INDEX}")));
    let Boundary::NonTransactional(reason) = &step.boundary else { panic!() };
    assert_eq!(reason, "line 3: CREATE INDEX CONCURRENTLY cannot run inside a transaction block");
    assert_eq!(codes(&findings), ["not-transactional"]);
    assert_eq!(findings[0].severity, Severity::Note);
    assert_eq!(findings[0].subject, step.path);
}

#[test]
fn mixed_with_others_it_is_a_warning_because_they_commit_one_by_one() {
    let (step, findings) = step_of(scripted(1, &format!("ALTER TABLE t ADD a int;\n{INDEX}")));
    assert!(!step.boundary.is_transactional());
    assert_eq!(codes(&findings), ["not-transactional"]);
    assert_eq!(findings[0].severity, Severity::Warning);
    assert!(findings[0].message.contains("commits by itself"), "{}", findings[0].message);
    assert!(findings[0].remedy.contains("split the file"));
    let (_, settings) = step_of(scripted(1, &format!("SET statement_timeout = 0;\n{INDEX}")));
    assert_eq!(settings[0].severity, Severity::Note, "a setting is nothing half done");
}

#[test]
fn begin_and_commit_around_the_whole_file_give_way_to_ours() {
    let text = "-- head\nBEGIN;\nCREATE TABLE t (a int);\nSAVEPOINT s;\nSELECT 1;\nCOMMIT;\n";
    let (step, findings) = step_of(scripted(1, text));
    assert_eq!(step.boundary, Boundary::Transactional);
    assert_eq!(texts(&step), ["CREATE TABLE t (a int)", "SAVEPOINT s", "SELECT 1"]);
    assert_eq!(indexes(&step), [2, 3, 4]);
    assert_eq!(codes(&findings), ["envelope"]);
    assert_eq!(findings[0].severity, Severity::Note);
}

#[test]
fn what_the_files_begin_asks_for_is_kept() {
    let text = "START TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nEND;\n";
    let (step, _) = step_of(scripted(1, text));
    assert_eq!(texts(&step), ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT 1"]);
    assert_eq!(indexes(&step), [1, 2]);
}

#[test]
fn an_envelope_around_what_must_be_outside_is_an_error() {
    let problems = problems_of(scripted(1, &format!("BEGIN;\n{INDEX}COMMIT;\n")));
    assert_eq!(codes(&problems), ["transaction-control"]);
    assert_eq!(problems[0].subject, "migrations/1_step_1.up.sql:2");
    assert!(problems[0].message.contains("CREATE INDEX CONCURRENTLY cannot run inside"));
}

#[test]
fn transaction_control_anywhere_else_is_an_error_with_every_place() {
    for (text, lines) in [
        ("SELECT 1;\nCOMMIT;\n", vec![2]),
        ("BEGIN;\nSELECT 1;\n", vec![1]),
        ("BEGIN;\nSELECT 1;\nROLLBACK;\n", vec![1, 3]),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;\n", vec![1, 3]),
        ("BEGIN;\nCOMMIT;\nBEGIN;\nCOMMIT;\n", vec![1, 2, 3, 4]),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nVACUUM;\n", vec![1, 3]),
    ] {
        let problems: Vec<_> =
            problems_of(scripted(1, text)).into_iter().filter(Finding::is_error).collect();
        let places: Vec<_> = problems.iter().map(|it| it.subject.clone()).collect();
        let expected: Vec<_> =
            lines.iter().map(|line| format!("migrations/1_step_1.up.sql:{line}")).collect();
        assert_eq!(places, expected, "{text:?}");
        assert!(problems.iter().all(|it| it.code == "transaction-control"), "{text:?}");
    }
}

#[test]
fn a_prepared_transaction_is_control_and_no_reason_to_run_outside() {
    let problems = problems_of(scripted(1, "COMMIT PREPARED 'x';\n"));
    assert_eq!(codes(&problems), ["transaction-control"]);
}

#[test]
fn text_that_only_looks_like_control_is_none() {
    let text = "SELECT 'COMMIT;';\n-- COMMIT;\nDO $$ BEGIN PERFORM 1; END $$;\nSAVEPOINT a;\n";
    let (step, findings) = step_of(scripted(1, text));
    assert!(step.boundary.is_transactional());
    assert_eq!(findings, []);
}
