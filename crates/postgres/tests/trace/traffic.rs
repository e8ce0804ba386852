//! The trace's own test: what readers and writers really wait is what was derived from the locks.

use stopover_model::report::{TableReport, TrafficReport};

use crate::stage::{Stage, table};

/// So often a second each table is read, and written: waits are known to 10 ms.
const RATE: u32 = 100;

/// A busy machine's share.
const SLACK: f64 = 200.0;

/// So often is measured before the machine is too busy for it to be the machine.
const TRIES: usize = 5;

fn traffic(table: &TableReport) -> TrafficReport {
    table.traffic.unwrap_or_else(|| panic!("no traffic on {}", table.relation))
}

/// A statement that sleeps once so many sessions wait for a lock on the relation.
fn sleep_when(waiting: usize, relation: &str, seconds: f64) -> String {
    format!(
        "DO $$ DECLARE began timestamptz := clock_timestamp(); BEGIN
           WHILE (SELECT count(DISTINCT pid) FROM pg_catalog.pg_locks
                  WHERE NOT granted AND relation = '{relation}'::regclass) < {waiting} LOOP
             IF clock_timestamp() > began + interval '2 min' THEN
               RAISE EXCEPTION 'not so many wait for {relation}';
             END IF;
             PERFORM pg_sleep(0.002);
           END LOOP;
           PERFORM pg_sleep({seconds});
         END $$"
    )
}

/// Whether derived and measured agree: `windows` times the table was shut. `calm` was never: what
/// was waited there is the machine's.
fn agree(table: &TableReport, windows: f64, calm: &TableReport) -> Result<(), String> {
    let met = traffic(table);
    let noise = traffic(calm).read_waited_ms.max(traffic(calm).write_waited_ms);
    let read = (table.read_blocked_ms.expect("a time"), met.read_waited_ms);
    let write = (table.write_blocked_ms.expect("a time"), met.write_waited_ms);
    // Who comes just after a lock was taken waits less than it is held.
    let least = 1e3 / f64::from(RATE) * windows + SLACK / 2.0;
    for (derived, waited) in [read, write] {
        if derived - least > waited || waited > derived + SLACK + 2.0 * noise {
            return Err(format!("waited {waited:.0} ms, derived {derived:.0} ms: {table:?}"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn readers_and_writers_wait_as_long_as_was_derived() {
    let mut spoilt = Vec::new();
    for _ in 0..TRIES {
        match waits_are_those_derived().await {
            Ok(()) => return,
            Err(why) => spoilt.push(why),
        }
    }
    panic!("{}", spoilt.join("\n"));
}

/// Panics where nothing but the product can be the reason, and says where the machine may be.
async fn waits_are_those_derived() -> Result<(), String> {
    let mut stage = Stage::after("CREATE TABLE calm (id int)").await;
    stage.stir(RATE);
    // All tables get their readers and writers before anything is locked.
    stage.transaction(&["SELECT count(*) FROM orders, customers, events, calm LIMIT 0"]).await;
    for (lock, waiting, relation, seconds) in [
        ("ALTER TABLE orders ADD COLUMN a int", 2, "orders", 0.6),
        ("CREATE INDEX ON customers (name)", 1, "customers", 0.5),
        ("LOCK TABLE events_2025", 4, "events_2025", 0.4),
        ("LOCK TABLE orders IN SHARE MODE", 1, "orders", 0.3),
    ] {
        stage.transaction(&[lock, &sleep_when(waiting, relation, seconds)]).await;
    }
    stage.run("CREATE INDEX CONCURRENTLY ON orders (note)").await.expect("an index");
    let trace = stage.trace().await;
    let calm = table(&trace, "public.calm");
    assert_eq!(calm.write_blocked_ms, Some(0.0));
    let orders = table(&trace, "public.orders");
    let customers = table(&trace, "public.customers");
    let events = table(&trace, "public.events");
    let derived = |table: &TableReport, read: f64, write: f64| {
        let found =
            (table.read_blocked_ms.expect("a time"), table.write_blocked_ms.expect("a time"));
        assert!(found.0 >= read && found.1 >= write, "{table:?}");
    };
    derived(orders, 600.0, 900.0);
    derived(customers, 0.0, 500.0);
    derived(events, 400.0, 400.0);
    assert!(traffic(orders).longest_read_ms >= 600.0, "{orders:?}");
    assert!(
        traffic(orders).write_waited_ms >= 900.0,
        "the second lock shut out writes: {orders:?}"
    );
    assert!(traffic(customers).longest_write_ms >= 500.0, "{customers:?}");
    agree(orders, 2.0, calm)?;
    agree(customers, 1.0, calm)?;
    agree(events, 1.0, calm)?;
    if traffic(customers).longest_read_ms >= 300.0 + traffic(calm).longest_read_ms {
        return Err(format!("SHARE lets readers go on: {customers:?}"));
    }
    Ok(())
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
    let sleep = sleep_when(2, "orders", 0.3);
    stage.transaction(&["ALTER TABLE orders ADD COLUMN a int", &sleep]).await;
    stage.transaction(&["ALTER TABLE customers ADD COLUMN a int"]).await;
    stage.transaction(&["DROP TABLE events"]).await;
    let trace = stage.trace().await;
    let orders = traffic(table(&trace, "public.orders"));
    assert!(orders.writes > 0 && orders.longest_write_ms >= 300.0, "{orders:?}");
    assert!(traffic(table(&trace, "public.events")).reads > 0);
}
