//! Edits of applied migrations, and what the policy makes of them.

use stopover_model::report::{Drift, DriftKind};
use stopover_model::{
    Edit, EditClass, HarmlessEdit, HealKind, HealMode, HealPolicy, HealWay, Policy, Severity,
};

use super::*;
use crate::{applied_text, edit_of, edited, judge};

const NOW: &str = "CREATE TABLE a (b int);\nSELECT 1;\n";

/// Version 9 with a text, and a ledger that says that another one was applied.
fn story(text: &str, was: &str) -> (SourceSet, Facts) {
    (source(vec![scripted(9, text)]), facts(vec![row(&scripted(9, was))]))
}

/// The same, and what was applied is known.
fn known(text: &str, was: &str) -> (SourceSet, Facts) {
    let (source, mut facts) = story(text, was);
    let found = "what was applied is in the journal".to_owned();
    facts.edits = vec![edit_of(&source.migrations[0], facts.database, was, found)];
    (source, facts)
}

fn policy(heal: HealPolicy) -> Policy {
    Policy { heal, ..Policy::default() }
}

fn idempotent(version: i64) -> Policy {
    policy(HealPolicy { idempotent: vec![version.into()], ..HealPolicy::default() })
}

fn drift(source: &SourceSet, facts: &Facts, policy: &Policy) -> Drift {
    let drift = judge(source, facts, policy).drift;
    assert_eq!(drift.len(), 1, "{drift:#?}");
    drift.into_iter().next().unwrap()
}

#[test]
fn another_spelling_is_restamped_and_nothing_is_run() {
    for (was, hint) in [
        ("CREATE TABLE a (b int);\r\nSELECT 1;\r\n", "with CRLF"),
        ("CREATE TABLE a (b int);\r\nSELECT 1;", "without a newline"),
        ("CREATE TABLE a (b int);\nSELECT 1;", "without a newline"),
        ("\u{feff}CREATE TABLE a (b int);\nSELECT 1;\n", "with a byte-order mark"),
        ("\u{feff}CREATE TABLE a (b int);\r\nSELECT 1;", "with a byte-order mark"),
    ] {
        for (text, was) in [(NOW, was), (was, NOW)] {
            let (source, facts) = story(text, was);
            let plan = plan_all(&source, &facts).unwrap();
            assert_eq!((plan.steps.len(), plan.heals.len()), (0, 1), "{was:?}");
            assert_eq!(plan.findings, [], "the heal itself says what it is");
            let heal = &plan.heals[0];
            assert_eq!((heal.class, heal.kind()), (EditClass::LineEndings, HealKind::Restamp));
            assert_eq!(heal.after, Checksum::sha256(text.as_bytes()));
            assert!(text != NOW || heal.found.contains(hint), "{}", heal.found);

            let drift = drift(&source, &facts, &Policy::default());
            assert_eq!((drift.kind, drift.severity), (DriftKind::Modified, Severity::Warning));
            assert_eq!(
                drift.message,
                "migration 9 was previously applied but has been modified (class: line-endings)"
            );
        }
    }
}

#[test]
fn an_edit_of_comments_needs_what_was_applied() {
    let text = format!("-- Copyright\n{NOW}");
    let (source, facts) = known(&text, NOW);
    let plan = plan_all(&source, &facts).unwrap();
    assert_eq!(
        (plan.heals[0].class, plan.heals[0].kind()),
        (EditClass::Cosmetic, HealKind::Restamp)
    );
    let (source, facts) = story(&text, NOW);
    let problems = plan_all(&source, &facts).unwrap_err();
    assert_eq!(codes(&problems), ["modified"]);
    assert!(problems[0].message.ends_with("(class: unknown)"), "{}", problems[0].message);
}

#[test]
fn a_semantic_edit_is_refused_unless_it_may_be_run_again() {
    let (source, facts) = known("CREATE TABLE IF NOT EXISTS a (b int);", NOW);
    let problems = plan_all(&source, &facts).unwrap_err();
    assert_eq!(codes(&problems), ["modified"]);
    assert_eq!(
        problems[0].message,
        "migration 9 was previously applied but has been modified (class: semantic)"
    );
    for part in ["stopover repair accept 9", "idempotent = [9]", "-- stopover: idempotent"] {
        assert!(problems[0].remedy.contains(part), "{}", problems[0].remedy);
    }
    let other = plan(&source, &facts, &idempotent(8), &Selection::All).unwrap_err();
    assert_eq!(codes(&other), ["modified"]);

    let allowed = plan(&source, &facts, &idempotent(9), &Selection::All).unwrap();
    assert_eq!(allowed.heals[0].kind(), HealKind::Rerun);
    let mut marked = source.clone();
    marked.migrations[0].directives.idempotent = true;
    let HealWay::Rerun(step) = &plan_all(&marked, &facts).unwrap().heals[0].way else {
        panic!("it is run again")
    };
    assert_eq!(step.statements.len(), 1);
}

#[test]
fn what_runs_without_a_transaction_is_never_run_again() {
    let (source, facts) = known("VACUUM;", NOW);
    let problems = plan(&source, &facts, &idempotent(9), &Selection::All).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|it| it.code == "modified" && it.remedy.contains("runs without a transaction")),
        "{problems:#?}"
    );
}

#[test]
fn heals_that_are_switched_off_are_refused_and_those_of_a_rehearsal_are_told() {
    let (source, facts) = known(&format!("-- why\n{NOW}"), NOW);
    let off = policy(HealPolicy { mode: HealMode::Off, ..HealPolicy::default() });
    let problems = plan(&source, &facts, &off, &Selection::All).unwrap_err();
    assert!(problems[0].remedy.contains("heal = \"off\""), "{}", problems[0].remedy);

    let report = policy(HealPolicy { mode: HealMode::Report, ..HealPolicy::default() });
    let plan = plan(&source, &facts, &report, &Selection::All).unwrap();
    assert_eq!((plan.heals.len(), codes(&plan.findings)), (0, vec!["modified"]));
    assert_eq!(plan.findings[0].severity, Severity::Warning);
    assert!(plan.findings[0].remedy.contains("here nothing is healed"));
}

#[test]
fn harmless_edits_may_be_refused_too() {
    let (source, facts) = known(&format!("-- why\n{NOW}"), NOW);
    let heal = HealPolicy { harmless: HarmlessEdit::Refuse, ..HealPolicy::default() };
    let refused = plan(&source, &facts, &policy(heal), &Selection::All).unwrap_err();
    assert_eq!(codes(&refused), ["modified"]);
    assert!(refused[0].remedy.contains("restamp = false"), "{}", refused[0].remedy);
}

#[test]
fn several_edits_are_healed_ascending_and_are_part_of_the_plans_hash() {
    let files = vec![scripted(10, &format!("{NOW}\n")), scripted(9, &format!("{NOW}\n\n"))];
    let facts = facts(vec![row(&scripted(10, NOW)), row(&scripted(9, NOW))]);
    let set = source(files.clone());
    assert_eq!(edited(&set, &facts).len(), 2);
    let plan = plan_all(&set, &facts).unwrap();
    let healed: Vec<_> = plan.heals.iter().map(|it| it.version.clone()).collect();
    assert_eq!(healed, [Version::Integer(9), Version::Integer(10)]);
    let nothing = plan_all(&source(files.clone()), &super::facts(files.iter().map(row).collect()));
    assert_ne!(plan.hash(), nothing.unwrap().hash());
}

#[test]
fn dirty_and_unknown_checksums_are_not_compared() {
    let (source, mut facts) = story("SELECT 2;", NOW);
    facts.ledger.rows[0].state = RowState::Dirty("half".to_owned());
    assert!(edited(&source, &facts).is_empty());
    facts.ledger.rows[0].state = RowState::Done;
    assert_eq!(edited(&source, &facts).len(), 1);
    facts.ledger.rows[0].checksum = None;
    assert!(edited(&source, &facts).is_empty());
}

#[test]
fn what_was_applied_is_told_by_its_checksum_whatever_its_spelling() {
    let migration = scripted(9, NOW);
    let was = "SELECT 'old';\r\n";
    let applied = Checksum::sha256(was.as_bytes());
    let of = |text: &str| applied_text(migration.fingerprinted(), text, &applied);
    assert_eq!(of(was).as_deref(), Some(was));
    assert_eq!(of("SELECT 'old';").as_deref(), Some(was));
    assert_eq!(of("SELECT 'other';"), None);
}

#[test]
fn an_edit_of_which_nothing_is_known_is_taken_for_semantic() {
    let (source, mut facts) = story("SELECT 2;", NOW);
    let found = "it is nowhere".to_owned();
    facts.edits = vec![Edit { version: 9.into(), class: EditClass::Unknown, found }];
    let drift = drift(&source, &facts, &Policy::default());
    assert_eq!(drift.severity, Severity::Error);
    assert!(drift.remedy.starts_with("it is nowhere; restore "), "{}", drift.remedy);
    assert_eq!(plan(&source, &facts, &idempotent(9), &Selection::All).unwrap().heals.len(), 1);
}
