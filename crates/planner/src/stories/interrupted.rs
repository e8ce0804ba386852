//! Non-transactional migrations that were interrupted: what the journal says, and what follows.

use stopover_model::{Interrupted, JournalEntry, PlannedStatement, Recovery, Step};

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
