//! `apply` and `rollback` as operators run them: preflight, backup, plan, postflight, and the log.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::place::Place;
use crate::program::Said;
use crate::schema;

pub(crate) const SHOP: [(&str, &str); 4] = [
    ("migrations/1_customers.up.sql", "CREATE TABLE customers (id int PRIMARY KEY, name text);\n"),
    ("migrations/1_customers.down.sql", "DROP TABLE customers;\n"),
    ("migrations/2_orders.up.sql", "CREATE TABLE orders (id int, customer int);\n"),
    ("migrations/2_orders.down.sql", "DROP TABLE orders;\n"),
];

/// What is in the folder of backups.
pub(crate) fn backups(place: &Place) -> Vec<String> {
    let Ok(entries) = fs::read_dir(place.path("backups/migrations")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The lines of the log.
fn log(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.path("logs/migrations.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|it| it["event"].as_str().unwrap()).collect()
}

pub(crate) fn whole(place: &Place, arguments: &str) -> Said {
    place.call(arguments).whole().run()
}

#[tokio::test]
async fn an_apply_looks_backs_up_applies_and_looks_again() {
    let place = Place::with(&SHOP).await;
    let said = whole(&place, "apply --format json").exits(0);
    let report = said.document();
    schema::check("apply", &report);
    assert_eq!(report["applied"], json!([1, 2]));
    assert_eq!(report["preflight"]["preflight_passed"], true, "{report}");
    assert_eq!(report["postflight"]["validation_passed"], true);
    assert_eq!(report["overrides"], json!([]));
    let backup = &report["backup"];
    let path = backup["path"].as_str().unwrap();
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(backup["exit_status"], 0);
    let place_of =
        |event: &str| said.stderr.find(event).unwrap_or_else(|| panic!("{event}: {said:?}"));
    assert!(place_of("preflight passed") < place_of("backed up "));
    assert!(place_of("backed up ") < place_of("[1/2] 1 customers"));
    assert!(place_of("[2/2] 2 orders applied") < place_of("postflight passed"));

    let lines = log(&place);
    assert_eq!(
        events(&lines)[..6],
        [
            "begun",
            "preflight",
            "backup_started",
            "backup_finished",
            "plan_ready",
            "migration_started"
        ]
    );
    assert_eq!(events(&lines)[lines.len() - 2..], ["postflight", "ended"]);
    assert_eq!(lines[lines.len() - 1]["applied"], json!([1, 2]));
    let mode = fs::metadata(place.path("logs/migrations.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // With nothing to do nothing stands around it.
    let report = whole(&place, "apply --format json").exits(0).document();
    assert_eq!((&report["backup"], &report["preflight"]), (&Value::Null, &Value::Null));
    assert_eq!(backups(&place).len(), 3, "the backup, its manifest, and the pointer");
}

#[tokio::test]
async fn a_red_preflight_stops_it_before_the_backup_and_a_recorded_decision_goes_on() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    place.write("migrations/3_alter.up.sql", "ALTER TABLE customers ADD COLUMN x int;\n");
    let client = place.database.client().await;
    // A transaction that has the table, and is old enough.
    client.batch_execute("BEGIN; SELECT * FROM customers").await.unwrap();
    place.write("stopover.toml", "[preflight]\nlong_transaction = \"200ms\"\n");
    tokio::time::sleep(Duration::from_millis(400)).await;
    let said = whole(&place, "apply --format json").exits(1);
    let report = said.document();
    schema::check("apply", &report);
    assert_eq!(report["applied"], json!([]));
    let findings = report["preflight"]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|it| it["code"] == "long-transaction"), "{report}");
    assert_eq!(backups(&place), [] as [&str; 0]);
    let said = whole(&place, "apply").exits(1);
    assert!(
        said.stdout.contains("REFUSED:") && said.stdout.contains("long-transaction"),
        "{said:?}"
    );

    whole(&place, "apply --force").exits(5);
    let force = [
        "apply",
        "--force",
        "--reason",
        "agreed with the owner",
        "--by",
        "ann",
        "--format",
        "json",
    ];
    client.batch_execute("COMMIT; BEGIN; SELECT 1").await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let report = place.call("").arguments(force).whole().run().exits(0).document();
    let decision =
        json!([{"safeguard": "preflight", "by": "ann", "reason": "agreed with the owner"}]);
    assert_eq!(report["overrides"], decision);
    assert_eq!(report["applied"], json!([2, 3]));
    assert_eq!(
        place.database.psql(
            "SELECT detail FROM stopover.migration_journal WHERE event = 'preflight overridden'"
        ),
        "by ann: agreed with the owner"
    );
}

#[tokio::test]
async fn a_red_postflight_is_exit_code_three() {
    let place = Place::with(&SHOP).await;
    place.write(
        "migrations/3_child.up.sql",
        "CREATE TABLE parent (id int PRIMARY KEY);\n\
         CREATE TABLE child (parent int);\n\
         INSERT INTO child VALUES (7);\n\
         ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent NOT VALID;\n",
    );
    let said = whole(&place, "apply --format json").exits(3);
    let report = said.document();
    assert_eq!(report["postflight"]["validation_passed"], false);
    assert_eq!(report["postflight"]["orphans"][0]["count"], 1);
    assert_eq!(report["applied"], json!([1, 2, 3]));
    let last = log(&place).pop().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&json!("ended"), &json!(3)));
}

#[tokio::test]
async fn a_rollback_has_its_backup_and_a_failed_one_is_exit_code_four() {
    let place = Place::with(&SHOP).await;
    place.call("apply").run().exits(0);
    let report = whole(&place, "rollback --format json").exits(0).document();
    schema::check("apply", &report);
    assert_eq!(report["reverted"], json!([2]));
    assert!(report["backup"]["path"].is_string(), "{report}");
    assert_eq!(report["preflight"], Value::Null);
    place.write("migrations/1_customers.down.sql", "DROP TABLE nothing_like_it;\n");
    whole(&place, "rollback --skip-backup").exits(4);
    let lines = log(&place);
    let failed = lines.iter().find(|it| it["event"] == "migration_failed").unwrap();
    assert_eq!(failed["error"]["sqlstate"], "42P01");
}

#[tokio::test]
async fn a_run_that_finds_nothing_to_do_leaves_no_line_in_the_log() {
    let place = Place::with(&SHOP).await;
    place.call("apply").run().exits(0);
    let log = place.path("logs/migrations.jsonl");
    let before = fs::read_to_string(&log).unwrap();
    place.call("apply").whole().run().exits(0);
    assert_eq!(fs::read_to_string(&log).unwrap(), before);
    fs::remove_file(&log).unwrap();
    place.call("apply").whole().run().exits(0);
    assert!(!log.exists());
}

#[tokio::test]
async fn the_log_of_a_failed_apply_tells_the_whole_story_without_secrets() {
    let place = Place::with(&SHOP).await;
    place.write(
        "migrations/3_role.up.sql",
        "DO $$ BEGIN RAISE WARNING 'see postgres://me:log-secret@host/db'; END $$;\n\
         SELECT 1/0;\n",
    );
    let url = place.database.url();
    let said = place.call("apply").whole().variable("DATABASE_URL", &url).run().exits(2);
    assert!(said.stdout.contains("division by zero"), "{said:?}");
    let text = fs::read_to_string(place.path("logs/migrations.jsonl")).unwrap();
    assert!(!text.contains("log-secret"), "{text}");
    let lines = log(&place);
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let story: Vec<&str> =
        events(&lines).into_iter().filter(|it| !it.starts_with("statement")).collect();
    assert_eq!(
        story,
        [
            "begun",
            "preflight",
            "backup_started",
            "backup_finished",
            "plan_ready",
            "migration_started",
            "migration_finished",
            "migration_started",
            "migration_finished",
            "migration_started",
            "said",
            "migration_failed",
            "ended",
        ]
    );
    let failed = &lines[lines.len() - 2];
    assert_eq!(failed["version"], 3);
    assert_eq!(failed["error"]["file"], "migrations/3_role.up.sql");
    let ended = &lines[lines.len() - 1];
    assert_eq!((&ended["exit_code"], &ended["applied"]), (&json!(2), &json!([1, 2])));
    assert_eq!((&ended["failed"], &ended["level"]), (&json!(3), &json!("error")));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_a_warning() {
    let place = Place::with(&SHOP).await;
    place.write("logs", "a file where the folder should be");
    let report = place.call("apply --format json").run().exits(0).document();
    assert_eq!(report["applied"], json!([1, 2]));
    assert_eq!(
        (&report["findings"][0]["code"], &report["findings"][0]["severity"]),
        (&json!("log"), &json!("warning"))
    );
}

#[tokio::test]
async fn a_plan_that_changes_during_the_backup_is_not_carried_out() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    // Somebody who knows nothing of the run lock records a migration while the backup is made.
    let columns = place.database.psql(
        "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_name = 'applied_migrations'",
    );
    let values = columns
        .split(',')
        .map(|it| match it {
            "version" => "2",
            "name" => "'orders'",
            other => other,
        })
        .collect::<Vec<_>>()
        .join(",");
    let insert = format!(
        "INSERT INTO stopover.applied_migrations ({columns}) SELECT {values} \
         FROM stopover.applied_migrations WHERE version = 1"
    );
    place.write("forge.sql", &insert);
    let command = "psql -X -q -v ON_ERROR_STOP=1 -f forge.sql";
    let arguments = ["apply", "--backup-command", command, "--format", "json"];
    let said = place.call("").arguments(arguments).whole().run();
    let report = said.exits(8).document();
    let codes: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert!(codes.iter().any(|it| *it == "plan-changed" || *it == "modified"), "{report}");
    assert_eq!(place.database.psql("SELECT to_regclass('orders') IS NULL"), "t");
}

#[tokio::test]
async fn an_sqlite_file_goes_the_whole_way_too() {
    let place = Place::with(&SHOP).await;
    let url = format!("sqlite:{}", place.path("shop.db").display());
    let apply = |arguments: &str| {
        let arguments = format!("apply --format json --database-url {url} {arguments}");
        whole(&place, &arguments).exits(0).document()
    };
    let first = apply("--steps 1");
    assert_eq!(first["backup"], Value::Null, "there is nothing to back up yet");
    let second = apply("--prove-backup");
    assert_eq!(second["backup"]["kind"], "sqlite");
    assert_eq!(second["backup"]["proven"], true, "{second}");
    let path = second["backup"]["path"].as_str().unwrap();
    assert!(path.ends_with(".db.gz"), "{path}");
    let verified = place.call("verify latest --format json").run().exits(0).document();
    assert_eq!(verified["verdict"], "green");
    fs::write(path, b"not what it was").unwrap();
    let verified = place.call("verify latest --format json").run().exits(6).document();
    assert_eq!(verified["verdict"], "red");
}

#[tokio::test]
async fn a_service_that_migrates_itself_in_between_is_no_change_by_hand() {
    let place = Place::with(&SHOP).await;
    whole(&place, "apply --steps 1").exits(0);
    // As the library does it: nothing stands around, and no fingerprint is left.
    place.call("apply").run().exits(0);
    place.write("migrations/3_more.up.sql", "CREATE TABLE more ();\n");
    whole(&place, "apply").exits(0);
    place.database.psql("ALTER TABLE customers ADD COLUMN by_hand int");
    place.write("migrations/4_last.up.sql", "CREATE TABLE last ();\n");
    let said = whole(&place, "apply").exits(1);
    assert!(said.stdout.contains("public.customers.by_hand"), "{said:?}");
}
