//! Edits of applied migrations: told apart, healed by policy, run again only after a proof.

use stopover_engine::EngineError;
use stopover_model::report::AppliedEntry;
use stopover_model::{
    EditClass, Finding, HarmlessEdit, HealKind, HealMode, LedgerKind, Severity, Version,
};

use crate::{Fixture, Stage, numbers, told};

const MODIFIED: &str = "migration 9 was previously applied but has been modified";

/// What nine does may be done twice.
const NINE: &str = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
                    INSERT INTO codes SELECT 1, 'SUMMER' WHERE NOT EXISTS \
                    (SELECT 1 FROM codes WHERE id = 1);\n";

/// Before nine, nine, and after it; all applied.
async fn incident<F: Fixture>(nine: &str, ten: &str) -> Stage<F> {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.up("9_codes", nine);
    stage.up("10_more", ten);
    stage.apply().await;
    stage
}

/// Gives nine the checksum of another migration.
async fn poison<F: Fixture>(stage: &Stage<F>) {
    let table = stage.status().await.ledger.table;
    let other = format!("(SELECT checksum FROM {table} WHERE version = 1)");
    let sql = format!("UPDATE {table} SET checksum = {other} WHERE version = 9");
    stage.database.run(&sql).await;
}

fn allow<F: Fixture>(stage: &mut Stage<F>, versions: &[i64]) {
    stage.policy.heal.idempotent = versions.iter().map(|&it| Version::Integer(it)).collect();
}

fn healed(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|it| it.code == "healed").collect()
}

/// The ledger as it is, times included.
async fn ledger<F: Fixture>(stage: &Stage<F>) -> Vec<AppliedEntry> {
    stage.status().await.applied
}

/// A checksum that fits nothing: refused, until nine may be run again; then the same start heals.
pub async fn a_poisoned_checksum_is_healed_where_the_migration_may_run_again<F: Fixture>() {
    let mut stage = incident::<F>(NINE, "INSERT INTO users (id, name) VALUES (1, 'a');\n").await;
    let applied = ledger(&stage).await;
    poison(&stage).await;
    let poisoned = ledger(&stage).await;

    let findings = stage.refused().await;
    assert_eq!(told(&findings), ["modified"]);
    assert_eq!(findings[0].message, format!("{MODIFIED} (class: unknown)"));
    assert_eq!(ledger(&stage).await, poisoned);

    allow(&mut stage, &[9]);
    let plan = stage.plan().await;
    assert_eq!((plan.heals.len(), plan.heals[0].way), (1, HealKind::Rerun), "{plan:#?}");
    let done = stage.apply().await;
    let healed = healed(&done.findings);
    assert_eq!(healed.len(), 1, "{:#?}", done.findings);
    assert_eq!(healed[0].severity, Severity::Warning);
    assert!(healed[0].message.contains(MODIFIED), "{}", healed[0].message);
    assert!(healed[0].message.contains("proven on a copy"), "{}", healed[0].message);
    assert_eq!(ledger(&stage).await, applied, "times, names and all other rows are as before");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
    assert_eq!(stage.database.value("SELECT count(*) FROM users").await, "1");

    let again = stage.apply().await;
    assert!(again.findings.is_empty(), "{:?}", again.findings);
    let status = stage.status().await;
    let shown = &status.healed[0];
    assert_eq!(status.healed.len(), 1);
    assert_eq!((shown.way, shown.class), (HealKind::Rerun, Some(EditClass::Unknown)));
    assert_eq!(shown.checksum_after, applied[1].checksum);
    assert!(shown.by.is_some() && shown.at.is_some(), "{shown:?}");
}

/// Nine drops and rebuilds; ten has added a column to what it made.
pub async fn a_rerun_that_would_undo_a_later_migration_is_refused<F: Fixture>() {
    let nine = "DROP TABLE IF EXISTS discount_codes;\n\
                CREATE TABLE discount_codes (id integer PRIMARY KEY, code text);\n\
                INSERT INTO discount_codes (id, code) VALUES (1, 'SUMMER');\n";
    let ten = "ALTER TABLE discount_codes ADD COLUMN discount_currency text;\n\
               UPDATE discount_codes SET discount_currency = 'CHF';\n";
    let mut stage = incident::<F>(nine, ten).await;
    poison(&stage).await;
    let before = ledger(&stage).await;
    allow(&mut stage, &[9]);
    let findings = stage.refused().await;
    let reasons: Vec<&str> = findings.iter().map(|it| it.message.as_str()).collect();
    assert!(
        reasons.contains(
            &"re-running 9 would drop column discount_codes.discount_currency (added by 10)"
        ),
        "{reasons:#?}"
    );
    assert!(findings.iter().all(|it| it.code == "modified" && !it.remedy.is_empty()));
    assert_eq!(ledger(&stage).await, before);
    let currency = "SELECT discount_currency FROM discount_codes WHERE id = 1";
    assert_eq!(stage.database.value(currency).await, "CHF");
    assert!(stage.status().await.healed.is_empty());
}

/// Rows that were added since are not to be lost, nor values to be put back.
pub async fn a_rerun_that_would_lose_or_change_rows_is_refused<F: Fixture>() {
    for (nine, later, reason) in [
        (
            "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
             DELETE FROM codes;\nINSERT INTO codes VALUES (1, 'SUMMER');\n",
            "INSERT INTO codes VALUES (2, 'WINTER'), (3, 'SPRING');",
            "re-running 9 would remove 2 of 3 rows of codes",
        ),
        (
            "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
             INSERT INTO codes SELECT 1, 'SUMMER' WHERE NOT EXISTS (SELECT 1 FROM codes);\n\
             UPDATE codes SET code = 'SUMMER' WHERE id = 1;\n",
            "UPDATE codes SET code = 'AUTUMN';",
            "re-running 9 would change values of codes (code)",
        ),
    ] {
        let mut stage = incident::<F>(nine, "CREATE TABLE other (id integer);\n").await;
        stage.database.run(later).await;
        poison(&stage).await;
        allow(&mut stage, &[9]);
        let findings = stage.refused().await;
        assert_eq!(findings[0].message, reason, "{findings:#?}");
        let rows = stage.database.value("SELECT count(*) FROM codes WHERE code <> 'SUMMER'").await;
        assert_ne!(rows, "0");
    }
}

/// What is not on the list is refused, and nothing is changed, not even the ledger.
pub async fn what_is_not_on_the_list_is_refused_and_nothing_is_changed<F: Fixture>() {
    let mut stage = incident::<F>(NINE, "CREATE TABLE other (id integer);\n").await;
    stage.up("9_codes", &NINE.replace("SUMMER", "WINTER"));
    stage.makes_tables(&["11_late"]);
    allow(&mut stage, &[1, 10, 11]);
    let (before, tables) = (ledger(&stage).await, stage.database.tables().await);
    let findings = stage.refused().await;
    assert_eq!(findings[0].message, format!("{MODIFIED} (class: semantic)"));
    for part in ["stopover repair accept 9", "idempotent = [9]", "9_codes.up.sql"] {
        assert!(findings[0].remedy.contains(part), "{}", findings[0].remedy);
    }
    assert_eq!((ledger(&stage).await, stage.database.tables().await), (before, tables));
}

/// An additive migration is on the list by mistake.
pub async fn an_additive_migration_on_the_list_is_refused_by_its_proof<F: Fixture>() {
    let nine = "ALTER TABLE users ADD COLUMN mail text;\n";
    let mut stage = incident::<F>(nine, "CREATE TABLE other (id integer);\n").await;
    poison(&stage).await;
    let before = ledger(&stage).await;
    allow(&mut stage, &[9]);
    let findings = stage.refused().await;
    assert!(findings[0].message.starts_with("re-running 9 fails on a copy: "), "{findings:#?}");
    assert!(findings[0].message.contains("9_codes.up.sql:1:"), "{findings:#?}");
    assert_eq!(ledger(&stage).await, before);
}

/// Line ends, a byte-order mark, a missing last newline, a licence: the checksum is rewritten.
pub async fn spellings_and_comments_are_restamped_and_nothing_is_run<F: Fixture>() {
    let stage = incident::<F>(NINE, "CREATE TABLE other (id integer);\n").await;
    let mut heals = 0;
    for (text, class) in [
        (NINE.replace('\n', "\r\n"), EditClass::LineEndings),
        (format!("\u{feff}{NINE}"), EditClass::LineEndings),
        (NINE.trim_end().to_owned(), EditClass::LineEndings),
        (format!("-- Copyright (c) somebody\n{NINE}"), EditClass::Cosmetic),
        (NINE.replace("codes (id", "codes (\n    id"), EditClass::Cosmetic),
    ] {
        // Whatever nine would do again would show.
        stage.database.run("DELETE FROM codes").await;
        stage.up("9_codes", &text);
        let drift = stage.status().await.drift;
        assert_eq!((drift[0].severity, drift[0].class), (Severity::Warning, Some(class)));
        let done = stage.apply().await;
        assert!(numbers(&done, stopover_model::report::MigrationStatus::Applied).is_empty());
        let findings = healed(&done.findings);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains(&format!("(class: {class})")), "{findings:?}");
        assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "0");
        let status = stage.status().await;
        assert!(status.drift.is_empty(), "{:?}", status.drift);
        heals += 1;
        assert_eq!(status.healed.len(), heals);
        assert_eq!(status.healed[heals - 1].class, Some(class));
    }
}

/// The ledger of sqlx has a hash alone: spellings are known all the same, and a heal leaves a row
/// that sqlx takes for its own.
pub async fn sqlxs_ledger_is_healed_in_place<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.ledger(LedgerKind::Sqlx);
    stage.makes_tables(&["1_users"]);
    stage.up("9_codes", NINE);
    stage.apply().await;
    let before = ledger(&stage).await;
    stage.up("9_codes", &NINE.replace('\n', "\r\n"));
    stage.apply().await;
    let restamped = ledger(&stage).await;
    assert_ne!(restamped[1].checksum, before[1].checksum);
    stage.up("9_codes", NINE);
    stage.apply().await;
    assert_eq!(ledger(&stage).await, before, "and back");

    poison(&stage).await;
    assert_eq!(told(&stage.refused().await), ["modified"]);
    allow(&mut stage, &[9]);
    stage.apply().await;
    assert_eq!(ledger(&stage).await, before);
    let ways: Vec<_> = stage.status().await.healed.iter().map(|it| it.way).collect();
    assert_eq!(ways, [HealKind::Restamp, HealKind::Restamp, HealKind::Rerun]);
}

/// Several at once, ascending, each in its way.
pub async fn several_edits_are_healed_in_one_go<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    let rebuild = |name: &str| {
        format!(
            "-- stopover: idempotent\nCREATE TABLE IF NOT EXISTS {name} (id integer PRIMARY KEY);\n"
        )
    };
    stage.up("1_a", &rebuild("a"));
    stage.up("2_b", "CREATE TABLE b (id integer PRIMARY KEY);\n");
    stage.up("3_c", &rebuild("c"));
    stage.apply().await;
    stage.up("1_a", &format!("{}SELECT 1;\n", rebuild("a")));
    stage.up("2_b", "CREATE TABLE b (id integer PRIMARY KEY);\r\n");
    stage.up("3_c", &format!("{}SELECT 2;\n", rebuild("c")));
    stage.makes_tables(&["4_d"]);
    let done = stage.apply().await;
    let versions: Vec<_> = done.report().healed;
    assert_eq!(versions, [1, 2, 3].map(Version::Integer));
    assert_eq!(done.report().applied, [Version::Integer(4)]);
    assert!(stage.status().await.drift.is_empty());
}

/// Two at once: healed once.
pub async fn runners_that_start_together_heal_once<F: Fixture>() {
    let mut stage = incident::<F>(NINE, "CREATE TABLE other (id integer);\n").await;
    poison(&stage).await;
    allow(&mut stage, &[9]);
    let source = stage.source();
    let request = stage.request(&source);
    let run = || async {
        let backend = stage.database.backend();
        stopover_engine::apply(&backend, &request, &mut stopover_model::Silent).await
    };
    let (one, other) = tokio::join!(run(), run());
    let heals = |it: Result<stopover_engine::Applied, EngineError>| {
        healed(&it.expect("an apply that begins").findings).len()
    };
    assert_eq!(heals(one) + heals(other), 1);
    assert_eq!(stage.status().await.healed.len(), 1);
}

/// What a rehearsal, and a gate that is switched off, make of a heal.
pub async fn heals_are_told_and_not_done_where_the_policy_says_so<F: Fixture>() {
    let mut stage = incident::<F>(NINE, "CREATE TABLE other (id integer);\n").await;
    stage.up("9_codes", &NINE.replace('\n', "\r\n"));
    let before = ledger(&stage).await;
    stage.policy.heal.mode = HealMode::Report;
    let done = stage.apply().await;
    assert_eq!(told(&done.findings), ["modified"]);
    assert_eq!(done.findings[0].severity, Severity::Warning);
    stage.policy.heal.mode = HealMode::Off;
    assert_eq!(told(&stage.refused().await), ["modified"]);
    stage.policy.heal.mode = HealMode::Heal;
    stage.policy.heal.harmless = HarmlessEdit::Refuse;
    assert_eq!(told(&stage.refused().await), ["modified"]);
    assert_eq!(ledger(&stage).await, before);
}

/// A journal of an older version of this tool gets its column, and what is applied from then on is
/// known.
pub async fn a_journal_without_scripts_learns_to_keep_them<F: Fixture>() {
    let stage = incident::<F>(NINE, "CREATE TABLE other (id integer);\n").await;
    let table =
        stage.status().await.ledger.table.replace("applied_migrations", "migration_journal");
    stage.database.run(&format!("ALTER TABLE {table} DROP COLUMN script")).await;
    stage.up("9_codes", &format!("-- why\n{NINE}"));
    assert_eq!(stage.refused().await[0].message, format!("{MODIFIED} (class: unknown)"));
    stage.up("9_codes", NINE);
    stage.makes_tables(&["11_late"]);
    stage.apply().await;
    stage.up("11_late", "/* why */ CREATE TABLE late (id integer PRIMARY KEY, name text);\n");
    let done = stage.apply().await;
    assert!(healed(&done.findings)[0].message.contains("(class: cosmetic)"));
}

/// A script that is run again leaves nothing of itself in the session that writes the ledger.
pub async fn a_rerun_that_changes_its_session_is_recorded_all_the_same<F: Fixture>() {
    let nine = format!("{NINE}{}", F::PHRASES.leak);
    let mut stage = incident::<F>(&nine, "CREATE TABLE other (id integer);\n").await;
    let before = ledger(&stage).await;
    poison(&stage).await;
    allow(&mut stage, &[9]);
    stage.makes_tables(&["11_late"]);
    stage.up("12_look", F::PHRASES.look);
    stage.apply().await;
    assert_eq!(ledger(&stage).await[..3], before);
    assert_eq!(stage.database.value("SELECT setting FROM seen").await, F::PHRASES.untouched);
}
