//! What a rehearsal tells of locks, rewrites and WAL.

use serde_json::Value;
use stopover_testkit::TestServer;

use crate::shop::Shop;

const WIDEN: &str = "alter table orders alter column customer type bigint;\n\
                     select pg_sleep(0.3);\n\
                     create index orders_note on orders (note);\n";

fn table<'r>(report: &'r Value, relation: &str) -> &'r Value {
    let tables = report["tables"].as_array().expect("tables");
    let found = tables.iter().find(|it| it["relation"] == relation);
    found.unwrap_or_else(|| panic!("no {relation} in {tables:#?}"))
}

#[tokio::test]
async fn a_rehearsal_says_what_was_locked_and_rewritten_and_for_how_long() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_widen.up.sql", WIDEN);
    shop.migration(
        "43_emails.up.sql",
        "-- stopover: no-transaction\ncreate index concurrently emails on customers (email);\n",
    );
    let report = shop.rehearse(&backup, &[]).green();
    let statements = &report["migrations"][0]["statements"];
    let lock = &statements[0]["locks"][0];
    assert_eq!(lock["mode"], "AccessExclusiveLock");
    assert_eq!(lock["relation"], "public.orders");
    assert!(lock["held_ms"].as_f64().unwrap() >= 300.0, "until the transaction's end: {lock}");
    assert_eq!(statements[0]["rewrites"], serde_json::json!(["public.orders"]));
    assert_eq!(statements[1]["locks"], serde_json::json!([]));
    assert!(statements[1]["duration_ms"].as_f64().unwrap() >= 300.0);
    assert_eq!(statements[2]["indexes"], serde_json::json!(["public.orders_note"]));
    assert_eq!(statements[2]["rewrites"], serde_json::json!([]));
    assert!(statements[0]["wal_bytes"].as_u64().is_some(), "nobody else writes there");
    assert!(report["migrations"][0]["wal_bytes"].as_u64().unwrap() > 0);
    let orders = table(&report, "public.orders");
    assert!(orders["read_blocked_ms"].as_f64().unwrap() >= 300.0, "{orders}");
    assert!(orders["write_blocked_ms"].as_f64().unwrap() >= 300.0, "{orders}");
    assert!(orders["bytes"].as_u64().unwrap() > 10_000);
    let customers = table(&report, "public.customers");
    assert_eq!(customers["write_blocked_ms"], 0.0, "concurrently: nobody waits");
    let concurrent = &report["migrations"][1]["statements"][0];
    assert_eq!(concurrent["locks"][0]["mode"], "ShareUpdateExclusiveLock");
    assert_eq!(concurrent["indexes"], serde_json::json!(["public.emails"]));
}

#[tokio::test]
async fn people_read_it_in_words() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_widen.up.sql", WIDEN);
    let said = shop.run(&["rehearse", "--backup", backup.to_str().unwrap(), "--format", "human"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(said.out.contains("ACCESS EXCLUSIVE"), "{}", said.out);
    let words = "Behind the ALTER TABLE of migration 42, line 1, every SELECT on public.orders \
                 waits up to";
    assert!(said.out.replace("\n  ", " ").contains(words), "{}", said.out);
}

#[tokio::test]
async fn what_a_failed_migration_locked_is_told_and_what_it_rewrote_is_not_known() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration(
        "42_fails.up.sql",
        "alter table orders alter column customer type bigint;\n\
         alter table orders alter column note set not null;\n",
    );
    let red = shop.rehearse(&backup, &[]).red();
    let statements = &red.report["migrations"][0]["statements"];
    assert_eq!(statements[0]["locks"][0]["mode"], "AccessExclusiveLock");
    assert_eq!(statements[0]["rewrites"], Value::Null);
    assert_eq!(statements[1]["error"]["sqlstate"], "23502");
    let blocked = table(&red.report, "public.orders")["read_blocked_ms"].as_f64().unwrap();
    assert!(blocked > 0.0, "until it was rolled back");
}

#[tokio::test]
async fn on_a_given_server_the_wal_may_be_anybodys() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_widen.up.sql", WIDEN);
    let server = TestServer::start().await;
    let report = shop.rehearse(&backup, &["--scratch-url", &server.url()]).green();
    let first = &report["migrations"][0]["statements"][0];
    assert_eq!(first["wal_bytes"], Value::Null);
    assert_eq!(first["locks"][0]["relation"], "public.orders");
    server.stop().await;
}

#[tokio::test]
async fn over_a_limit_a_rehearsal_is_red_and_near_it_there_is_a_warning() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_widen.up.sql", WIDEN);
    shop.file("stopover.toml", b"[limits]\nwrite_block = '100ms'\n");
    let red = shop.rehearse(&backup, &[]).red();
    assert!(
        red.first_line().starts_with("writes on public.orders were shut out for "),
        "{}",
        red.detail
    );
    assert!(red.first_line().ends_with("; at most 100 ms is allowed"), "{}", red.detail);
    assert_eq!(red.codes(), ["write-block"]);
    assert_eq!(red.report["migrations"][0]["status"], "applied", "it is the time that is wrong");
    let own = "[limits]\nwrite_block = '100ms'\nrewrite_bytes = '1GB'\n\
               [limits.tables.orders]\nwrite_block = '1min'\n";
    shop.file("stopover.toml", own.as_bytes());
    shop.rehearse(&backup, &[]).green();
    shop.file("stopover.toml", b"[limits]\nrewrite_bytes = '10kB'\n");
    assert_eq!(shop.rehearse(&backup, &[]).red().codes(), ["rewrite"]);
    shop.file("stopover.toml", b"[limits]\nwrite_block = 'soon'\n");
    let refused = shop.rehearse(&backup, &[]);
    assert_eq!(refused.exit, 5, "{}", refused.err);
    assert!(refused.err.contains("limits.write_block"), "{}", refused.err);
}

#[tokio::test]
async fn with_traffic_the_waits_of_readers_and_writers_are_told() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    // It sleeps once the reader and the writer wait.
    let held = "do $$ begin while (select count(*) from pg_locks where not granted \
                and relation = 'orders'::regclass) < 2 loop perform pg_sleep(0.005); end loop; \
                perform pg_sleep(0.3); end $$;\n";
    let widen = "alter table orders alter column customer type bigint;\n";
    shop.migration("42_widen.up.sql", &format!("{widen}{held}"));
    let again = "alter table orders add column again int;\n";
    shop.migration("43_again.up.sql", &format!("{again}{held}"));
    let report = shop.rehearse(&backup, &["--traffic", "50"]).green();
    let orders = &table(&report, "public.orders")["traffic"];
    assert!(orders["reads"].as_u64().unwrap() > 1, "{orders}");
    assert!(orders["longest_read_ms"].as_f64().unwrap() >= 300.0, "{orders}");
    assert!(orders["longest_write_ms"].as_f64().unwrap() >= 300.0, "{orders}");
    assert_eq!(table(&report, "public.customers")["traffic"], Value::Null, "nobody touches it");
    let said = shop.run(&["rehearse", "--backup", backup.to_str().unwrap(), "--traffic"]);
    assert!(said.out.contains("reads of public.orders waited up to"), "{}", said.out);
}
