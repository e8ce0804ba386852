//! The trace's own test: what readers and writers really wait is what was derived from the locks.

use std::time::Duration;

use stopover_model::report::{TableReport, TrafficReport};

use crate::stage::{Stage, table};

/// So often a second each table is read, and written: waits are known to 10 ms.
const RATE: u32 = 100;

/// A busy machine's share.
const SLACK: f64 = 200.0;

fn traffic(table: &TableReport) -> TrafficReport {
    table.traffic.unwrap_or_else(|| panic!("no traffic on {}", table.relation))
}

/// Derived and measured agree: `windows` times the table was shut. `calm` was never: what was
/// waited there is the machine's.
#[track_caller]
fn agree(table: &TableReport, windows: f64, calm: &TableReport) {
    let met = traffic(table);
    let noise = traffic(calm).read_waited_ms.max(traffic(calm).write_waited_ms);
    let read = (table.read_blocked_ms.expect("a time"), met.read_waited_ms);
    let write = (table.write_blocked_ms.expect("a time"), met.write_waited_ms);
    // Who comes just after a lock was taken waits less than it is held.
    let least = 1e3 / f64::from(RATE) * windows + SLACK / 2.0;
    for (derived, waited) in [read, write] {
        assert!(
            derived - least <= waited && waited <= derived + SLACK + 2.0 * noise,
            "waited {waited:.0} ms, derived {derived:.0} ms: {table:?}"
        );
    }
}

#[tokio::test]
async fn readers_and_writers_wait_as_long_as_was_derived() {
    let mut stage = Stage::after("CREATE TABLE calm (id int)").await;
    stage.stir(RATE);
    // All tables get their readers and writers before anything is locked.
    stage.transaction(&["SELECT count(*) FROM orders, customers, events, calm LIMIT 0"]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    stage.transaction(&["ALTER TABLE orders ADD COLUMN a int", "SELECT pg_sleep(0.6)"]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    stage.transaction(&["CREATE INDEX ON customers (name)", "SELECT pg_sleep(0.5)"]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    stage.transaction(&["LOCK TABLE events_2025", "SELECT pg_sleep(0.4)"]).await;
    stage.transaction(&["LOCK TABLE orders IN SHARE MODE", "SELECT pg_sleep(0.3)"]).await;
    stage.run("CREATE INDEX CONCURRENTLY ON orders (note)").await.expect("an index");
    let trace = stage.trace().await;
    let calm = table(&trace, "public.calm");
    assert_eq!(calm.write_blocked_ms, Some(0.0));
    let orders = table(&trace, "public.orders");
    agree(orders, 2.0, calm);
    assert!(traffic(orders).longest_read_ms >= 550.0, "{orders:?}");
    assert!(
        traffic(orders).write_waited_ms >= 800.0,
        "the second lock shut out writes: {orders:?}"
    );
    let customers = table(&trace, "public.customers");
    agree(customers, 1.0, calm);
    let busy = 300.0 + traffic(calm).longest_read_ms;
    assert!(traffic(customers).longest_read_ms < busy, "SHARE lets readers go on: {customers:?}");
    assert!(traffic(customers).longest_write_ms >= 450.0, "{customers:?}");
    agree(table(&trace, "public.events"), 1.0, calm);
}

#[tokio::test]
async fn what_the_text_does_not_name_has_no_traffic_and_wal_is_nobodys() {
    let mut stage = Stage::open().await;
    stage.stir(RATE);
    stage.transaction(&["DO $$ BEGIN EXECUTE 'LOCK TABLE orders'; END $$"]).await;
    stage.transaction(&["UPDATE customers SET name = 'x' WHERE id = 1"]).await;
    let trace = stage.trace().await;
    assert_eq!(table(&trace, "public.orders").traffic, None);
    assert!(traffic(table(&trace, "public.customers")).reads > 0);
    assert_eq!(trace.statements[1].wal_bytes, None);
}

#[tokio::test]
async fn a_copys_own_code_is_not_run_and_a_dropped_table_ends_its_traffic() {
    let setup = "CREATE TABLE said (n int);
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'somebody wrote'; END $$;
        CREATE TRIGGER shouts BEFORE DELETE ON orders EXECUTE FUNCTION shout();
        CREATE RULE swallow AS ON DELETE TO customers DO INSTEAD INSERT INTO said VALUES (1);";
    let mut stage = Stage::after(setup).await;
    stage.stir(RATE);
    stage.transaction(&["ALTER TABLE orders ADD COLUMN a int", "SELECT pg_sleep(0.3)"]).await;
    stage.transaction(&["ALTER TABLE customers ADD COLUMN a int"]).await;
    stage.transaction(&["DROP TABLE events"]).await;
    let trace = stage.trace().await;
    let orders = traffic(table(&trace, "public.orders"));
    assert!(orders.writes > 0 && orders.longest_write_ms >= 250.0, "{orders:?}");
    assert!(traffic(table(&trace, "public.events")).reads > 0);
}
