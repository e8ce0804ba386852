//! How often the schema is read: it is the longest look at the catalogs that there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stopover_backend::{Privileges, Stop};
use stopover_engine::{Applied, Ending, Request, Safeguards, apply_safely, schema};
use stopover_model::report::{MigrationStatus, Verdict};
use stopover_model::{
    Gate, Grounds, RECEIPT_VERSION, Receipt, ReceiptSeen, ReceiptSettings, Receipts, ReceiptsRead,
    RehearsedBackup, RehearsedMigration, RehearsedSchema, Requirement, Schema, SignatureNeed,
    SignatureSeen, Silent,
};
use stopover_testkit::TestServer;

use crate::before::server;
use crate::stage::{NOTE, Stage};

/// Asked for where the schema is read, and nowhere else.
const MARK: &str = "pg_ts_template";

/// A server whose log has every request.
async fn logging() -> TestServer {
    server(&[
        ("log_statement", "all"),
        ("logging_collector", "on"),
        ("log_filename", "all.log"),
        ("log_min_messages", "log"),
    ])
    .await
}

/// How often the log has had [`MARK`] until now. What was asked before is in it: a line that is
/// written last is waited for.
fn marks(stage: &Stage, now: &str) -> usize {
    stage.psql(&format!("SELECT 'until {now}'"));
    let log = "pg_read_file(pg_current_logfile())";
    let began = Instant::now();
    while stage.psql(&format!("SELECT strpos({log}, 'until ' || '{now}') > 0")) != "t" {
        assert!(began.elapsed() < Duration::from_secs(120), "the log is not written");
    }
    stage.psql(&format!("SELECT {log}")).matches(MARK).count()
}

async fn read(stage: &Stage) -> Schema {
    let (backend, facts) = (stage.backend(&stage.database), stage.request().facts);
    let read = schema(&backend, &facts, Privileges::LeftOut, &Stop::never()).await;
    read.expect("the schema is read")
}

async fn applied(stage: &Stage, gate: Gate) -> Applied {
    let safeguards = Safeguards {
        preflight: Some(stage.preflight.clone()),
        postflight: Some(stage.limits.clone()),
        ..Safeguards::default()
    };
    let request = Request { gate, ..stage.request() };
    let backend = stage.backend(&stage.database);
    let applied = apply_safely(&backend, &request, &safeguards, &mut Silent).await;
    let applied = applied.expect("an apply that begins");
    assert!(matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
    let passed = applied.around.postflight.as_ref().map(|it| it.validation_passed);
    assert_eq!(passed, Some(true), "{:#?}", applied.findings);
    applied
}

/// The receipt of a rehearsal that nobody made, and an apply that requires it.
#[derive(Debug)]
struct Held(Receipt);

impl Receipts for Held {
    fn read(&self) -> ReceiptsRead {
        let (path, signature) = ("receipt.json".to_owned(), SignatureSeen::Missing);
        let seen = vec![ReceiptSeen { path, receipt: self.0.clone(), signature }];
        ReceiptsRead { place: "receipts".to_owned(), seen, unreadable: Vec::new() }
    }
}

async fn required(stage: &Stage) -> Gate {
    let (plan, facts) = stage.plan().await;
    let ran = |it| RehearsedMigration::of(it, MigrationStatus::Applied, Some(10.0));
    let receipt = Receipt {
        schema_version: RECEIPT_VERSION,
        tool_version: "0.1.0".to_owned(),
        rehearsed_at: jiff::Timestamp::now(),
        verdict: Verdict::Green,
        detail: String::new(),
        grounds: Grounds::of(plan.hash(), &facts),
        migrations: plan.steps.iter().map(ran).collect(),
        tables: Vec::new(),
        backup: RehearsedBackup::default(),
        schema: Some(RehearsedSchema::of(&read(stage).await)),
        settings: ReceiptSettings::default(),
        signature: None,
    };
    let requirement = Requirement { max_age: Duration::from_hours(24), backup_max_age: None };
    Gate {
        receipts: Arc::new(Held(receipt)),
        signatures: SignatureNeed::None,
        requirement: Some(requirement),
    }
}

/// Gate, preflight, postflight and fingerprint each read it for themselves: five times where a
/// rehearsal was required, three times elsewhere.
#[tokio::test]
async fn an_apply_reads_the_schema_once_before_its_plan_and_once_behind_it() {
    let server = logging().await;
    let mut stage = Stage::on(&server).await.with(2, NOTE);
    let limits = &mut stage.preflight.limits;
    (limits.fact_timeout, limits.long_transaction) =
        (Duration::from_secs(120), Duration::from_secs(600));
    stage.limits.fact_timeout = Duration::from_secs(120);

    let none = marks(&stage, "the beginning");
    read(&stage).await;
    let once = marks(&stage, "one reading");
    let each = once - none;
    assert!(each > 0, "the log tells of it");

    // There is no fingerprint yet: nothing to compare the schema with.
    applied(&stage, Gate::default()).await;
    let first = marks(&stage, "the first apply");
    assert_eq!(first - once, each, "behind the plan");

    let stage = stage.with(3, "CREATE TABLE third (id int);");
    applied(&stage, Gate::default()).await;
    let second = marks(&stage, "the second apply");
    assert_eq!(second - first, 2 * each, "before the plan and behind it");

    let stage = stage.with(4, "CREATE TABLE fourth (id int);");
    let gate = required(&stage).await;
    let second = second + each;
    let rehearsed = applied(&stage, gate).await;
    assert!(rehearsed.receipt.is_some(), "the receipt opened the gate");
    let third = marks(&stage, "the third apply");
    assert_eq!(third - second, 2 * each, "for the gate, too, no more than that");
    drop(stage);
    server.stop().await;
}
