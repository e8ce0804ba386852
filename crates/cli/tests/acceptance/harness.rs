//! `preflight` and `postflight` as operators run them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::place::Place;
use crate::schema;

const SHOP: [(&str, &str); 2] = [
    ("migrations/1_customers.up.sql", "CREATE TABLE customers (id int PRIMARY KEY);\n"),
    ("migrations/2_orders.up.sql", "CREATE TABLE orders (id int, customer int);\n"),
];

/// The one stored report whose name begins so.
fn stored(place: &Place, beginning: &str) -> Value {
    let entries = fs::read_dir(place.path("logs")).unwrap().map(|it| it.unwrap());
    let mut found: Vec<_> =
        entries.filter(|it| it.file_name().to_string_lossy().starts_with(beginning)).collect();
    let report = found.pop().expect("a stored report");
    assert!(found.is_empty(), "one report");
    assert_eq!(report.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_str(&fs::read_to_string(report.path()).unwrap()).unwrap()
}

/// The codes of all errors.
fn errors(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|it| it["severity"] == "error").map(|it| it["code"].as_str().unwrap()).collect()
}

fn outcome<'r>(report: &'r Value, code: &str) -> &'r str {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|it| it["code"] == code).unwrap()["outcome"].as_str().unwrap()
}

#[tokio::test]
async fn reports_are_kept_for_their_owner_alone_and_are_what_was_printed() {
    let place = Place::with(&SHOP).await;
    let before = place.call("preflight --format json").run().exits(0).document();
    schema::check("preflight", &before);
    assert_eq!(stored(&place, "preflight-report-"), before);
    assert_eq!(before["pending"], json!([1, 2]));
    place.call("apply -q").run().exits(0);
    let after = place.call("postflight --format json").run().exits(0).document();
    schema::check("postflight", &after);
    assert_eq!(stored(&place, "postflight-report-"), after);
    assert_eq!((&after["migrations_applied"], &after["dirty_migrations"]), (&json!(2), &json!(0)));
    assert_eq!(after["validation_passed"], true);
}

#[tokio::test]
async fn an_old_transaction_on_a_table_of_the_plan_is_exit_code_1() {
    let place = Place::with(&SHOP).await;
    place.call("apply -q").run().exits(0);
    place.write("migrations/3_note.up.sql", "ALTER TABLE orders ADD COLUMN note text;\n");
    place.write("stopover.toml", "[preflight]\nlong_transaction = '50ms'\n");
    let client = place.database.client().await;
    client.batch_execute("BEGIN; SELECT * FROM orders").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let said = place.call("preflight --no-report").run().exits(1);
    assert!(said.stdout.contains("PREFLIGHT RED: 1 error"), "{said:?}");
    assert!(said.stdout.contains("error[long-transaction]"), "{said:?}");
    let logs = fs::read_dir(place.path("logs")).unwrap();
    assert_eq!(logs.count(), 1, "the log of the apply alone");
}

#[tokio::test]
async fn room_on_the_disk_is_told_by_a_flag_or_by_a_command_that_must_work() {
    let place = Place::with(&SHOP).await;
    place.call("apply -q").run().exits(0);
    place.database.psql("INSERT INTO orders SELECT i FROM generate_series(1, 1000) i");
    place.write("migrations/3_note.up.sql", "ALTER TABLE orders ADD COLUMN note text;\n");
    let look = |arguments: &str, code: i32| {
        place
            .call(&format!("preflight --no-report --format json {arguments}"))
            .run()
            .exits(code)
            .document()
    };
    assert_eq!(outcome(&look("", 0), "disk"), "not_applicable");
    assert_eq!(outcome(&look("--data-dir-free 1TB", 0), "disk"), "clean");
    assert_eq!(outcome(&look("--data-dir-free 1kB", 0), "disk"), "found");
    place.call("preflight --data-dir-free much").run().exits(5);
    place.write("stopover.toml", "[preflight]\ndata_dir_free_command = 'echo 4096'\n");
    assert_eq!(outcome(&look("", 0), "disk"), "found");
    place.write("stopover.toml", "[preflight]\ndata_dir_free_command = 'exit 9'\n");
    let report = look("", 1);
    assert_eq!((outcome(&report, "disk"), errors(&report)), ("could_not_run", vec!["disk"]));
}

#[tokio::test]
async fn the_schema_that_was_rehearsed_is_the_one_that_must_be_there() {
    let place = Place::with(&SHOP).await;
    place.dump("backup.sql");
    place.call("rehearse --backup backup.sql -q").run().exits(0);
    place.call("apply -q").run().exits(0);
    place.call("postflight --no-report --rehearsal").run().exits(0);
    place.database.psql("CREATE INDEX by_hand ON orders (id)");
    let said = place.call("postflight --no-report --rehearsal --format json").run().exits(3);
    assert_eq!(errors(&said.document()), ["schema-checksum"]);
}

#[tokio::test]
async fn objects_that_are_not_as_a_document_has_them_are_named() {
    let place = Place::with(&SHOP).await;
    place.call("apply -q").run().exits(0);
    let document = place.call("schema --format json").run().exits(0).stdout;
    place.write("schema.json", &document);
    place.call("postflight --no-report --expect schema.json").run().exits(0);
    place.database.psql("ALTER TABLE orders ADD COLUMN by_hand int");
    let said = place.call("postflight --no-report --expect schema.json").run().exits(3);
    assert!(said.stdout.contains("column public.orders.by_hand"), "{said:?}");
    place.call("postflight --no-report --expect nowhere.json").run().exits(5);
}

#[tokio::test]
async fn a_file_is_looked_at_before_and_after_too() {
    let place = Place::with(&SHOP).await;
    let call = |arguments: &str| place.call(arguments).variable("DATABASE_URL", "sqlite:app.db");
    let before = call("preflight --no-report --format json").run().exits(0).document();
    assert_eq!(before["database"], "sqlite");
    assert!(!place.path("app.db").exists());
    call("apply -q").run().exits(0);
    let after = call("postflight --no-report --format json").run().exits(0).document();
    assert_eq!(outcome(&after, "damage"), "clean");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_no_verdict() {
    let place = Place::with(&SHOP).await;
    let call = |arguments: &str| {
        place.call(arguments).variable("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    };
    call("preflight").run().exits(7);
    call("postflight").run().exits(7);
}

/// A role's time-out is for its work, not for a look at what is there.
#[tokio::test]
async fn a_short_statement_timeout_of_the_role_does_not_keep_preflight_from_looking() {
    let place = Place::with(&SHOP).await;
    place.call("apply -q --steps 1").run().exits(0);
    let mut client = place.database.client().await;
    let held = client.transaction().await.unwrap();
    held.batch_execute("LOCK TABLE stopover.applied_migrations").await.unwrap();
    let url = place.database.url();
    let joint = if url.contains('?') { '&' } else { '?' };
    let short = format!("{url}{joint}options=-c%20statement_timeout%3D100ms");
    let call = place.call("preflight --no-report --format json");
    let running = call.variable("DATABASE_URL", &short).start();
    place.until(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND now() - query_start > interval '300 ms'",
        "1",
    );
    held.commit().await.unwrap();
    let report = running.end().exits(0).document();
    assert_eq!(report["pending"], json!([2]));
}
