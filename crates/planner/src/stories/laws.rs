//! What holds for every source and ledger, on small integers.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::judge;

/// Some versions, in any order, each once.
fn some_versions() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::btree_set(0..12_i64, 0..8)
        .prop_map(|set| set.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

/// Scripts that are fine, and scripts that are not.
fn some_migration(version: i64) -> impl Strategy<Value = Migration> {
    prop_oneof![
        4 => Just(migration(version)),
        1 => Just(scripted(version, "")),
        1 => Just(scripted(version, "COMMIT;")),
        1 => Just(scripted(version, "SELECT 'open")),
        1 => Just(scripted(version, "VACUUM;")),
    ]
}

fn some_source() -> impl Strategy<Value = SourceSet> {
    some_versions()
        .prop_flat_map(|versions| versions.into_iter().map(some_migration).collect::<Vec<_>>())
        .prop_map(source)
}

fn reversed<T: Clone>(items: &[T]) -> Vec<T> {
    items.iter().rev().cloned().collect()
}

proptest! {
    #[test]
    fn pending_is_source_minus_ledger_ascending(
        source_versions in some_versions(),
        ledger_versions in some_versions(),
    ) {
        let source: BTreeSet<i64> = source_versions.iter().copied().collect();
        let ledger: BTreeSet<i64> = ledger_versions.iter().copied().collect();
        let expected: Vec<Version> = source.difference(&ledger).map(|&it| it.into()).collect();
        let policy = Policy { orphan: stopover_model::OrphanPolicy::Warn, ..Policy::default() };
        let (set, facts) = (source_of(&source_versions), applied(&ledger_versions));

        let judged = judge(&set, &facts, &policy);
        let pending: Vec<_> = judged.pending.iter().map(|it| it.version.clone()).collect();
        prop_assert_eq!(&pending, &expected);
        for entry in &judged.pending {
            let late = ledger.iter().any(|&it| Version::Integer(it) > entry.version);
            prop_assert_eq!(entry.out_of_order, late);
        }
        let applied_set: Vec<_> = judged.applied.iter().map(|it| it.version.clone()).collect();
        prop_assert_eq!(applied_set, ledger.iter().map(|&it| it.into()).collect::<Vec<_>>());
        let orphans: Vec<_> = judged.drift.iter().filter_map(|it| it.version.clone()).collect();
        prop_assert_eq!(
            orphans,
            ledger.difference(&source).map(|&it| it.into()).collect::<Vec<_>>()
        );

        let plan = plan(&set, &facts, &policy, &Selection::All).unwrap();
        let steps: Vec<_> = plan.steps.iter().map(|it| it.version.clone()).collect();
        prop_assert_eq!(steps, expected);
    }

    #[test]
    fn the_order_in_which_rows_and_files_come_changes_nothing(
        set in some_source(),
        ledger_versions in some_versions(),
    ) {
        let facts = applied(&ledger_versions);
        let mut other_facts = facts.clone();
        other_facts.ledger.rows = reversed(&facts.ledger.rows);
        let other = source(reversed(&set.migrations));
        let policy = Policy::default();
        prop_assert_eq!(judge(&set, &facts, &policy), judge(&other, &other_facts, &policy));
        prop_assert_eq!(plan_all(&set, &facts), plan_all(&other, &other_facts));
    }

    #[test]
    fn there_is_a_plan_exactly_where_nothing_found_is_an_error(
        set in some_source(),
        ledger_versions in some_versions(),
        count in 0..4_usize,
    ) {
        let facts = applied(&ledger_versions);
        let policy = Policy::default();
        let judged = judge(&set, &facts, &policy);
        let is_wrong = judged.findings.iter().any(Finding::is_error) || !judged.drift.is_empty();
        match plan(&set, &facts, &policy, &Selection::Next(count)) {
            Ok(plan) => {
                prop_assert!(!is_wrong);
                prop_assert!(!plan.findings.iter().any(Finding::is_error));
                prop_assert_eq!(plan.steps.len(), judged.pending.len().min(count));
            }
            Err(problems) => {
                prop_assert!(is_wrong);
                let errors = problems.iter().filter(|it| it.is_error()).count();
                let judged_errors = judged.findings.iter().filter(|it| it.is_error()).count();
                prop_assert_eq!(errors, judged_errors + judged.drift.len());
            }
        }
    }

    #[test]
    fn plans_with_other_contents_have_other_hashes(
        a in some_versions(),
        b in some_versions(),
        suffix in "[ ]{0,2}",
    ) {
        let edited = |versions: &[i64], suffix: &str| {
            let text = |&version: &i64| scripted(version, &format!("SELECT {version};{suffix}"));
            source(versions.iter().map(text).collect())
        };
        let hash = |set: &SourceSet| plan_all(set, &applied(&[])).unwrap().hash();
        let sorted = |versions: &[i64]| versions.iter().copied().collect::<BTreeSet<_>>();
        let same = sorted(&a) == sorted(&b) && (suffix.is_empty() || a.is_empty());
        prop_assert_eq!(hash(&edited(&a, "")) == hash(&edited(&b, &suffix)), same);
    }
}
