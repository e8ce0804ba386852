//! Preflight and postflight over plain values: above all, that nothing passes unread.

use std::collections::BTreeSet;
use std::time::Duration;

use stopover_checks::{Planned, PostflightFacts, PreflightFacts, postflight, preflight};
use stopover_model::harness::{
    Fact, Health, OpenTransaction, Party, PostflightLimits, PreflightLimits, Surroundings, Unread,
};
use stopover_model::report::CheckOutcome;
use stopover_model::{DatabaseKind, Finding, LedgerKind, Plan};

fn unread<T>() -> Fact<T> {
    Fact::Unread(Unread {
        why: "permission denied".to_owned(),
        sqlstate: Some("42501".to_owned()),
        remedy: "grant it".to_owned(),
    })
}

fn nothing_read() -> Surroundings {
    Surroundings {
        database: DatabaseKind::Postgres,
        server_version: "15.18".to_owned(),
        relations: unread(),
        transactions: unread(),
        waits: unread(),
        dumps: unread(),
        vacuums: unread(),
        prepared: unread(),
        invalid_indexes: unread(),
        replication: unread(),
        connections: unread(),
        lacking: unread(),
    }
}

fn empty_plan() -> Plan {
    Plan {
        ledger: LedgerKind::Stopover,
        heals: Vec::new(),
        downs: Vec::new(),
        steps: Vec::new(),
        findings: Vec::new(),
    }
}

#[test]
fn every_check_of_a_preflight_that_has_nothing_to_read_is_an_error_under_its_own_code() {
    let plan = empty_plan();
    let planned = Fact::Read(Planned::Plan(&plan));
    let around = nothing_read();
    let judged = preflight(&PreflightFacts {
        planned: &planned,
        fingerprint: &unread(),
        around: &around,
        limits: &PreflightLimits::default(),
        dump_version: &unread(),
        data_dir_free: &unread(),
        receipt: &unread(),
    });
    assert_eq!(judged.checks.len(), 14);
    for check in &judged.checks {
        assert_eq!(check.outcome, CheckOutcome::CouldNotRun, "{check:?}");
        let told = |it: &&Finding| it.code == check.code && it.is_error();
        let found = judged.findings.iter().find(told).expect(&check.code);
        assert!(found.message.contains("permission denied (SQLSTATE 42501)"), "{found:?}");
    }
}

#[test]
fn every_check_of_a_postflight_that_has_nothing_to_read_is_an_error_under_its_own_code() {
    let health = Health {
        database: DatabaseKind::Sqlite,
        foreign_keys: unread(),
        invalid_indexes: unread(),
        invalid_constraints: unread(),
        broken: unread(),
        unchecked: unread(),
        damage: unread(),
    };
    let nothing = BTreeSet::new();
    let judged = postflight(&PostflightFacts {
        ledger: &unread(),
        left: &BTreeSet::new(),
        health: &health,
        broken_before: &nothing,
        schema: &unread(),
        expected: &[],
        rows: &unread(),
        lost: &unread(),
        limits: &PostflightLimits::default(),
    });
    for check in &judged.checks {
        assert_eq!(check.outcome, CheckOutcome::CouldNotRun, "{check:?}");
        assert!(judged.findings.iter().any(|it| it.code == check.code && it.is_error()));
    }
}

fn transaction(age_ms: Option<u64>, query: &str) -> OpenTransaction {
    OpenTransaction {
        who: Party {
            pid: 42,
            user: Some("app".to_owned()),
            age_ms,
            query: Some(query.to_owned()),
            ..Party::default()
        },
        relations: vec!["public.orders".to_owned()],
        has_snapshot: false,
    }
}

/// What the check of long transactions finds, for a plan that touches nothing.
fn long_transactions(of: Vec<OpenTransaction>) -> Vec<Finding> {
    let plan = empty_plan();
    let planned = Fact::Read(Planned::Plan(&plan));
    let around = Surroundings {
        relations: Fact::Read(Vec::new()),
        transactions: Fact::Read(of),
        waits: Fact::NotHere,
        dumps: Fact::NotHere,
        vacuums: Fact::NotHere,
        prepared: Fact::NotHere,
        invalid_indexes: Fact::NotHere,
        replication: Fact::NotHere,
        connections: Fact::NotHere,
        lacking: Fact::NotHere,
        ..nothing_read()
    };
    let limits =
        PreflightLimits { long_transaction: Duration::from_secs(30), ..PreflightLimits::default() };
    let judged = preflight(&PreflightFacts {
        planned: &planned,
        fingerprint: &Fact::NotHere,
        around: &around,
        limits: &limits,
        dump_version: &Fact::NotHere,
        data_dir_free: &Fact::NotHere,
        receipt: &Fact::NotHere,
    });
    judged.findings.into_iter().filter(|it| it.code == "long-transaction").collect()
}

#[test]
fn a_transaction_is_long_from_its_limit_on() {
    assert_eq!(long_transactions(vec![transaction(Some(29_999), "SELECT 1")]), []);
    assert_eq!(long_transactions(vec![transaction(Some(30_000), "SELECT 1")]).len(), 1);
    let hidden = long_transactions(vec![transaction(None, "")]);
    assert!(hidden[0].is_error() && hidden[0].message.contains("hidden"), "{hidden:?}");
}

#[test]
fn a_query_is_shown_in_one_line_without_passwords_and_not_whole() {
    let query = format!("SELECT\n  dblink('postgres://a:hush@b/c') {}", "x".repeat(500));
    let found = long_transactions(vec![transaction(Some(60_000), &query)]);
    let message = &found[0].message;
    assert!(message.contains("SELECT dblink('postgres://a:***@b/c')"), "{message}");
    assert!(message.len() < 400 && !message.contains("hush"), "{message}");
}
