//! What is different where the database is SQLite.

use stopover_model::{Boundary, DatabaseKind, Facts, Finding, ForeignKeys, Migration, Step};

use super::{applied, codes, marked, plan_all, scripted, source, step_of};

fn facts() -> Facts {
    Facts { database: DatabaseKind::Sqlite, ..applied(&[]) }
}

fn step(migration: Migration) -> (Step, Vec<Finding>) {
    let mut plan = plan_all(&source(vec![migration]), &facts()).unwrap();
    (plan.steps.remove(0), plan.findings)
}

fn problems(migration: Migration) -> Vec<Finding> {
    plan_all(&source(vec![migration]), &facts()).unwrap_err()
}

fn without_keys(text: &str) -> Migration {
    let mut migration = scripted(1, text);
    migration.directives.foreign_keys = ForeignKeys::CheckedAtCommit;
    migration
}

#[test]
fn a_trigger_is_one_statement_and_takes_no_lock_of_its_own() {
    let text = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET n = 1; SELECT 2; END;\n\
                DROP TABLE [b;];";
    let (step, findings) = step(scripted(1, text));
    let tags: Vec<&str> = step.statements.iter().map(|it| it.tag.as_str()).collect();
    assert_eq!(tags, ["CREATE TRIGGER", "DROP TABLE"]);
    assert!(step.statements.iter().all(|it| it.locks.is_empty()));
    assert_eq!((step.boundary, findings), (Boundary::Transactional, vec![]));
}

#[test]
fn the_modes_of_an_envelope_are_about_a_lock_that_is_taken_anyway() {
    let (step, findings) = step(scripted(1, "BEGIN EXCLUSIVE;\nCREATE TABLE a (n);\nEND;\n"));
    assert_eq!(step.statements.len(), 1);
    assert_eq!(codes(&findings), ["envelope"]);
}

#[test]
fn what_cannot_be_in_a_transaction_makes_the_whole_file_run_without() {
    let (step, findings) = step(scripted(1, "PRAGMA journal_mode = WAL;\n"));
    let reason = "line 1: PRAGMA journal_mode cannot run inside a transaction block".to_owned();
    assert_eq!(step.boundary, Boundary::NonTransactional(reason));
    assert_eq!(codes(&findings), ["not-transactional"]);
}

#[test]
fn a_command_of_the_shell_is_an_error_at_its_line() {
    let findings = problems(scripted(1, "CREATE TABLE a (n);\n.import a.csv a\n"));
    assert_eq!(codes(&findings), ["bad-script"]);
    assert!(findings[0].subject.ends_with(":2"), "{findings:?}");
    assert!(findings[0].message.contains("`.import`"), "{findings:?}");
}

#[test]
fn foreign_keys_are_switched_off_by_the_directive_and_by_nothing_else() {
    let text = "PRAGMA foreign_keys = OFF;\nDROP TABLE a;\nPRAGMA foreign_keys = ON;\n";
    let findings = problems(scripted(1, text));
    assert_eq!(codes(&findings), ["foreign-keys"]);
    assert!(findings[0].subject.ends_with(":1"), "{findings:?}");
    let (step, findings) = step(without_keys(text));
    assert_eq!((step.foreign_keys, findings), (ForeignKeys::CheckedAtCommit, vec![]));
    // Without a transaction the pragma does what it says.
    assert_eq!(self::step(marked(text)).1, []);
}

#[test]
fn the_directive_needs_a_transaction_and_sqlite() {
    assert_eq!(codes(&problems(without_keys("VACUUM;\n"))), ["foreign-keys", "not-transactional"]);
    let on_postgres = plan_all(&source(vec![without_keys("SELECT 1;")]), &applied(&[]));
    assert_eq!(codes(&on_postgres.unwrap_err()), ["foreign-keys"]);
    let (step, _) = step_of(scripted(1, "SELECT 1;"));
    assert_eq!(step.foreign_keys, ForeignKeys::Enforced);
}

#[test]
fn a_file_that_no_backup_holds_is_a_warning_that_names_it() {
    let text = "ATTACH 'archive.db' AS archive;\nDELETE FROM archive.orders;\n";
    let (step, findings) = self::step(scripted(1, text));
    assert_eq!((step.boundary, codes(&findings)), (Boundary::Transactional, vec!["other-file"]));
    assert!(findings[0].subject.ends_with(":1"), "{findings:?}");
    assert!(findings[0].message.contains("opens archive.db: "), "{findings:?}");
    assert!(findings[0].message.contains("in no backup of this database"), "{findings:?}");
    let (_, findings) = self::step(scripted(1, "VACUUM INTO 'copy.db';\n"));
    assert_eq!(codes(&findings), ["other-file", "not-transactional"]);
    let (_, findings) = self::step(scripted(1, "ATTACH ':memory:' AS scratch;\n"));
    assert_eq!(codes(&findings), [""; 0]);
}
