//! A service that applies only what was rehearsed.

use std::time::Duration;

use jiff::Timestamp;
use stopover::{Error, Runner};
use stopover_model::report::Verdict;
use stopover_model::{
    DatabaseKind, Grounds, LedgerFacts, LedgerKind, LedgerState, RECEIPT_VERSION, Receipt,
    ReceiptSettings, RehearsedBackup, RehearsedSchema, Schema,
};
use stopover_receipts::{ReceiptPlace, SigningKey};
use stopover_testkit::TestDatabase;

use crate::{File, SHOP, versions};

const DAY: Duration = Duration::from_hours(24);

/// What a green rehearsal of the whole shop on an empty database leaves.
async fn receipt(runner: &Runner, database: &TestDatabase) -> Receipt {
    let kind = LedgerKind::Stopover;
    let (table, checksums) = ("stopover.applied_migrations".to_owned(), kind.checksums());
    let ledger = LedgerFacts { kind, table, exists: false, checksums, rows: Vec::new() };
    Receipt {
        schema_version: RECEIPT_VERSION,
        tool_version: "0.1.0".to_owned(),
        rehearsed_at: Timestamp::now(),
        verdict: Verdict::Green,
        detail: String::new(),
        grounds: Grounds {
            plan_hash: runner.plan().await.expect("a plan").plan_hash.expect("a hash"),
            ledger: LedgerState::of(&ledger),
            database: DatabaseKind::Postgres,
            server_version: database.psql("SHOW server_version"),
        },
        migrations: Vec::new(),
        tables: Vec::new(),
        backup: RehearsedBackup::default(),
        schema: Some(RehearsedSchema::of(&Schema::new(Vec::new()))),
        settings: ReceiptSettings::default(),
        signature: None,
    }
}

fn said(error: &Error) -> String {
    let Error::Refused { findings } = error else { panic!("{error:?}") };
    assert!(findings.iter().all(|it| it.code == "receipt"), "{findings:?}");
    error.to_string()
}

#[tokio::test]
async fn a_service_runs_only_what_was_rehearsed_and_signed() {
    let database = TestDatabase::create().await;
    let folder = tempfile::tempdir().expect("a folder");
    let plain = Runner::new(&database.url()).expect("a URL").embedded(SHOP);
    let key = SigningKey::generate(&folder.path().join("key")).expect("a key");
    let receipts = folder.path().join("receipts");
    let runner = plain.clone().require_rehearsal(DAY).receipts(&receipts);
    let runner = runner.receipt_public_key(&key.public().to_string()).expect("a key");
    let none = said(&runner.run().await.expect_err("there is none"));
    assert!(none.contains("there is no receipt in "), "{none}");

    let place = ReceiptPlace::new(receipts, None);
    let mut receipt = receipt(&plain, &database).await;
    place.store(&receipt).expect("stored");
    let unsigned = said(&runner.run().await.expect_err("it is not signed"));
    assert!(unsigned.contains("without a signature"), "{unsigned}");
    assert_eq!(database.psql("SELECT to_regclass('stopover.applied_migrations')"), "");

    key.sign(&mut receipt);
    place.store(&receipt).expect("stored");
    assert_eq!(runner.run().await.expect("it fits").applied, versions(&[1, 2]));
    // Nothing is pending any more: nothing has to be rehearsed.
    std::fs::remove_dir_all(folder.path().join("receipts")).expect("removed");
    assert_eq!(runner.run().await.expect("in step").applied, []);
}

#[tokio::test]
async fn an_sqlite_file_asks_for_a_receipt_as_well() {
    let file = File::fresh();
    let runner = file.runner().embedded(SHOP).require_rehearsal(DAY);
    let said = said(&runner.run().await.expect_err("there is none"));
    assert!(said.contains("there is no receipt in "), "{said}");
    assert_eq!(file.runner().embedded(SHOP).run().await.expect("without").applied.len(), 2);
    let error = file.runner().receipt_public_key("stopover-public-key-1:12").expect_err("short");
    assert!(matches!(error, Error::Settings { .. }), "{error:?}");
}
