//! Up, down and up again in a rehearsal: what a rollback would bring back, and what not.

use serde_json::{Value, json};

use crate::place::Place;

const SETTINGS: (&str, &str) = ("stopover.toml", "[policy]\nempty_ledger = \"allow\"\n");

const SHOP: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, total int, note text, unused text);
    INSERT INTO orders SELECT i, i, CASE WHEN i <= 3 THEN 'gift' END, NULL
        FROM generate_series(1, 100) i;
    CREATE TABLE audit (id int, seen int DEFAULT 0);
    INSERT INTO audit VALUES (1);
    CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN UPDATE public.audit SET seen = seen + 1; RETURN NULL; END';";

/// Migrations as up and down scripts, from 1; `None` is no down script.
async fn rehearsed(migrations: &[(&str, Option<&str>)], arguments: &str, code: i32) -> Value {
    let place = Place::with(&[SETTINGS]).await;
    for (at, (up, down)) in migrations.iter().enumerate() {
        let version = at + 1;
        place.write(&format!("migrations/{version}_m.up.sql"), up);
        if let Some(down) = down {
            place.write(&format!("migrations/{version}_m.down.sql"), down);
        }
    }
    place.database.psql(SHOP);
    place.dump("backup.sql");
    let call = format!("rehearse --backup backup.sql --no-base --no-report --down {arguments}");
    place.call(&call).arguments(["--format", "json"]).run().exits(code).document()
}

/// Version and outcome of each migration on the way down.
fn outcomes(report: &Value) -> Vec<(i64, Value)> {
    let down = report["down"].as_array().unwrap().iter();
    down.map(|it| (it["version"].as_i64().unwrap(), it["outcome"].clone())).collect()
}

/// Code, severity and message of what was found about down scripts.
fn found(report: &Value) -> Vec<(String, String, String)> {
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let all = findings.map(|it| (text(it, "code"), text(it, "severity"), text(it, "message")));
    all.filter(|it| it.0.starts_with("down") || it.0.starts_with("up-again")).collect()
}

#[tokio::test]
async fn down_scripts_that_bring_everything_back_are_lossless() {
    let migrations = [
        (
            "ALTER TABLE orders ADD COLUMN at timestamptz NOT NULL DEFAULT now();\n",
            Some("ALTER TABLE orders DROP COLUMN at;\n"),
        ),
        (
            "CREATE TABLE items (id int);\nINSERT INTO items VALUES (1);\n\
             ALTER TABLE orders RENAME total TO amount;\n",
            Some("DROP TABLE items;\nALTER TABLE orders RENAME amount TO total;\n"),
        ),
        ("CREATE INDEX orders_note ON orders (note);\n", Some("DROP INDEX orders_note;\n")),
    ];
    let report = rehearsed(&migrations, "", 0).await;
    let lossless = json!("lossless");
    let expected = [3, 2, 1].map(|version| (version, lossless.clone()));
    assert_eq!((outcomes(&report), found(&report)), (expected.to_vec(), vec![]));
    for it in report["down"].as_array().unwrap() {
        assert!(it["duration_ms"].as_f64().unwrap() > 0.0, "{it}");
        assert!(it["again_ms"].as_f64().unwrap() > 0.0, "{it}");
    }
    let orders = report["tables"].as_array().unwrap().iter();
    let orders = orders.filter(|it| it["relation"] == "public.orders").count();
    assert_eq!(orders, 1);
}

#[tokio::test]
async fn what_a_down_script_does_not_bring_back_is_told_migration_by_migration() {
    let migrations = [
        (
            "-- stopover: allow data-loss(orders)\n\
             ALTER TABLE orders DROP COLUMN note, DROP COLUMN unused;\n",
            Some("ALTER TABLE orders ADD COLUMN note text, ADD COLUMN unused text;\n"),
        ),
        ("CREATE INDEX orders_total ON orders (total);\n", Some("DROP INDEX orders_total;\n")),
        (
            "-- stopover: allow data-loss(orders)\nDELETE FROM orders WHERE id > 90;\n",
            Some("SELECT 1;\n"),
        ),
    ];
    let report = rehearsed(&migrations, "", 0).await;
    let expected = [(3, json!("lossy")), (2, json!("lossless")), (1, Value::Null)];
    assert_eq!(outcomes(&report), expected);
    let told: Vec<(String, String)> = found(&report).into_iter().map(|it| (it.0, it.2)).collect();
    let lossy = "taking migration 3 back does not bring back what was there: 10 of 100 rows of \
                 public.orders";
    let unproven = "whether taking migration 1 back brings back what was in public.orders cannot \
                    be told: newer migrations did not bring back what they changed there";
    let said = |code: &str, message: &str| (code.to_owned(), message.to_owned());
    assert_eq!(told, [said("down-unproven", unproven), said("down-lossy", lossy)]);

    let report = rehearsed(&migrations[..2], "", 0).await;
    assert_eq!(outcomes(&report), [(2, json!("lossless")), (1, json!("lossy"))]);
    let first = &report["down"][1];
    let lost = json!([{
        "relation": "public.orders", "rows_before": 100, "rows_after": 100, "columns": ["note"]
    }]);
    assert_eq!((&first["lost"], &first["objects"]), (&lost, &json!([])));
}

#[tokio::test]
async fn a_failing_down_script_is_red_with_its_place() {
    let migrations = [
        ("CREATE TABLE items (id int);\n", Some("DROP TABLE items;\n")),
        ("CREATE TABLE more (id int);\n", Some("DROP TABLE more;\nDROP TABLE no_such;\n")),
    ];
    let report = rehearsed(&migrations, "", 6).await;
    assert_eq!(outcomes(&report), [(2, Value::Null), (1, Value::Null)]);
    let message = "the down script of migration 2 fails: table \"no_such\" does not exist";
    let found = found(&report);
    assert_eq!((found[0].0.as_str(), found[0].2.as_str()), ("down-failed", message));
    assert_eq!(found[1].2, "whether migration 1 can be taken back was not tried");
    assert_eq!(report["down"][0]["error"]["line"], 2);
    assert!(report["detail"].as_str().unwrap().starts_with(message));
}

#[tokio::test]
async fn what_has_no_down_script_is_irreversible_and_ends_the_way() {
    let migrations = [
        ("CREATE TABLE items (id int);\n", Some("DROP TABLE items;\n")),
        ("CREATE TABLE more (id int);\n", None),
        ("CREATE TABLE most (id int);\n", Some("DROP TABLE most;\n")),
        ("CREATE TABLE last (id int);\n", Some("-- There is no way back.\n")),
    ];
    let report = rehearsed(&migrations, "", 0).await;
    let expected = [
        (4, json!("irreversible")),
        (3, Value::Null),
        (2, json!("irreversible")),
        (1, Value::Null),
    ];
    assert_eq!(outcomes(&report), expected);
    let found: Vec<String> = found(&report).into_iter().map(|it| it.2).collect();
    let messages = [
        "migration 4 has an empty down script: there is no way back behind it",
        "migration 2 has no down script: there is no way back behind it",
        "whether migrations 3 and 1 can be taken back was not tried",
    ];
    assert_eq!(found, messages);
}

#[tokio::test]
async fn what_a_down_script_leaves_behind_shows_and_keeps_the_migration_from_going_up_again() {
    let migrations = [("CREATE TABLE items (id int);\n", Some("SELECT 1;\n"))];
    let report = rehearsed(&migrations, "", 6).await;
    let found = found(&report);
    assert_eq!(found[0].0, "down-lossy");
    assert!(found[0].2.contains("table public.items"), "{found:?}");
    let message = "migration 1 cannot be applied again after it was taken back: relation \
                   \"items\" already exists";
    let idle = "the down script of migration 1 takes nothing back: still there: column \
                public.items.id and table public.items";
    assert_eq!((found[1].0.as_str(), found[1].1.as_str()), ("down-idle", "error"));
    assert_eq!(found[1].2, idle);
    assert_eq!((found[2].0.as_str(), found[2].2.as_str()), ("up-again-failed", message));
}

#[tokio::test]
async fn a_down_script_that_takes_what_was_there_before_its_migration_is_red() {
    let up = "ALTER TABLE orders ADD COLUMN at int;\n";
    let down = "ALTER TABLE orders DROP COLUMN at, DROP COLUMN IF EXISTS note;\n\
                DELETE FROM audit;\n";
    let report = rehearsed(&[(up, Some(down))], "", 6).await;
    let found = found(&report);
    let lossy = found.iter().find(|it| it.0 == "down-lossy").expect("it is told");
    assert_eq!(lossy.1, "error");
    for part in ["what was in note of public.orders", "1 of 1 rows of public.audit"] {
        assert!(lossy.2.contains(part), "{lossy:?}");
    }
    assert_eq!(report["verdict"], "red");
    let up = format!("-- stopover: allow data-loss(audit)\n{up}");
    let down = "ALTER TABLE orders DROP COLUMN at;\nDELETE FROM audit;\n";
    let report = rehearsed(&[(&up, Some(down))], "", 0).await;
    assert_eq!(report["findings"][0]["severity"], "warning", "{}", report["findings"]);
}

#[tokio::test]
async fn what_nobody_compared_is_not_called_lossless_in_silence() {
    let up = "CREATE TRIGGER seen AFTER UPDATE ON orders EXECUTE FUNCTION seen();\n\
              UPDATE orders SET total = total + 1;\n";
    let down = "UPDATE orders SET total = total - 1;\nDROP TRIGGER seen ON orders;\n";
    let report = rehearsed(&[(up, Some(down))], "", 0).await;
    let told = found(&report);
    assert_eq!((told.len(), told[0].0.as_str()), (1, "down-unproven"), "{told:?}");
    assert!(told[0].2.contains("public.audit was written to"), "{told:?}");

    let report = rehearsed(&[(up, Some(down))], "--digest", 0).await;
    let told = found(&report);
    assert_eq!((told.len(), told[0].0.as_str()), (1, "down-lossy"), "{told:?}");
    assert!(told[0].2.contains("public.audit does not hold what it held"), "{told:?}");
}

#[tokio::test]
async fn a_tool_of_the_users_own_is_not_taken_back() {
    let place = Place::with(&[SETTINGS, ("migrations/1_m.up.sql", "SELECT 1;\n")]).await;
    let said = place.call("rehearse --backup b.sql --down --command true").run().exits(5);
    assert!(said.stderr.contains("--down"), "{}", said.stderr);
    let call =
        place.call("rehearse --backup b.sql --command true").variable("STOPOVER_DOWN", "true");
    assert!(call.run().exits(5).stderr.contains("down"), "the setting neither");
}
