//! Flyway's versions: repeatable migrations, baselines, and refinery's migrations that may be late.

use stopover_model::{
    ChecksumKind, Facts, LedgerKind, LedgerRow, Migration, OrderMark, Plan, Policy, Provenance,
    RowState, Version, VersionWidth,
};

use super::{applied, codes, facts, migration, plan_all, scripted, source};
use crate::judge;

fn flyway(version: &str, text: &str) -> Migration {
    let mut migration = scripted(1, text);
    migration.version = Version::flyway(version).unwrap();
    migration
}

fn row(migration: &Migration) -> LedgerRow {
    LedgerRow {
        version: migration.version.clone(),
        name: LedgerKind::Flyway.stored_name(&migration.name),
        applied_at: None,
        checksum: LedgerKind::Flyway.checksums().of(migration.fingerprinted()),
        provenance: Provenance::Applied,
        state: RowState::Done,
    }
}

fn history(rows: Vec<LedgerRow>) -> Facts {
    let mut facts = facts(rows);
    facts.ledger.kind = LedgerKind::Flyway;
    facts.ledger.checksums = LedgerKind::Flyway.checksums();
    facts
}

fn planned(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.version.to_string()).collect()
}

#[test]
fn repeatable_migrations_run_after_all_others_when_never_run_or_changed() {
    let (one, two) = (flyway("1.1", "SELECT 1;"), flyway("1.2", "SELECT 2;"));
    let (same, old) = (flyway("R__same", "SELECT 3;"), flyway("R__views", "SELECT 4;"));
    let (views, new) = (flyway("R__views", "SELECT 5;"), flyway("R__a_new", "SELECT 6;"));
    let facts = history(vec![row(&one), row(&same), row(&old)]);
    let source = source(vec![one, two, new, same, views]);
    let plan = plan_all(&source, &facts).unwrap();
    assert_eq!(planned(&plan), ["1.2", "R__a_new", "R__views"]);
    assert_eq!(plan.findings, [], "nothing of it is out of order or modified");
    let judged = judge(&source, &facts, &Policy::default());
    assert_eq!((judged.applied.len(), judged.drift), (3, vec![]));
}

#[test]
fn a_repeatable_migration_without_a_checksum_is_never_compared() {
    let views = flyway("R__views", "SELECT 5;");
    let mut applied = row(&views);
    applied.checksum = None;
    let plan = plan_all(&source(vec![views]), &history(vec![applied])).unwrap();
    assert_eq!(planned(&plan), Vec::<String>::new());
}

#[test]
fn line_ends_change_nothing_in_flyways_ledger() {
    let applied = row(&flyway("1", "SELECT 1;\nSELECT 2;\n"));
    let now = flyway("1.0", "\u{feff}SELECT 1;\r\nSELECT 2;");
    let plan = plan_all(&source(vec![now]), &history(vec![applied])).unwrap();
    assert_eq!((planned(&plan), plan.findings), (vec![], vec![]));
}

#[test]
fn versions_up_to_a_baseline_count_as_applied() {
    let mut baseline = row(&flyway("2", ""));
    baseline.name = Some("<< Flyway Baseline >>".to_owned());
    (baseline.checksum, baseline.state) = (None, RowState::Baseline);
    let all = ["1", "2", "2.1", "R__views"].map(|it| flyway(it, "SELECT 1;"));
    let plan = plan_all(&source(all.to_vec()), &history(vec![baseline.clone()])).unwrap();
    assert_eq!(planned(&plan), ["2.1", "R__views"]);
    // The file of the baseline's own version need not be there, and may have any name.
    let plan = plan_all(&source(all[2..].to_vec()), &history(vec![baseline])).unwrap();
    assert_eq!((planned(&plan).len(), plan.findings), (2, vec![]));
}

#[test]
fn a_migration_that_may_be_late_is_not_out_of_order() {
    let mut late = migration(2);
    late.directives.order = OrderMark::Any;
    let plan =
        plan_all(&source(vec![migration(1), late, migration(3)]), &applied(&[1, 3])).unwrap();
    assert_eq!((plan.steps.len(), plan.findings), (1, vec![]));
    assert!(!plan.steps[0].out_of_order);
}

#[test]
fn a_ledger_of_another_form_says_which_one_goes_with_the_source() {
    let problems = plan_all(&source(vec![flyway("1.1", "SELECT 1;")]), &applied(&[1])).unwrap_err();
    let told = problems.iter().find(|it| it.code == "ledger-version").unwrap();
    assert!(told.remedy.contains("--ledger flyway"), "{}", told.remedy);
    let problems = plan_all(&source(vec![migration(1)]), &history(vec![])).unwrap_err();
    assert!(problems[0].message.contains("dotted numbers"), "{}", problems[0].message);
}

#[test]
fn a_version_that_refinerys_column_cannot_hold_is_refused_before_anything_runs() {
    let mut facts = applied(&[]);
    facts.ledger.kind = LedgerKind::Refinery;
    let refused = |facts: &Facts| plan_all(&source(vec![migration(20_260_730_120_000)]), facts);
    facts.ledger.checksums = ChecksumKind::Sip13(VersionWidth::Int4);
    assert_eq!(codes(&refused(&facts).unwrap_err()), ["ledger-version"]);
    facts.ledger.checksums = ChecksumKind::Sip13(VersionWidth::Int8);
    assert!(refused(&facts).unwrap().steps[0].checksum.is_some());
}
