//! Non-transactional migrations that were interrupted: what the journal says, and what follows.

use stopover_model::{Interrupted, JournalEntry, PlannedStatement, Recovery, StatementWay, Step};

use super::{marked, step_of};
use crate::verdict;

fn step(text: &str) -> Step {
    step_of(marked(text)).0
}

/// The journal of a run that was cut off after this statement finished.
fn finished(step: &Step, last: usize) -> Interrupted {
    let lines = step.statements.iter().take(last).flat_map(|it| {
        let (statement, checksum) = (it.index, Some(it.checksum()));
        let started = JournalEntry::Started { statement, checksum: checksum.clone() };
        [started, JournalEntry::Finished { statement, checksum }]
    });
    Interrupted { entries: lines.collect() }
}

fn resumes_at(step: &Step, journal: &Interrupted) -> usize {
    match verdict(step, journal, None) {
        Recovery::Resumes(_, resume) => resume.from,
        Recovery::Undecided(_, saw) => panic!("{saw}"),
    }
}

fn undecided(step: &Step, journal: &Interrupted) -> String {
    match verdict(step, journal, None) {
        Recovery::Resumes(_, resume) => panic!("it goes on at {}", resume.from),
        Recovery::Undecided(_, saw) => saw,
    }
}

#[test]
fn a_migration_that_was_cut_off_before_its_first_statement_begins() {
    let step = step("INSERT INTO a VALUES (1);");
    let begun = Interrupted { entries: vec![JournalEntry::Begun] };
    assert_eq!(resumes_at(&step, &begun), 1);
    assert!(undecided(&step, &Interrupted::default()).contains("no journal"));
}

#[test]
fn a_search_path_that_a_function_sets_is_set_again() {
    let step = step(
        "SELECT pg_catalog.set_config('search_path', 'side', false);\nCREATE TABLE a ();\n\
         SELECT set_config('x.y', 'z', false), count(*) FROM a;",
    );
    let settings: Vec<bool> =
        step.statements.iter().map(PlannedStatement::is_session_setting).collect();
    assert_eq!(settings, [true, false, false], "the last one does more than that");
    assert_eq!(resumes_at(&step, &finished(&step, 2)), 3);
}

#[test]
fn a_temporary_table_that_is_gone_is_not_missed_in_silence() {
    let step = step(
        "SELECT 1;\nCREATE TEMP TABLE staged AS SELECT 1 AS x;\nINSERT INTO a SELECT x FROM staged;",
    );
    assert_eq!(resumes_at(&step, &finished(&step, 1)), 2);
    let saw = undecided(&step, &finished(&step, 2));
    assert!(saw.contains("statement 2 made a temporary table"), "{saw}");
    assert_eq!(resumes_at(&step, &finished(&step, 3)), 4, "nothing comes after it");
}

#[test]
fn a_transaction_goes_on_behind_a_savepoint_and_behind_a_chained_end() {
    use StatementWay::{Alone, Atomic, EndOfScript, InScript};
    let step = step(
        "BEGIN;\nSAVEPOINT a;\nROLLBACK TO a;\nrollback work to savepoint a;\nSELECT 1;\n\
         COMMIT AND CHAIN;\nSELECT 2;\nCOMMIT;\nSELECT 3;",
    );
    let ways =
        [Alone, InScript, InScript, InScript, InScript, EndOfScript, InScript, EndOfScript, Atomic];
    assert_eq!(step.ways(), ways);
}

#[test]
fn a_chained_transaction_that_is_gone_is_not_gone_on_with() {
    let step = step("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;\nSELECT 2;\nCOMMIT;");
    let mut journal = finished(&step, 2);
    let checksum = Some(step.statements[2].checksum());
    journal.entries.push(JournalEntry::Started { statement: 3, checksum });
    let saw = undecided(&step, &journal);
    assert!(saw.contains("statement 3 ended a transaction and began another"), "{saw}");
}

#[test]
fn the_isolation_of_a_transaction_is_no_setting_of_the_session() {
    let step = step("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nset session x.y = 1;");
    let settings: Vec<bool> =
        step.statements.iter().map(PlannedStatement::is_session_setting).collect();
    assert_eq!(settings, [false, true]);
}
