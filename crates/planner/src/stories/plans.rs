//! What is pending, in which order, and which part of it is taken.

use stopover_model::{
    Finding, LedgerKind, OutOfOrder, Policy, Severity, SourceSet, TransactionMark, Version,
};

use super::*;
use crate::judge;

#[test]
fn pending_is_the_source_without_the_ledger_gaps_included() {
    let plan = plan_all(&source_of(&[9, 10, 101, 103, 104]), &applied(&[9, 101, 104])).unwrap();
    assert_eq!(versions(&plan), [10, 103]);
    assert!(plan.steps.iter().all(|step| step.out_of_order));
    assert_eq!(codes(&plan.findings), ["out-of-order", "out-of-order"]);
    assert_eq!(plan.findings[1].message, "migration 103 is out of order: 104 is already applied");
}

#[test]
fn nothing_pending_is_an_empty_plan() {
    let plan = plan_all(&source_of(&[1, 2]), &applied(&[1, 2])).unwrap();
    assert!(plan.steps.is_empty() && plan.findings.is_empty());
}

#[test]
fn out_of_order_is_as_bad_as_the_policy_says() {
    for (rule, severity) in [
        (OutOfOrder::Allow, None),
        (OutOfOrder::Warn, Some(Severity::Warning)),
        (OutOfOrder::Refuse, Some(Severity::Error)),
    ] {
        let policy = Policy { out_of_order: rule, ..Policy::default() };
        let (source, facts) = (source_of(&[1, 2]), applied(&[2]));
        let judged = judge(&source, &facts, &policy);
        let found: Vec<_> = judged.findings.iter().map(|it| it.severity).collect();
        assert_eq!(found, severity.into_iter().collect::<Vec<_>>());
        assert!(judged.pending[0].out_of_order && judged.drift.is_empty());
        let planned = plan(&source, &facts, &policy, &Selection::All);
        assert_eq!(planned.is_err(), severity == Some(Severity::Error));
    }
}

#[test]
fn a_selection_takes_the_lowest_versions() {
    let (source, facts) = (source_of(&[1, 2, 3, 10]), applied(&[1]));
    for (selection, expected) in [
        (Selection::All, vec![2, 3, 10]),
        (Selection::Next(0), vec![]),
        (Selection::Next(2), vec![2, 3]),
        (Selection::Next(9), vec![2, 3, 10]),
        (Selection::UpTo(Version::Integer(3)), vec![2, 3]),
        (Selection::UpTo(Version::Integer(1)), vec![]),
    ] {
        let plan = plan(&source, &facts, &Policy::default(), &selection).unwrap();
        assert_eq!(versions(&plan), expected, "{selection:?}");
    }
}

#[test]
fn a_selection_up_to_an_unknown_version_is_a_problem() {
    let selection = Selection::UpTo(Version::Integer(4));
    let source = source_of(&[1, 2]);
    let problems = plan(&source, &applied(&[]), &Policy::default(), &selection).unwrap_err();
    assert_eq!(codes(&problems), ["unknown-version"]);
    assert!(problems[0].message.contains("there is no migration 4 in migrations"));
    assert!(problems[0].remedy.contains("the highest is 2"));
}

#[test]
fn what_is_not_selected_is_judged_all_the_same() {
    let source = source(vec![migration(1), scripted(2, "COMMIT;")]);
    let problems =
        plan(&source, &applied(&[]), &Policy::default(), &Selection::Next(1)).unwrap_err();
    assert_eq!(codes(&problems), ["transaction-control"]);
}

#[test]
fn notes_of_what_is_not_selected_are_not_told() {
    let source = source(vec![migration(1), scripted(2, "-- nothing\n")]);
    let policy = Policy::default();
    let first = plan(&source, &applied(&[]), &policy, &Selection::Next(1)).unwrap();
    assert_eq!(codes(&first.findings), Vec::<&str>::new());
    assert_eq!(codes(&plan_all(&source, &applied(&[])).unwrap().findings), ["empty"]);
}

#[test]
fn every_problem_is_told_at_once_errors_first() {
    let modified = scripted(2, "SELECT 'another';");
    let mut source = source(vec![
        migration(1),
        modified,
        scripted(4, "BEGIN;\nSELECT 1;\nROLLBACK;"),
        scripted(5, "SELECT 'open;"),
        scripted(6, ""),
    ]);
    source.findings.push(Finding::error("bad-name", "migrations/x.sql", "no name", "rename it"));
    source.findings.push(Finding::note("not-a-migration", "migrations/README.md", "left", ""));
    source.findings.push(Finding::error("collision", "1", "two files of 1", "rename one"));
    let facts = applied(&[1, 2, 3, 7]);
    let problems = plan_all(&source, &facts).unwrap_err();
    assert_eq!(
        codes(&problems),
        [
            "bad-name",
            "collision",
            "modified",
            "orphan",
            "orphan",
            "transaction-control",
            "transaction-control",
            "bad-script",
            "out-of-order",
            "out-of-order",
            "out-of-order",
            "not-a-migration",
            "empty"
        ]
    );
    let judged = judge(&source, &facts, &Policy::default());
    let kinds: Vec<_> = judged.drift.iter().map(|drift| drift.kind.code()).collect();
    assert_eq!(kinds, ["collision", "modified", "orphan", "orphan"]);
    assert_eq!(codes(&judged.findings).iter().filter(|&&it| it == "collision").count(), 0);
    assert!(codes(&judged.findings).contains(&"bad-script"));
}

#[test]
fn a_ledger_that_cannot_hold_the_versions_is_one_problem_and_no_drift() {
    let mut facts = applied(&[1]);
    facts.ledger.kind = LedgerKind::Diesel;
    facts.ledger.rows[0].version = Version::Text("20200101000000".to_owned());
    facts.ledger.rows[0].name = None;
    facts.ledger.rows[0].checksum = None;
    let problems = plan_all(&source_of(&[1]), &facts).unwrap_err();
    assert_eq!(codes(&problems), ["ledger-version"]);
    assert!(problems[0].remedy.contains("--ledger"));

    let texts = |version: &str| {
        let mut migration = migration(1);
        migration.version = Version::Text(version.to_owned());
        migration
    };
    let diesel = SourceSet { migrations: vec![texts("20200101000000")], ..source_of(&[]) };
    assert_eq!(codes(&plan_all(&diesel, &applied(&[1])).unwrap_err()), ["ledger-version"]);
    assert!(plan_all(&diesel, &facts).unwrap().steps.is_empty());
}

#[test]
fn a_step_carries_what_the_file_asks_for_and_the_ledger_keeps() {
    use std::time::Duration;
    let mut asking = migration(1);
    asking.directives.lock_timeout = Some(Duration::from_secs(2));
    asking.directives.statement_timeout = Some(Duration::from_secs(600));
    let mut facts = applied(&[]);
    for kind in [LedgerKind::Stopover, LedgerKind::Sqlx] {
        facts.ledger.kind = kind;
        facts.ledger.checksums = kind.checksums();
        let plan = plan_all(&source(vec![asking.clone()]), &facts).unwrap();
        let step = &plan.steps[0];
        assert_eq!(plan.ledger, kind);
        assert_eq!(step.checksum, kind.checksums().of(asking.fingerprinted()));
        assert_eq!(step.lock_timeout, asking.directives.lock_timeout);
        assert_eq!(step.statement_timeout, asking.directives.statement_timeout);
        assert_eq!(step.text, asking.up.text);
        assert_eq!(step.path, asking.up.path);
    }
}

#[test]
fn the_hash_follows_everything_that_a_plan_does() {
    let hash = |migration| plan_all(&source(vec![migration]), &applied(&[])).unwrap().hash();
    let base = migration(1);
    let mut renamed = base.clone();
    renamed.name = "other".to_owned();
    let mut renumbered = base.clone();
    renumbered.version = Version::Integer(2);
    let mut edited = base.clone();
    edited.up.text.push('\n');
    let mut unbound = base.clone();
    unbound.directives.transaction = TransactionMark::NoTransaction("x".to_owned());
    let mut hashes: Vec<_> =
        [base.clone(), renamed, renumbered, edited, unbound].into_iter().map(hash).collect();
    assert_eq!(hash(base), hashes[0]);
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 5);
}
