//! Preflight and postflight of a file: what SQLite has no notion of is told so, and what it has is
//! found.

mod support;

use stopover_backend::{Backend, FactsReader};
use stopover_engine::{
    Before, Postflight, Preflight, before, postflight, preflight, record_schema,
};
use stopover_model::harness::PostflightLimits;
use stopover_model::report::{CheckOutcome, PostflightReport, PreflightReport};
use stopover_model::{Direction, Finding, Severity, Silent, Version};
use stopover_planner::{Selection, plan};
use stopover_sqlite::{SqliteBackend, Target};
use support::{Asked, Folder, apply};

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id));
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (1, 1), (2, 1);
";

async fn shop() -> Folder {
    let folder = Folder::new();
    folder.migration("1_shop.up.sql", SHOP);
    apply(&folder).await.expect("it is applied");
    folder
}

async fn look(folder: &Folder) -> PreflightReport {
    let (source, usual) = (folder.source(), Asked::usual());
    let asked = Preflight::default();
    preflight(&folder.backend(), &usual.of(&source), &asked).await.expect("it is read")
}

async fn look_after(folder: &Folder, before: Option<&Before>) -> PostflightReport {
    let (source, usual) = (folder.source(), Asked::usual());
    let asked = Postflight { before, ..Postflight::default() };
    postflight(&folder.backend(), &usual.of(&source), &asked).await.expect("it is read")
}

fn errors(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|it| it.is_error()).map(|it| it.code.as_str()).collect()
}

#[tokio::test]
async fn a_file_as_its_source_has_it_is_green_before_and_after() {
    let folder = shop().await;
    folder.migration("2_note.up.sql", "ALTER TABLE orders ADD COLUMN note TEXT;");
    let report = look(&folder).await;
    assert!(report.preflight_passed, "{:#?}", report.findings);
    assert_eq!(report.pending, Some(vec![Version::Integer(2)]));
    let of = |code: &str| report.checks.iter().find(|it| it.code == code).map(|it| it.outcome);
    assert_eq!(of("drift"), Some(CheckOutcome::Clean));
    assert_eq!(of("long-transaction"), Some(CheckOutcome::NotApplicable));
    assert_eq!(of("version"), Some(CheckOutcome::NotApplicable));
    apply(&folder).await.expect("it is applied");
    let report = look_after(&folder, None).await;
    assert!(report.validation_passed, "{:#?}", report.findings);
    assert_eq!((report.migrations_applied, report.dirty_migrations), (Some(2), Some(0)));
}

#[tokio::test]
async fn a_preflight_tells_of_a_file_that_no_backup_holds() {
    let folder = shop().await;
    folder.migration("2_archive.up.sql", "ATTACH 'archive.db' AS archive;");
    let report = look(&folder).await;
    assert!(report.preflight_passed, "{:#?}", report.findings);
    let found = report.findings.iter().find(|it| it.severity == Severity::Warning);
    let found = found.expect("a warning");
    assert!(found.message.starts_with("other-file: "), "{found:?}");
    assert!(found.message.contains("opens archive.db: "), "{found:?}");
}

#[tokio::test]
async fn looking_makes_no_file_and_changes_none() {
    let folder = Folder::new();
    folder.migration("1_shop.up.sql", SHOP);
    assert!(look(&folder).await.preflight_passed);
    assert_eq!(errors(&look_after(&folder, None).await.findings), ["ledger"]);
    assert_eq!(folder.files(), ["migrations"]);
    apply(&folder).await.expect("it is applied");
    let bytes = std::fs::read(folder.database()).expect("the file");
    look(&folder).await;
    look_after(&folder, None).await;
    assert_eq!(std::fs::read(folder.database()).expect("the file"), bytes);
}

#[tokio::test]
async fn rows_without_a_parent_are_told_with_the_statements_for_them() {
    let folder = shop().await;
    folder.run(
        "PRAGMA foreign_keys = off; INSERT INTO orders SELECT value, 7 FROM \
                generate_series(10, 16)"
            .replace(
                "SELECT value, 7 FROM generate_series(10, 16)",
                "VALUES (10, 7), (11, 7), (12, 7), (13, 7), (14, 7), (15, 7), (16, 8)",
            )
            .as_str(),
    );
    let report = look_after(&folder, None).await;
    assert_eq!(errors(&report.findings), ["fk-orphans"]);
    let [orphans] = &report.orphans[..] else { panic!("{:?}", report.orphans) };
    assert_eq!((orphans.count, orphans.samples.len()), (7, 5));
    assert_eq!(orphans.samples[0], "rowid = 10");
    let count = format!("SELECT count(*) FROM ({})", orphans.list);
    assert_eq!(folder.value(&count), "7");
    folder.run(&orphans.delete);
    assert!(look_after(&folder, None).await.validation_passed);
}

#[tokio::test]
async fn views_and_triggers_that_do_not_compile_are_broken_and_none_is_run() {
    let folder = shop().await;
    folder.run(
        "CREATE TABLE log (at TEXT); CREATE TABLE old (id INTEGER); \
         CREATE VIEW fine AS SELECT * FROM orders; CREATE VIEW broken AS SELECT * FROM old; \
         CREATE TRIGGER good AFTER INSERT ON orders BEGIN INSERT INTO log VALUES ('i'); END; \
         CREATE TRIGGER onto INSTEAD OF DELETE ON fine BEGIN INSERT INTO log VALUES ('v'); END; \
         CREATE TRIGGER bad AFTER UPDATE OF customer_id ON orders \
           BEGIN INSERT INTO old VALUES (1); END; \
         PRAGMA legacy_alter_table = on; DROP TABLE old;",
    );
    let report = look_after(&folder, None).await;
    let broken: Vec<&str> = report
        .findings
        .iter()
        .filter(|it| it.code == "broken-view")
        .map(|it| it.subject.as_str())
        .collect();
    assert_eq!(broken, ["trigger bad", "view broken"]);
    assert_eq!(folder.value("SELECT count(*) FROM log"), "0");
}

#[tokio::test]
async fn a_change_by_hand_is_drift_that_names_the_object() {
    let folder = shop().await;
    let (source, usual) = (folder.source(), Asked::usual());
    let recorded = record_schema(&folder.backend(), &usual.of(&source), &mut Silent).await;
    recorded.expect("it is recorded");
    assert!(look(&folder).await.preflight_passed);
    folder.run("CREATE INDEX by_hand ON orders (customer_id)");
    let report = look(&folder).await;
    assert_eq!(errors(&report.findings), ["drift"]);
    let found = report.findings.iter().find(|it| it.is_error()).expect("an error");
    assert!(found.message.contains("by_hand (new)"), "{found:?}");
}

#[tokio::test]
async fn what_an_interrupted_migration_made_is_no_change_by_hand_that_stops_it() {
    let folder = shop().await;
    let (source, usual) = (folder.source(), Asked::usual());
    let recorded = record_schema(&folder.backend(), &usual.of(&source), &mut Silent).await;
    recorded.expect("it is recorded");
    let begun = "-- stopover: no-transaction\nCREATE TABLE notes (id INTEGER);\n";
    folder.migration("2_notes.up.sql", &format!("{begun}INSERT INTO nowhere VALUES (1);\n"));
    let applied = apply(&folder).await.expect("as far as it comes");
    assert!(!matches!(applied.ending, stopover_engine::Ending::Complete));
    folder.migration("2_notes.up.sql", &format!("{begun}INSERT INTO notes VALUES (1);\n"));
    let report = look(&folder).await;
    assert!(report.preflight_passed, "{:#?}", report.findings);
    let told = |it: &&Finding| it.subject == "the schema" && it.severity == Severity::Warning;
    let found = report.findings.iter().find(told).expect("a warning");
    assert!(found.message.contains("table notes (new)"), "{found:?}");
    assert!(found.message.ends_with("may have made that: 2"), "{found:?}");
    apply(&folder).await.expect("it goes on");
    assert_eq!(folder.value("SELECT count(*) FROM notes"), "1");
}

/// Applies what is pending, and looks before and after.
async fn applied_and_looked(folder: &Folder) -> PostflightReport {
    let (source, usual) = (folder.source(), Asked::usual());
    let limits = PostflightLimits::default();
    let (backend, request) = (folder.backend(), usual.of(&source));
    let mut session = backend.connect().await.expect("it opens");
    let facts = session.facts(&request.facts).await.expect("it is read");
    let plan = plan(&source, &facts, request.policy, &Selection::All).expect("a plan");
    let seen =
        before(&backend, &request, &limits, (&plan, Direction::Up)).await.expect("it is read");
    drop(session);
    apply(folder).await.expect("it is applied");
    look_after(folder, Some(&seen)).await
}

#[tokio::test]
async fn rows_that_are_gone_are_an_error() {
    let folder = shop().await;
    folder.migration("2_less.up.sql", "DELETE FROM orders WHERE id = 2;");
    let report = applied_and_looked(&folder).await;
    assert_eq!(errors(&report.findings), ["census"]);
}

/// A table with values, and a migration that makes it again.
async fn rebuilt(script: &str) -> PostflightReport {
    let folder = Folder::new();
    let users = "CREATE TABLE users (id INTEGER PRIMARY KEY, Name TEXT, mail TEXT);\n\
                 INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', NULL), (3, 'c', 'z');\n";
    folder.migration("1_users.up.sql", users);
    apply(&folder).await.expect("it is applied");
    folder.migration("2_rebuilt.up.sql", script);
    applied_and_looked(&folder).await
}

fn census(report: &PostflightReport) -> Vec<(Severity, &str)> {
    let found = report.findings.iter().filter(|it| it.code == "census");
    found.map(|it| (it.severity, it.message.as_str())).collect()
}

#[tokio::test]
async fn a_column_that_a_rebuild_does_not_fill_is_an_error() {
    for copied in ["SELECT id, Name, NULL", "SELECT id, Name, nullif(mail, 'x')"] {
        let script = format!(
            "CREATE TABLE users_new (id INTEGER PRIMARY KEY, Name TEXT NOT NULL, mail TEXT);\n\
             INSERT INTO users_new {copied} FROM users;\nDROP TABLE users;\n\
             ALTER TABLE users_new RENAME TO users;\n"
        );
        let report = rebuilt(&script).await;
        assert_eq!(errors(&report.findings), ["census"], "{copied}");
        let told = "column mail holds";
        assert!(census(&report)[0].1.contains(told), "{:?}", census(&report));
        assert!(!report.validation_passed);
        let allowed = format!("-- stopover: allow data-loss(users)\n{script}");
        let report = rebuilt(&allowed).await;
        assert!(report.validation_passed, "{:#?}", report.findings);
        assert_eq!(census(&report)[0].0, Severity::Note);
    }
}

#[tokio::test]
async fn a_column_that_a_rebuild_leaves_out_is_an_error() {
    let report = rebuilt(
        "ALTER TABLE users RENAME TO \"old users\";\n\
         CREATE TABLE users (id INTEGER PRIMARY KEY, Name TEXT);\n\
         INSERT INTO users SELECT id, Name FROM \"old users\";\nDROP TABLE \"old users\";\n",
    )
    .await;
    assert_eq!(errors(&report.findings), ["census"]);
    let told = "column mail is gone, or has another name: it held a value in 2 of 3 rows";
    assert!(census(&report)[0].1.contains(told), "{:?}", census(&report));
}

#[tokio::test]
async fn a_rebuild_that_keeps_every_value_is_green_and_so_is_one_that_renames_by_its_name() {
    for script in [
        "CREATE TABLE n (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT, more TEXT);\n\
         INSERT INTO n SELECT id, Name, mail, NULL FROM users;\nDROP TABLE users;\n\
         ALTER TABLE n RENAME TO users;\n",
        "ALTER TABLE users RENAME COLUMN mail TO address;\n\
         CREATE TABLE n (id INTEGER PRIMARY KEY, Name TEXT, address TEXT);\n\
         INSERT INTO n SELECT * FROM users;\nDROP TABLE users;\nALTER TABLE n RENAME TO users;\n",
        "ALTER TABLE users DROP COLUMN mail;\n",
    ] {
        let report = rebuilt(script).await;
        assert!(report.validation_passed, "{script}: {:#?}", report.findings);
        assert_eq!(census(&report), [], "{script}");
    }
}

#[tokio::test]
async fn a_database_that_may_only_be_read_cannot_be_applied_to() {
    let folder = shop().await;
    folder.migration("2_note.up.sql", "ALTER TABLE orders ADD COLUMN note TEXT;");
    let url = format!("sqlite:{}?mode=ro", folder.database().display());
    let backend = SqliteBackend::new(Target::parse(&url).expect("a URL"));
    let (source, usual) = (folder.source(), Asked::usual());
    let report = preflight(&backend, &usual.of(&source), &Preflight::default()).await;
    let report = report.expect("it is read");
    assert_eq!(errors(&report.findings), ["privileges"]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let folder = shop().await;
    folder.run(
        "CREATE INDEX o ON orders (customer_id); PRAGMA writable_schema = on; \
                UPDATE sqlite_schema SET sql = 'CREATE INDEX o ON orders (id)' WHERE name = 'o'",
    );
    let report = look_after(&folder, None).await;
    let found = report.findings.iter().find(|it| it.code == "damage").expect("damage");
    assert_eq!(found.severity, Severity::Error);
}
