//! Receipts that fit, and everything that keeps one from fitting.

mod changes;
mod database;

use stopover_model::report::MigrationStatus;
use stopover_model::{
    Boundary, Checksum, DatabaseKind, ForeignKeys, LedgerFacts, LedgerKind, LedgerRow, Provenance,
    Resume, RowState, Schema, SchemaObject, Unreadable,
};

use super::*;

fn step(version: i64) -> Step {
    Step {
        version: Version::Integer(version),
        name: format!("m{version}"),
        path: format!("migrations/{version}.sql"),
        file: format!("{version}.sql"),
        text: String::new(),
        checksum: None,
        sha256: Checksum::sha256(version.to_string().as_bytes()),
        boundary: Boundary::Transactional,
        statements: Vec::new(),
        lock_timeout: None,
        statement_timeout: None,
        foreign_keys: ForeignKeys::default(),
        out_of_order: false,
        resume: None,
    }
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan {
        ledger: LedgerKind::Stopover,
        heals: Vec::new(),
        downs: Vec::new(),
        steps,
        findings: Vec::new(),
    }
}

fn row(version: i64) -> LedgerRow {
    LedgerRow {
        version: Version::Integer(version),
        name: None,
        applied_at: format!("2026-01-01T00:00:{version:02}Z").parse().ok(),
        checksum: Some(Checksum::sha256(b"x")),
        provenance: Provenance::Applied,
        state: RowState::Done,
    }
}

fn grounds(plan: &Plan, rows: Vec<LedgerRow>) -> Grounds {
    let kind = LedgerKind::Stopover;
    let (table, checksums) = ("stopover.applied_migrations".to_owned(), kind.checksums());
    let ledger = LedgerState::of(&LedgerFacts { kind, table, exists: true, checksums, rows });
    let (database, server_version) = (DatabaseKind::Postgres, "15.18".to_owned());
    Grounds { plan_hash: plan.hash(), ledger, database, server_version }
}

fn at(time: &str) -> Timestamp {
    format!("2026-11-20T{time}Z").parse().expect("a time")
}

/// The receipt of a green rehearsal of `plan` at 12:00.
fn green(plan: &Plan, grounds: &Grounds) -> Receipt {
    let applied = |it: &Step| RehearsedMigration::of(it, MigrationStatus::Applied, Some(10.0));
    Receipt {
        schema_version: stopover_model::RECEIPT_VERSION,
        tool_version: "0.1.0".to_owned(),
        rehearsed_at: at("12:00:00"),
        verdict: Verdict::Green,
        detail: "2 migrations applied".to_owned(),
        grounds: grounds.clone(),
        migrations: plan.steps.iter().map(applied).collect(),
        tables: Vec::new(),
        backup: stopover_model::RehearsedBackup {
            age_ms: Some(7_200_000),
            ..stopover_model::RehearsedBackup::default()
        },
        schema: Some(schema(&[])),
        settings: stopover_model::ReceiptSettings::default(),
        signature: None,
    }
}

/// A schema of these tables.
fn schema(tables: &[&str]) -> RehearsedSchema {
    let table = |it: &&str| SchemaObject {
        kind: "table".to_owned(),
        identity: format!("public.{it}"),
        definition: "columns: id".to_owned(),
    };
    RehearsedSchema::of(&Schema::new(tables.iter().map(table).collect()))
}

fn seen(receipt: Receipt) -> ReceiptSeen {
    let path = "logs/receipts/one.json".to_owned();
    ReceiptSeen { path, receipt, signature: SignatureSeen::Missing }
}

fn read(seen: Vec<ReceiptSeen>) -> ReceiptsRead {
    ReceiptsRead { place: "logs/receipts".to_owned(), seen, unreadable: Vec::new() }
}

/// An apply of migrations 3 and 4 at 13:00, after 1 and 2, and the receipt that fits.
struct Story {
    plan: Plan,
    grounds: Grounds,
    requirement: Requirement,
    signatures: SignatureNeed,
    now: Timestamp,
    schema: Fact<RehearsedSchema>,
    receipt: Receipt,
}

impl Story {
    fn usual() -> Self {
        let plan = plan_of(vec![step(3), step(4)]);
        let grounds = grounds(&plan, vec![row(1), row(2)]);
        let receipt = green(&plan, &grounds);
        let day = Duration::from_hours(24);
        let requirement = Requirement { max_age: day, backup_max_age: None };
        let (now, signatures) = (at("13:00:00"), SignatureNeed::None);
        let schema = Fact::Read(schema(&[]));
        Self { plan, grounds, requirement, signatures, now, schema, receipt }
    }

    fn judged(&self, read: &ReceiptsRead) -> Vec<Finding> {
        let Self { plan, grounds, requirement, schema, .. } = self;
        let (signatures, now) = (self.signatures, self.now);
        receipt(&Asked { plan, grounds, schema, requirement, signatures, now }, read)
    }

    /// What is said of its receipt, each an error, without its beginning.
    fn said(&self) -> Vec<String> {
        let findings = self.judged(&read(vec![seen(self.receipt.clone())]));
        assert!(findings.iter().all(|it| it.is_error() && it.code == "receipt"), "{findings:?}");
        assert!(findings.iter().all(|it| !it.remedy.is_empty()), "{findings:?}");
        let message = |it: &Finding| {
            let rest = it.message.strip_prefix("the rehearsal of 2026-11-20 12:00:00 UTC ");
            rest.unwrap_or(&it.message).to_owned()
        };
        findings.iter().map(message).collect()
    }
}

#[test]
fn a_fresh_green_rehearsal_of_this_plan_lets_it_through() {
    assert_eq!(Story::usual().said(), Vec::<String>::new());
}

#[test]
fn nothing_to_do_needs_no_receipt() {
    let story = Story { plan: plan_of(Vec::new()), ..Story::usual() };
    assert_eq!(story.judged(&read(Vec::new())), []);
}

#[test]
fn without_any_receipt_the_place_that_was_looked_in_is_named() {
    let findings = Story::usual().judged(&read(Vec::new()));
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.ends_with("there is no receipt in logs/receipts"), "{findings:?}");
}

#[test]
fn each_misfit_has_a_message_of_its_own() {
    let mut story = Story::usual();
    story.receipt.verdict = Verdict::Red;
    story.receipt.detail = "migration 4: column is null".to_owned();
    assert_eq!(story.said(), ["was red: migration 4: column is null"]);

    let late = Story { now: at("13:00:00") + SignedDuration::from_hours(25), ..Story::usual() };
    assert_eq!(late.said(), ["is 26 h old; at most 24 h is allowed (require_rehearsal)"]);
    let just = Story { now: at("12:00:00") + SignedDuration::from_hours(24), ..Story::usual() };
    assert_eq!(just.said(), Vec::<String>::new());

    let ahead = Story { now: at("11:54:30"), ..Story::usual() };
    assert_eq!(ahead.said(), ["lies 5 min 30 s in the future"]);
    let a_little = Story { now: at("11:56:00"), ..Story::usual() };
    assert_eq!(a_little.said(), Vec::<String>::new());

    let mut story = Story::usual();
    story.grounds.server_version = "16.1".to_owned();
    assert_eq!(story.said(), ["ran on PostgreSQL 15, and the target has PostgreSQL 16"]);
    story.grounds.server_version = "15.2".to_owned();
    assert_eq!(story.said(), Vec::<String>::new());
    story.grounds.server_version = String::new();
    story.receipt.grounds.server_version = String::new();
    let unknown = "PostgreSQL of an unknown version";
    assert_eq!(story.said(), [format!("ran on {unknown}, and the target has {unknown}")]);

    let mut story = Story::usual();
    story.requirement.backup_max_age = Some(Duration::from_mins(90));
    assert_eq!(
        story.said(),
        ["was on a backup that was 2 h old then; at most 1 h 30 min is allowed (max_age)"]
    );
    story.receipt.backup.age_ms = None;
    assert_eq!(story.said(), ["was on a backup of an unknown age, and max_age limits it"]);
}

#[test]
fn what_has_become_of_the_plan_since_is_told_by_migration() {
    let told = |steps: Vec<Step>| {
        let mut story = Story::usual();
        story.plan = plan_of(steps);
        story.grounds.plan_hash = story.plan.hash();
        let said = story.said();
        assert_eq!(said.len(), 1, "{said:?}");
        said[0].strip_prefix("was of another plan: ").expect("a plan").to_owned()
    };
    let edited = Step { sha256: Checksum::sha256(b"edited"), ..step(4) };
    assert_eq!(
        told(vec![step(3), edited]),
        "migration 4 was edited since, or other values are put into it"
    );
    assert_eq!(told(vec![step(3), step(4), step(5)]), "migration 5 was not rehearsed");
    assert_eq!(told(vec![step(3)]), "migration 4 is not in this plan");
    let renamed = Step { name: "other".to_owned(), ..step(4) };
    assert_eq!(told(vec![step(3), renamed]), "migration 4 was called m4 then");
    let open = Step { boundary: Boundary::NonTransactional("VACUUM".to_owned()), ..step(4) };
    assert_eq!(told(vec![step(3), open]), "migration 4 was one transaction then");
    assert_eq!(told(vec![step(4), step(3)]), "the migrations come in another order");
    let many: Vec<Step> = (3..13).map(step).collect();
    assert!(told(many).ends_with("; migration 9 was not rehearsed; and 3 more differences"));
}

#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let mut story = Story::usual();
    story.grounds = grounds(&story.plan, vec![row(1)]);
    story.receipt.verdict = Verdict::Red;
    story.now = at("13:00:00") + SignedDuration::from_hours(100);
    assert_eq!(story.said().len(), 3);
}

#[test]
fn where_a_public_key_is_set_only_a_good_signature_counts() {
    let mut story = Story { signatures: SignatureNeed::Good, ..Story::usual() };
    let signed = |receipt: &Receipt, signature: SignatureSeen| {
        read(vec![ReceiptSeen { signature, ..seen(receipt.clone()) }])
    };
    assert_eq!(story.judged(&signed(&story.receipt, SignatureSeen::Good)), []);
    for (signature, says) in [
        (SignatureSeen::Missing, "without a signature"),
        (SignatureSeen::NotVerified, "without a signature"),
        (SignatureSeen::Bad("made by another key".to_owned()), "made by another key"),
    ] {
        let findings = story.judged(&signed(&story.receipt, signature));
        assert!(findings.len() == 1 && findings[0].message.contains(says), "{findings:?}");
    }
    story.signatures = SignatureNeed::None;
    let bad = SignatureSeen::Bad("made by another key".to_owned());
    assert!(!story.judged(&signed(&story.receipt, bad)).is_empty(), "bad is bad");
}

#[test]
fn the_newest_rehearsal_of_a_plan_counts_and_a_red_one_takes_a_green_ones_place() {
    let story = Story::usual();
    let red =
        Receipt { rehearsed_at: at("12:30:00"), verdict: Verdict::Red, ..story.receipt.clone() };
    let older = seen(story.receipt.clone());
    for both in [[older.clone(), seen(red.clone())], [seen(red.clone()), older.clone()]] {
        let findings = story.judged(&read(both.to_vec()));
        assert!(findings.len() == 1 && findings[0].message.contains("was red"), "{findings:?}");
    }
    let earlier = Receipt { rehearsed_at: at("11:30:00"), ..red };
    assert_eq!(story.judged(&read(vec![older, seen(earlier)])), []);
}

#[test]
fn a_forged_receipt_does_not_take_the_place_of_a_signed_one() {
    let story = Story { signatures: SignatureNeed::Good, ..Story::usual() };
    let good = ReceiptSeen { signature: SignatureSeen::Good, ..seen(story.receipt.clone()) };
    let newer =
        Receipt { rehearsed_at: at("12:59:00"), verdict: Verdict::Red, ..story.receipt.clone() };
    assert_eq!(story.judged(&read(vec![good, seen(newer)])), []);
}

#[test]
fn files_that_are_no_receipts_are_errors_where_none_fits_and_warnings_where_one_does() {
    let story = Story::usual();
    let broken = Unreadable { path: "logs/receipts/x.json".to_owned(), why: "empty".to_owned() };
    let severities = |seen: Vec<ReceiptSeen>| {
        let read = ReceiptsRead { unreadable: vec![broken.clone()], ..read(seen) };
        let errors: Vec<bool> = story.judged(&read).iter().map(Finding::is_error).collect();
        errors
    };
    assert_eq!(severities(Vec::new()), [true, true]);
    assert_eq!(severities(vec![seen(story.receipt.clone())]), [false]);
}

#[test]
fn what_took_three_times_as_long_and_a_second_more_is_a_warning() {
    let timed = |duration_ms: f64, predicted_ms: f64| TimedMigration {
        version: Version::Integer(3),
        name: "m3".to_owned(),
        duration_ms: Some(duration_ms),
        predicted_ms: Some(predicted_ms),
    };
    let messages =
        |it: TimedMigration| slower(&[it]).into_iter().map(|it| it.message).collect::<Vec<_>>();
    assert_eq!(
        messages(timed(4_500.0, 1_400.0)),
        ["migration 3 took 4.5 s; 1.4 s in the rehearsal"]
    );
    assert!(messages(timed(900.0, 1.0)).is_empty(), "less than a second more");
    assert!(messages(timed(30_000.0, 10_000.0)).is_empty(), "three times, not more");
    let unknown = TimedMigration { predicted_ms: None, ..timed(9e9, 0.0) };
    assert!(messages(unknown).is_empty());
}
