//! What the server counts: tables read from their beginning, bytes in temporary files.

use stopover_testkit::needs;

use crate::stage::Stage;

/// Why an older server does not do.
const EXACT: &str = "its sessions send their counts when they are asked to";

async fn scanned(setup: &str, statement: &str) -> Option<Vec<String>> {
    let mut stage = Stage::after(setup).await;
    stage.migrate(statement).await;
    stage.trace().await.statements[0].scans.clone()
}

const NOTED: &str = "ALTER TABLE orders ADD CONSTRAINT noted CHECK (note IS NOT NULL)";
const NOT_NULL: &str = "ALTER TABLE orders ALTER COLUMN note SET NOT NULL";
const FOREIGN: &str = "ALTER TABLE orders ADD CONSTRAINT of_customer FOREIGN KEY (customer) \
                       REFERENCES customers NOT VALID";

#[tokio::test]
async fn constraints_that_must_be_checked_read_the_table_and_others_do_not() {
    if !needs(15, EXACT) {
        return;
    }
    let orders = || Some(vec!["public.orders".to_owned()]);
    let nothing = || Some(Vec::new());
    assert_eq!(scanned("", NOT_NULL).await, orders());
    assert_eq!(scanned(NOTED, NOT_NULL).await, nothing(), "a valid check proves it");
    assert_eq!(scanned("", NOTED).await, orders());
    assert_eq!(scanned("", &format!("{NOTED} NOT VALID")).await, nothing());
    assert_eq!(scanned("", FOREIGN).await, nothing());
    let validated = scanned(FOREIGN, "ALTER TABLE orders VALIDATE CONSTRAINT of_customer").await;
    assert!(validated.expect("it is known").contains(&"public.orders".to_owned()));
    assert_eq!(scanned("", "CREATE INDEX ON orders (note)").await, orders());
    assert_eq!(scanned("", "ALTER TABLE orders ADD COLUMN a int DEFAULT 7").await, nothing());
}

#[tokio::test]
async fn what_one_of_several_read_is_told_where_it_is_clear_which() {
    if !needs(15, EXACT) {
        return;
    }
    let mut stage = Stage::open().await;
    stage.transaction(&[NOT_NULL, "CREATE INDEX ON customers (name)"]).await;
    stage.transaction(&["ALTER TABLE orders ADD COLUMN a int", NOTED]).await;
    let trace = stage.trace().await;
    let scans: Vec<_> = trace.statements.iter().map(|it| it.scans.clone()).collect();
    assert_eq!(scans[1], Some(vec!["public.customers".to_owned()]));
    assert_eq!(scans[0], None, "each of three statements could have read orders");
    assert_eq!(scans[3], None);
}

#[tokio::test]
async fn temporary_files_are_told_of_a_statement_that_is_alone() {
    if !needs(15, EXACT) {
        return;
    }
    let mut stage = Stage::open().await;
    let sort = "CREATE INDEX ON orders (note, id, total, customer)";
    let large =
        "SELECT count(*) FROM (SELECT n FROM generate_series(1, 300000) n ORDER BY -n OFFSET 1) s";
    stage.transaction(&["SET LOCAL work_mem = '64kB'", large]).await;
    let trace = stage.trace().await;
    assert_eq!(trace.statements[1].temp_bytes, None, "two statements: nobody knows which");
    let mut stage = Stage::after(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''64kB''', \
         current_database()); END $$",
    )
    .await;
    stage.transaction(&[large]).await;
    let trace = stage.trace().await;
    assert!(trace.statements[0].temp_bytes.expect("it is known") > 1_000_000);
    let mut stage = Stage::open().await;
    stage.transaction(&[sort, "SELECT 1"]).await;
    let trace = stage.trace().await;
    assert_eq!(trace.statements[0].temp_bytes, Some(0), "nothing of nothing is each one's share");
}
