//! Whole transactions that are sent at once, on a server of our own: the session looks for itself.

use std::time::Instant;

use stopover_backend::{Durability, Opening, UnitEnd, UnitLimits};
use stopover_postgres::Neighbours;
use stopover_testkit::{TestDatabase, TestServer};

use crate::stage::{Stage, locks, table};

async fn stage(server: &TestServer, setup: &str) -> Stage {
    Stage::with(setup, Neighbours::None, TestDatabase::create_on(server).await).await
}

fn committed(end: &UnitEnd) {
    assert!(matches!(end, UnitEnd::Committed), "{end:?}");
}

const NEXT: Option<Opening> = Some(Opening { limits: LIMITS, durability: Durability::AtOnce });

const LIMITS: UnitLimits = UnitLimits {
    lock_timeout: None,
    statement_timeout: None,
    foreign_keys: stopover_model::ForeignKeys::Enforced,
    first_query: stopover_backend::FirstQuery::Ours,
};

#[tokio::test]
async fn times_wal_and_scans_are_those_of_the_statement() {
    let server = TestServer::start().await;
    let mut stage = stage(&server, "").await;
    let first = [
        "ALTER TABLE orders ADD COLUMN a int",
        "SELECT pg_sleep(0.3)",
        "CREATE INDEX ON customers (name)",
        "UPDATE orders SET total = total + 1",
    ];
    let began = Instant::now();
    committed(&stage.unit(&first, NEXT).await);
    let passed = began.elapsed().as_secs_f64() * 1e3;
    committed(&stage.unit(&["SELECT 1"], NEXT).await);
    let began = Instant::now();
    committed(&stage.unit(&["ALTER TABLE orders ALTER COLUMN note SET NOT NULL"], None).await);
    let passed = passed + began.elapsed().as_secs_f64() * 1e3;
    let trace = stage.trace().await;
    let told: Vec<_> = trace.statements.iter().map(locks).collect();
    assert_eq!(told[0], ["AccessExclusive orders"]);
    assert_eq!(told[2], ["Share customers"]);
    assert_eq!(told[5], ["AccessExclusive orders"]);
    assert!(told[1].is_empty() && told[4].is_empty(), "{told:?}");
    let shut = table(&trace, "public.orders").read_blocked_ms.expect("a time");
    assert!((295.0..passed + 5.0).contains(&shut), "{shut}");
    let wal: Vec<u64> = trace.statements.iter().map(|it| it.wal_bytes.expect("known")).collect();
    assert_eq!((wal[1], wal[4]), (0, 0), "a SELECT writes none: {wal:?}");
    assert!(wal[3] > 2000 * 50, "2,000 rows: {wal:?}");
    assert_eq!(trace.statements[4].scans, Some(Vec::new()));
    assert_eq!(trace.statements[5].scans, Some(vec!["public.orders".to_owned()]));
    assert_eq!(trace.statements[4].temp_bytes, Some(0));
}

#[tokio::test]
async fn a_rewrite_is_known_before_the_next_unit_changes_the_table_again() {
    let server = TestServer::start().await;
    let mut stage = stage(&server, "").await;
    committed(&stage.unit(&["ALTER TABLE orders ALTER COLUMN total TYPE bigint"], NEXT).await);
    committed(&stage.unit(&["ALTER TABLE orders ADD COLUMN a int"], NEXT).await);
    committed(&stage.unit(&["ALTER TABLE orders RENAME TO purchases"], NEXT).await);
    committed(&stage.unit(&["ALTER TABLE purchases ALTER COLUMN id TYPE bigint"], None).await);
    let trace = stage.trace().await;
    let rewrites: Vec<_> =
        trace.statements.iter().map(|it| it.rewrites.as_ref().expect("known").len()).collect();
    assert_eq!(rewrites, [1, 0, 0, 1]);
}

#[tokio::test]
async fn a_statement_that_fails_is_the_one_that_is_told_and_nothing_stays() {
    let server = TestServer::start().await;
    let mut stage = stage(&server, "UPDATE orders SET note = NULL WHERE id = 7").await;
    let texts = [
        "CREATE TABLE later (id int)",
        "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
        "DROP TABLE customers",
    ];
    let UnitEnd::Failed { statement: Some(1), error, .. } = stage.unit(&texts, NEXT).await else {
        panic!("the second one meets a NULL");
    };
    assert!(error.is("23502"), "{error}");
    committed(&stage.unit(&["CREATE TABLE later (id int)"], None).await);
    let trace = stage.trace().await;
    assert_eq!(trace.statements.len(), 3, "the third was refused unseen");
    assert_eq!(locks(&trace.statements[1]), ["AccessExclusive orders"]);
    assert_eq!(table(&trace, "public.customers").read_blocked_ms, Some(0.0));
}

/// Where a look would be one query too many, a second connection looks.
#[tokio::test]
async fn a_script_that_sets_its_transaction_is_told_as_well() {
    let server = TestServer::start().await;
    let isolated = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
                    default_transaction_isolation = serializable', current_database()); END $$";
    for setup in ["", isolated] {
        let mut stage = stage(&server, setup).await;
        let texts = ["SET LOCAL statement_timeout = '1min'", "LOCK TABLE orders"];
        committed(&stage.unit(&texts, NEXT).await);
        committed(&stage.unit(&["LOCK TABLE customers"], None).await);
        let trace = stage.trace().await;
        let told: Vec<_> = trace.statements.iter().map(locks).collect();
        assert_eq!(told[1], ["AccessExclusive orders"]);
        assert_eq!(told[2], ["AccessExclusive customers"]);
    }
}

/// The server is not asked to send its statistics behind what it counts nothing for.
#[tokio::test]
async fn what_a_later_unit_reads_is_not_told_of_one_that_reads_nothing() {
    let server = TestServer::start().await;
    let mut stage = stage(&server, "").await;
    committed(&stage.unit(&["CREATE TABLE a (id int PRIMARY KEY)"], NEXT).await);
    committed(
        &stage.unit(&["CREATE TABLE b (LIKE orders)", "COMMENT ON TABLE a IS 'a'"], NEXT).await,
    );
    committed(&stage.unit(&["ALTER TABLE orders ALTER COLUMN note SET NOT NULL"], NEXT).await);
    committed(&stage.unit(&["CREATE TABLE c (id int)"], None).await);
    let trace = stage.trace().await;
    let scans: Vec<_> = trace.statements.iter().map(|it| it.scans.clone()).collect();
    let nothing = || Some(Vec::new());
    let orders = Some(vec!["public.orders".to_owned()]);
    assert_eq!(scans, [nothing(), nothing(), nothing(), orders, nothing()]);
    let temp: Vec<_> = trace.statements.iter().map(|it| it.temp_bytes).collect();
    assert_eq!(temp, [Some(0); 5]);
}
