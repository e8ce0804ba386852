//! Each kind of drift, and what the policy makes of it.

use stopover_model::report::{Drift, DriftKind};
use stopover_model::{
    EditClass, EmptyLedger, LedgerKind, LedgerSeen, OrphanPolicy, Policy, Recovery, Resume,
    Severity, Tracker,
};

use super::*;
use crate::{judge, severity};

fn drift_of(source: &SourceSet, facts: &Facts) -> Vec<Drift> {
    judge(source, facts, &Policy::default()).drift
}

fn only(drift: Vec<Drift>, kind: DriftKind) -> Drift {
    let kinds: Vec<_> = drift.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [kind], "{drift:#?}");
    drift.into_iter().next().unwrap()
}

#[test]
fn an_orphan_is_named_and_its_history_pointed_at() {
    let (source, facts) = (source_of(&[1]), applied(&[1, 123]));
    let orphan = only(drift_of(&source, &facts), DriftKind::Orphan);
    assert_eq!(
        orphan.message,
        "migration 123 was previously applied but is missing in the resolved migrations"
    );
    assert!(orphan.remedy.contains("git log --all -- migrations"), "{}", orphan.remedy);
    assert_eq!(orphan.version, Some(Version::Integer(123)));
    assert_eq!(orphan.name.as_deref(), Some("step_123"));
    assert_eq!(codes(&plan_all(&source, &facts).unwrap_err()), ["orphan"]);

    let policy = Policy { orphan: OrphanPolicy::Warn, ..Policy::default() };
    let plan = plan(&source, &facts, &policy, &Selection::All).unwrap();
    assert_eq!(plan.findings[0].severity, Severity::Warning);
    assert_eq!(severity(DriftKind::Orphan, &policy), Severity::Warning);
}

#[test]
fn an_orphan_beside_a_file_that_cannot_be_read_may_be_that_file() {
    let mut source = source_of(&[1]);
    source.findings.push(Finding::error("not-utf8", "migrations/2_b.up.sql", "bytes", "save it"));
    let orphan = only(drift_of(&source, &applied(&[1, 2])), DriftKind::Orphan);
    assert!(orphan.remedy.contains("may be one of them"), "{}", orphan.remedy);
}

#[test]
fn a_modified_migration_is_refused_in_every_kind_of_ledger_with_a_checksum() {
    for kind in [LedgerKind::Stopover, LedgerKind::Sqlx] {
        let mut facts = applied(&[9]);
        facts.ledger.kind = kind;
        facts.ledger.checksums = kind.checksums();
        let applied = scripted(9, "SELECT 'something else';");
        facts.ledger.rows[0].checksum = kind.checksums().of(applied.fingerprinted());
        facts.ledger.rows[0].name = kind.stored_name("step_9");
        let modified = only(drift_of(&source_of(&[9]), &facts), DriftKind::Modified);
        assert_eq!(
            modified.message,
            "migration 9 was previously applied but has been modified (class: unknown)"
        );
        assert_eq!(
            (modified.severity, modified.class),
            (Severity::Error, Some(EditClass::Unknown))
        );
        assert!(modified.remedy.contains("migrations/9_step_9.up.sql"));
        assert!(modified.remedy.contains("idempotent = [9]"), "{}", modified.remedy);
        facts.ledger.rows[0].checksum = kind.checksums().of(migration(9).fingerprinted());
        assert_eq!(drift_of(&source_of(&[9]), &facts), []);
    }
}

#[test]
fn a_checksum_that_is_not_known_is_never_compared() {
    let mut facts = applied(&[9]);
    facts.ledger.rows[0].checksum = None;
    assert_eq!(drift_of(&source_of(&[9]), &facts), []);
}

#[test]
fn a_renamed_migration_is_refused_and_told_how_to_settle_it() {
    let mut facts = applied(&[9]);
    facts.ledger.rows[0].name = Some("old_name".to_owned());
    let renamed = only(drift_of(&source_of(&[9]), &facts), DriftKind::Renamed);
    assert_eq!(
        renamed.message,
        "migration 9 was previously applied as \"old_name\" and is now named \"step_9\""
    );
    assert!(renamed.remedy.contains("stopover repair"));
    facts.ledger.rows[0].checksum = Some(Checksum::sha256(b"other"));
    let both: Vec<_> = drift_of(&source_of(&[9]), &facts).into_iter().map(|it| it.kind).collect();
    assert_eq!(both, [DriftKind::Modified, DriftKind::Renamed]);
}

#[test]
fn names_are_compared_as_the_ledger_stores_them_and_only_where_both_are_known() {
    for (kind, stored) in [
        (LedgerKind::Sqlx, Some("step 9")),
        (LedgerKind::Stopover, None),
        (LedgerKind::Stopover, Some("")),
    ] {
        let mut facts = applied(&[9]);
        facts.ledger.kind = kind;
        facts.ledger.rows[0].name = stored.map(str::to_owned);
        facts.ledger.rows[0].checksum = None;
        assert_eq!(drift_of(&source_of(&[9]), &facts), [], "{kind} {stored:?}");
        let judged = judge(&source_of(&[9]), &facts, &Policy::default());
        assert_eq!(judged.applied[0].name.as_deref(), Some("step_9"), "{kind} {stored:?}");
    }
}

#[test]
fn a_dirty_migration_is_refused_and_not_pending() {
    let mut facts = applied(&[9]);
    facts.ledger.rows[0].state = RowState::Dirty("statement 2 was started".to_owned());
    let judged = judge(&source_of(&[9]), &facts, &Policy::default());
    assert!(judged.pending.is_empty());
    let dirty = only(judged.drift, DriftKind::Dirty);
    assert_eq!(
        dirty.message,
        "migration 9 was started and is not known to have finished: statement 2 was started"
    );
    assert!(!dirty.remedy.is_empty());
    assert_eq!(codes(&plan_all(&source_of(&[9]), &facts).unwrap_err()), ["dirty"]);
}

#[test]
fn every_way_out_of_a_dirty_migration_is_named_beside_it() {
    const BY_DOWN: &str = "`stopover apply --recover-dirty down`";
    let mut facts = applied(&[9]);
    facts.ledger.rows[0].state = RowState::Dirty("statement 2 was started".to_owned());
    let mut source = source_of(&[9]);
    let remedy = |source: &SourceSet, facts: &Facts| {
        drift_of(source, facts).into_iter().find(|it| it.kind == DriftKind::Dirty).unwrap().remedy
    };
    let undecided = remedy(&source, &facts);
    for part in ["`stopover repair applied 9`", "`stopover repair pending 9`", BY_DOWN] {
        assert!(undecided.contains(part), "{undecided}");
    }
    assert!(undecided.contains("once it has a down script, let"), "{undecided}");
    let resume =
        Resume { from: 2, cleanup: Vec::new(), told: "statement 2 is to be run".to_owned() };
    facts.recoveries = vec![Recovery::Resumes(Version::Integer(9), resume)];
    assert_eq!(remedy(&source, &facts), "`stopover apply` goes on with it where it stopped");

    source.migrations[0].down = Some(Script::whole("migrations/9.down.sql", "SELECT 1;"));
    let goes_on = remedy(&source, &facts);
    assert!(goes_on.starts_with("`stopover apply` goes on") && goes_on.contains(BY_DOWN));
    facts.recoveries.clear();
    let undecided = remedy(&source, &facts);
    assert!(undecided.contains(BY_DOWN) && !undecided.contains("once it has"), "{undecided}");
    let without_file = remedy(&source_of(&[]), &facts);
    assert!(!without_file.contains(BY_DOWN), "a file that is gone has no script: {without_file}");
}

#[test]
fn a_collision_is_drift_with_its_version() {
    let mut source = source_of(&[7]);
    source.findings.push(Finding::error("collision", "7", "two files of 7", "rename one"));
    let collision = only(drift_of(&source, &applied(&[])), DriftKind::Collision);
    assert_eq!(collision.version, Some(Version::Integer(7)));
    assert_eq!(collision.message, "two files of 7");
    assert_eq!(codes(&plan_all(&source, &applied(&[])).unwrap_err()), ["collision"]);
}

#[test]
fn tables_without_a_history_are_refused_whether_the_ledger_is_there_or_not() {
    for (exists, said) in [(true, "is empty"), (false, "is not there yet")] {
        let mut facts = applied(&[]);
        facts.ledger.exists = exists;
        facts.user_tables = vec!["public.orders".to_owned(), "public.users".to_owned()];
        let source = source_of(&[1]);
        let drift = only(drift_of(&source, &facts), DriftKind::EmptyLedger);
        assert_eq!(drift.version, None);
        for part in [said, "stopover.applied_migrations", "public.orders and public.users"] {
            assert!(drift.message.contains(part), "{}", drift.message);
        }
        for part in ["stopover adopt", "policy.empty_ledger = \"allow\"", "stopover.toml"] {
            assert!(drift.remedy.contains(part), "{}", drift.remedy);
        }
        let problems = plan_all(&source, &facts).unwrap_err();
        assert_eq!(codes(&problems), ["empty-ledger"]);
        assert_eq!(problems[0].subject, "stopover.applied_migrations");

        let policy = Policy { empty_ledger: EmptyLedger::Allow, ..Policy::default() };
        let plan = plan(&source, &facts, &policy, &Selection::All).unwrap();
        assert_eq!((versions(&plan), plan.findings), (vec![1], vec![]));
        assert_eq!(judge(&source, &facts, &policy).drift, []);
    }
}

#[test]
fn the_history_that_another_tool_recorded_is_named() {
    let mut facts = applied(&[]);
    facts.trackers = vec![Tracker { table: "public.app_schema_migrations".to_owned() }];
    facts.ledgers =
        vec![LedgerSeen { kind: LedgerKind::Sqlx, table: "public._sqlx_migrations".to_owned() }];
    let drift = only(drift_of(&source_of(&[1]), &facts), DriftKind::EmptyLedger);
    for part in [
        "golang-migrate's history is in public.app_schema_migrations",
        "public._sqlx_migrations (--ledger sqlx)",
    ] {
        assert!(drift.message.contains(part), "{}", drift.message);
    }
}

#[test]
fn tables_beside_a_ledger_with_rows_are_as_they_should_be() {
    let mut facts = applied(&[1]);
    facts.user_tables = vec!["public.orders".to_owned()];
    assert_eq!(drift_of(&source_of(&[1, 2]), &facts), []);
    assert_eq!(drift_of(&source_of(&[1]), &applied(&[])), [], "an empty database is fine");
}
