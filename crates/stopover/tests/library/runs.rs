//! What a run does, and what it proves.

use std::sync::{Arc, Mutex};

use stopover::{Error, Event, LedgerKind, OrphanPolicy, Policy, Runner, Severity};
use stopover_testkit::TestDatabase;

use crate::{File, SHOP, versions};

#[tokio::test]
async fn an_embedded_folder_is_the_folder() {
    let file = File::fresh();
    let on_disk = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/migrations");
    let embedded = file.runner().embedded(SHOP).plan().await.unwrap();
    let folder = file.runner().folder(on_disk).plan().await.unwrap();
    assert_eq!(embedded.steps.len(), 2);
    assert_eq!(embedded.plan_hash, folder.plan_hash);
    let names: Vec<&str> = SHOP.files().iter().map(|(name, _)| *name).collect();
    let mut listed: Vec<String> = std::fs::read_dir(on_disk)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    listed.sort();
    assert_eq!(names, listed);
    for (name, bytes) in SHOP.files() {
        assert_eq!(*bytes, std::fs::read(format!("{on_disk}/{name}")).unwrap(), "{name}");
    }
    // What one has applied, the other finds done.
    file.runner().embedded(SHOP).run().await.unwrap();
    assert_eq!(file.runner().folder(on_disk).run().await.unwrap().applied, []);
}

#[tokio::test]
async fn what_happened_is_in_the_report_and_told_as_it_happens() {
    let database = TestDatabase::create().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&told);
    let runner = Runner::new(&database.url()).unwrap().embedded(SHOP).on_event(move |event| {
        if let Event::MigrationFinished { version, .. } = event {
            ear.lock().unwrap().push(version);
        }
    });
    assert_eq!(runner.status().await.unwrap().pending.len(), 2);
    let report = runner.run().await.unwrap();
    assert_eq!(report.applied, versions(&[1, 2]));
    assert_eq!(*told.lock().unwrap(), report.applied);
    assert_eq!(report.ledger.len(), 2);
    assert_eq!(report.migrations[0].statements[0].tag, "CREATE TABLE");
    assert_eq!(report.findings, []);
    assert_eq!(database.psql("select count(*) from stopover.applied_migrations"), "2");
}

#[tokio::test]
async fn a_ledger_can_be_named_and_chosen() {
    let database = TestDatabase::create().await;
    let runner = Runner::new(&database.url()).unwrap().embedded(SHOP);
    let report = runner.clone().ledger_table("ops", "history").run().await.unwrap();
    assert_eq!(report.applied.len(), 2);
    assert_eq!(database.psql("select count(*) from ops.history"), "2");
    let other = TestDatabase::create().await;
    Runner::new(&other.url()).unwrap().embedded(SHOP).ledger(LedgerKind::Sqlx).run().await.unwrap();
    assert_eq!(other.psql("select count(*) from _sqlx_migrations where success"), "2");
}

#[tokio::test]
async fn nothing_to_do_needs_no_right_to_write() {
    let database = TestDatabase::create().await;
    Runner::new(&database.url()).unwrap().embedded(SHOP).run().await.unwrap();
    let role = database.database().replace("test_", "reader_");
    database.psql(&format!(
        "create role {role} login password 'pw' in role pg_read_all_data; \
         alter role {role} set default_transaction_read_only = on"
    ));
    let reader = Runner::new(&database.as_role(&role, "pw").url()).unwrap();
    let report = reader.clone().embedded(SHOP).run().await.unwrap();
    let more = reader
        .embedded(
            const { &[("1_a.sql", b"SELECT 1;".as_slice()), ("2_b.sql", b"SELECT 2;".as_slice())] },
        )
        .run()
        .await;
    database.psql(&format!("drop role {role}"));
    assert_eq!(report.applied, []);
    assert_eq!(report.ledger.len(), 2, "what is applied is said all the same");
    assert!(matches!(more, Err(Error::Refused { .. })), "{more:?}");
}

#[tokio::test]
async fn orphans_that_the_policy_lets_pass_are_warnings() {
    let file = File::fresh();
    file.runner().embedded(SHOP).run().await.unwrap();
    let older = file.runner().embedded(
        const {
            &[(
                "0001_customers.up.sql",
                b"CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL);\n"
                    .as_slice(),
            )]
        },
    );
    let refused = older.run().await.unwrap_err();
    let Error::Refused { findings } = &refused else { panic!("{refused:?}") };
    assert_eq!((findings[0].code.as_str(), findings[0].subject.as_str()), ("orphan", "2"));
    let policy = Policy { orphan: OrphanPolicy::Warn, ..Policy::default() };
    let report = older.policy(policy).run().await.unwrap();
    let [warning] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
    assert_eq!((warning.code.as_str(), warning.severity), ("orphan", Severity::Warning));
}

#[tokio::test]
async fn ok_means_that_ledger_and_source_are_the_same_afterwards() {
    let database = TestDatabase::create().await;
    let runner = Runner::new(&database.url()).unwrap().embedded(
        const {
            &[
                ("1_a.sql", b"CREATE TABLE a (id int);".as_slice()),
                (
                    "2_plant.sql",
                    b"INSERT INTO stopover.applied_migrations (version, name, provenance, tool_version)
              VALUES (99, 'planted', 'applied', '0');"
                        .as_slice(),
                ),
            ]
        },
    );
    let error = runner.run().await.unwrap_err();
    let Error::Diverged { findings, applied } = &error else { panic!("{error:?}") };
    assert_eq!(*applied, versions(&[1, 2]));
    assert_eq!((findings[0].code.as_str(), findings[0].subject.as_str()), ("orphan", "99"));
}

#[tokio::test]
async fn the_first_boot_takes_golang_migrates_counter_over_where_it_may() {
    let database = TestDatabase::create().await;
    Runner::new(&database.url()).unwrap().embedded(SHOP).run().await.unwrap();
    database.psql(
        "DROP SCHEMA stopover CASCADE;
         CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
         INSERT INTO schema_migrations VALUES (2, false);",
    );
    let runner = Runner::new(&database.url()).unwrap().embedded(SHOP);
    assert!(matches!(runner.run().await, Err(Error::Refused { .. })));
    assert_eq!(database.psql("SELECT to_regnamespace('stopover') IS NULL"), "t");

    let runner = runner.auto_adopt();
    let report = runner.run().await.unwrap();
    assert_eq!((report.applied.len(), report.ledger.len()), (0, 2));
    let codes: Vec<&str> = report.findings.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(codes, ["adopted"]);
    let rows = "SELECT string_agg(version || provenance, ' ' ORDER BY version) \
                FROM stopover.applied_migrations";
    assert_eq!(database.psql(rows), "1assumed 2assumed");
    assert_eq!(runner.run().await.unwrap().findings, []);
}
