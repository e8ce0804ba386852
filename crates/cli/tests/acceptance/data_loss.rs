//! Rows, tables and columns that vanish in a rehearsal: red, unless a migration says that they may.

use serde_json::{Value, json};

use crate::place::Place;

const SETTINGS: (&str, &str) = ("stopover.toml", "[policy]\nempty_ledger = \"allow\"\n");

/// What production has. Customers go with what they ordered; each change of an order is noted.
const SHOP: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, email text, note text, fax text);
    INSERT INTO customers SELECT i, i || '@example.org', CASE WHEN i <= 3 THEN 'vip' END, NULL
        FROM generate_series(1, 100) i;
    CREATE TABLE orders (
        id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE, total int);
    INSERT INTO orders SELECT i, 1 + i % 100, i FROM generate_series(1, 500) i;
    CREATE TABLE audit (id int, seen int DEFAULT 0);
    INSERT INTO audit SELECT i FROM generate_series(1, 5) i;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN UPDATE public.audit SET seen = seen + 1 WHERE id = 1; RETURN NULL; END';
    CREATE TRIGGER note AFTER UPDATE ON orders EXECUTE FUNCTION note();
    CREATE TABLE nothing_in_it (id int);";

/// What a rehearsal of these migrations (without their heads' lines `N_m.up.sql`) comes to.
async fn rehearsed(migrations: &[&str], arguments: &str, code: i32) -> Value {
    let place = Place::with(&[SETTINGS]).await;
    for (at, text) in migrations.iter().enumerate() {
        place.write(&format!("migrations/{}_m.up.sql", at + 1), text);
    }
    place.database.psql(SHOP);
    place.dump("backup.sql");
    let call =
        place.call(&format!("rehearse --backup backup.sql --no-base --no-report {arguments}"));
    call.arguments(["--format", "json"]).run().exits(code).document()
}

/// Severity and message of every finding about lost data.
fn losses(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let lost = findings.filter(|it| it["code"] == "data-loss");
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    lost.map(|it| (text(it, "severity"), text(it, "message"))).collect()
}

fn error(message: &str) -> (String, String) {
    ("error".to_owned(), message.to_owned())
}

fn note(message: &str) -> (String, String) {
    ("note".to_owned(), message.to_owned())
}

fn table<'a>(report: &'a Value, relation: &str) -> &'a Value {
    let tables = report["tables"].as_array().unwrap();
    tables.iter().find(|it| it["relation"] == relation).expect("the table is listed")
}

#[tokio::test]
async fn deleted_rows_are_red_with_their_count_and_those_of_a_cascade_too() {
    let report =
        rehearsed(&["-- Once more\n\nDELETE FROM customers WHERE id > 98;\n"], "", 6).await;
    let expected = [
        error("public.customers lost 2 of its 100 rows (migration 1: DELETE, line 3)"),
        error("public.orders lost 10 of its 500 rows (migration 1: DELETE, line 3)"),
    ];
    assert_eq!(losses(&report), expected);
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.starts_with(&expected[0].1), "{detail}");
    let decision = "at the head of migrations/1_m.up.sql: `-- stopover: allow \
                    data-loss(public.customers)`";
    assert!(detail.contains(decision), "{detail}");
    let customers = table(&report, "public.customers");
    assert_eq!(
        (&customers["rows_before"], &customers["rows_after"], &customers["fate"]),
        (&json!(100), &json!(98), &json!("kept"))
    );
    assert_eq!(table(&report, "public.audit")["rows_after"], 5, "nobody wrote to it");
    assert!(report["schema"]["before"].is_string());
    assert_eq!(report["schema"]["before"], report["schema"]["after"]);
}

#[tokio::test]
async fn what_a_migration_says_that_it_may_lose_is_a_note() {
    let migrations = ["-- stopover: allow data-loss(customers, public.Orders)\n\
                       DELETE FROM customers WHERE id > 98;\n"];
    let report = rehearsed(&migrations, "", 0).await;
    let expected = [
        note("public.customers lost 2 of its 100 rows (migration 1: DELETE, line 2)"),
        note("public.orders lost 10 of its 500 rows (migration 1: DELETE, line 2)"),
    ];
    assert_eq!(losses(&report), expected);
    assert_eq!(report["verdict"], "green");
}

#[tokio::test]
async fn one_migrations_directive_is_not_anothers() {
    let migrations = [
        "-- stopover: allow data-loss(audit)\nDELETE FROM audit WHERE id = 1;\n",
        "DELETE FROM audit WHERE id = 2;\n",
    ];
    let report = rehearsed(&migrations, "", 6).await;
    let message = "public.audit lost 2 of its 5 rows (one of the migrations 1 and 2)";
    assert_eq!(losses(&report), [error(message)]);
}

#[tokio::test]
async fn a_dropped_column_is_red_where_it_held_values() {
    let drop = "ALTER TABLE customers DROP COLUMN note, DROP COLUMN fax;\n";
    let report = rehearsed(&[drop], "", 6).await;
    let message = "public.customers lost its column note, which held values in 3 rows (migration \
                   1: ALTER TABLE, line 1)";
    assert_eq!(losses(&report), [error(message)]);
    let dropped = &table(&report, "public.customers")["dropped_columns"];
    let expected = json!([{"column": "note", "values": 3}, {"column": "fax", "values": 0}]);
    assert_eq!(*dropped, expected);
}

#[tokio::test]
async fn a_column_that_goes_without_being_named_may_have_held_values() {
    let drop = "DO $$ DECLARE c text := 'no' || 'te';\n\
                BEGIN EXECUTE format('ALTER TABLE customers DROP COLUMN %I', c); END $$;\n";
    let report = rehearsed(&[drop], "", 6).await;
    let found = losses(&report);
    let message = "public.customers lost its column note, and nobody knows whether it held values";
    assert!(found.len() == 1 && found[0].1.starts_with(message), "{found:?}");
}

#[tokio::test]
async fn a_dropped_table_is_red_where_it_had_rows() {
    let report = rehearsed(&["DROP TABLE nothing_in_it;\nDROP TABLE audit;\n"], "", 6).await;
    let message = "public.audit was dropped with its 5 rows (migration 1: DROP TABLE, line 2)";
    assert_eq!(losses(&report), [error(message)]);
    let audit = table(&report, "public.audit");
    assert_eq!((&audit["fate"], &audit["rows_after"]), (&json!("dropped"), &Value::Null));
    let empty = table(&report, "public.nothing_in_it");
    assert_eq!((&empty["fate"], &empty["rows_before"]), (&json!("dropped"), &json!(0)));
}

#[tokio::test]
async fn emptied_and_filled_with_fewer_rows_is_a_loss() {
    let refill = "TRUNCATE audit;\nINSERT INTO audit VALUES (7), (8), (9);\n";
    let report = rehearsed(&[refill], "", 6).await;
    let message = "public.audit lost 2 of its 5 rows (migration 1: TRUNCATE TABLE, line 1)";
    assert_eq!(losses(&report), [error(message)]);
}

#[tokio::test]
async fn renamed_and_rebuilt_tables_lose_nothing() {
    let migrations = [
        "ALTER TABLE orders RENAME TO purchases;\nALTER TABLE purchases RENAME total TO amount;\n",
        "CREATE TABLE audit_new (id bigint, seen int DEFAULT 0);\n\
         INSERT INTO audit_new SELECT * FROM audit;\nDROP TABLE audit;\n\
         ALTER TABLE audit_new RENAME TO audit;\n",
        "DROP TABLE nothing_in_it;\nCREATE TABLE fresh AS SELECT 1 AS one;\n",
    ];
    let report = rehearsed(&migrations, "", 0).await;
    assert_eq!(losses(&report), []);
    let orders = table(&report, "public.orders");
    assert_eq!(
        (&orders["fate"], &orders["relation_after"], &orders["rows_after"]),
        (&json!("renamed"), &json!("public.purchases"), &json!(500))
    );
    let audit = table(&report, "public.audit");
    assert_eq!((&audit["fate"], &audit["rows_after"]), (&json!("replaced"), &json!(5)));
    let fresh = table(&report, "public.fresh");
    assert_eq!((&fresh["fate"], &fresh["rows_before"]), (&json!("made"), &Value::Null));
    assert_eq!(report["tables"][0]["digest"], Value::Null, "nobody asked");
}

#[tokio::test]
async fn a_rebuilt_table_that_forgets_a_column_is_red() {
    let rebuilt = "CREATE TABLE c2 (id int PRIMARY KEY, email text, note text, fax text);\n\
                   INSERT INTO c2 (id, email) SELECT id, email FROM customers;\n\
                   DROP TABLE customers CASCADE;\nALTER TABLE c2 RENAME TO customers;\n";
    let message = "public.customers lost all 3 values of its column note (migration 1: DROP \
                   TABLE, line 3)";
    for arguments in ["", "--digest"] {
        let report = rehearsed(&[rebuilt], arguments, 6).await;
        assert_eq!(losses(&report), [error(message)], "{arguments}");
        let emptied = &table(&report, "public.customers")["emptied_columns"];
        let expected = json!([{"column": "note", "values_before": 3, "values_after": 0}]);
        assert_eq!(*emptied, expected);
    }
    let allowed = format!("-- stopover: allow data-loss(customers)\n{rebuilt}");
    let report = rehearsed(&[&allowed], "", 0).await;
    assert_eq!(losses(&report), [note(&message.replace("line 3", "line 4"))]);
}

#[tokio::test]
async fn a_table_that_one_migration_drops_and_another_makes_again_is_compared() {
    let migrations = [
        "CREATE TABLE kept AS SELECT id, email FROM customers;\n",
        "DROP TABLE customers CASCADE;\n",
        "CREATE TABLE customers (id int, email text, note text, fax text);\n\
         INSERT INTO customers SELECT * FROM kept;\n",
    ];
    let report = rehearsed(&migrations, "", 6).await;
    let found = losses(&report);
    let message = "public.customers lost all 3 values of its column note (";
    assert!(found.len() == 1 && found[0].1.starts_with(message), "{found:?}");
}

#[tokio::test]
async fn a_table_that_is_rebuilt_unseen_is_told_and_compared_where_digests_are_asked_for() {
    let rebuilt = "CREATE TABLE c2 (id int, email text, note text, fax text);\n\
                   INSERT INTO c2 (id, email) SELECT id, email FROM public.\"customers\";\n\
                   DO $$ DECLARE c text := 'custom' || 'ers'; BEGIN\n\
                   EXECUTE 'DRO' || 'P TABLE ' || c || ' CASCADE';\n\
                   EXECUTE 'ALTER TABLE c2 RENAME TO ' || c; END $$;\n";
    let report = rehearsed(&[rebuilt], "", 0).await;
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|it| it["code"] == "values-uncounted"), "{findings:?}");
    let report = rehearsed(&[rebuilt], "--digest", 6).await;
    assert!(losses(&report)[0].1.starts_with("public.customers lost all 3 values"));
}

#[tokio::test]
async fn values_that_an_update_or_another_type_takes_are_red() {
    let update = "UPDATE customers SET note = NULL WHERE id < 3;\n";
    let retyped =
        "ALTER TABLE orders ALTER total TYPE text USING CASE WHEN id > 400 THEN 'x' END;\n";
    let report = rehearsed(&[update, retyped], "", 6).await;
    let expected = [
        error(
            "public.customers lost 2 of the 3 values of its column note (migration 1: UPDATE, \
             line 1)",
        ),
        error(
            "public.orders lost 400 of the 500 values of its column total (migration 2: ALTER \
             TABLE, line 1)",
        ),
    ];
    assert_eq!(losses(&report), expected);
}

#[tokio::test]
async fn rows_that_others_took_the_place_of_show_where_digests_are_asked_for() {
    let other = "DELETE FROM audit;\nINSERT INTO audit SELECT i FROM generate_series(11, 15) i;\n";
    let report = rehearsed(&[other], "--digest", 0).await;
    let findings = report["findings"].as_array().unwrap();
    let told: Vec<&Value> = findings.iter().filter(|it| it["code"] == "content-changed").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["subject"], &told[0]["severity"], &told[0]["message"]),
        (
            &json!("public.audit"),
            &json!("note"),
            &json!("what is in public.audit is not the same as before (id)")
        )
    );
}

#[tokio::test]
async fn large_objects_that_are_unlinked_are_red() {
    let place = Place::with(&[SETTINGS]).await;
    place.database.psql("SELECT lo_from_bytea(0, 'one'), lo_from_bytea(0, 'two')");
    place.dump("backup.sql");
    let unlink = "SELECT lo_unlink(min(oid)) FROM pg_largeobject_metadata;\n";
    let call = "rehearse --backup backup.sql --no-base --no-report --format json";
    place.write("migrations/1_m.up.sql", unlink);
    let report = place.call(call).run().exits(6).document();
    let found = losses(&report);
    let message = "pg_catalog.pg_largeobject_metadata lost 1 of its 2 rows";
    assert!(found.len() == 1 && found[0].1.starts_with(message), "{found:?}");
    let directive = "-- stopover: allow data-loss(pg_catalog.pg_largeobject_metadata)";
    place.write("migrations/1_m.up.sql", &format!("{directive}\n{unlink}"));
    place.call(call).run().exits(0);
}

#[tokio::test]
async fn digests_show_what_changed_and_what_did_though_no_statement_names_it() {
    let update = "UPDATE orders SET total = total + 1 WHERE id = 7;\n";
    let report = rehearsed(&[update], "--digest", 0).await;
    let changed = |relation: &str| table(&report, relation)["digest"]["changed_columns"].clone();
    assert_eq!(changed("public.orders"), json!(["total"]));
    assert_eq!(changed("public.audit"), json!(["seen"]));
    let customers = &table(&report, "public.customers")["digest"];
    assert_eq!(customers["before"], customers["after"]);
    let findings = report["findings"].as_array().unwrap();
    let told = findings.iter().filter(|it| it["code"] == "content-changed");
    let told: Vec<_> = told.map(|it| (&it["subject"], &it["severity"])).collect();
    let expected =
        [(&json!("public.audit"), &json!("warning")), (&json!("public.orders"), &json!("note"))];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_apply_tells_of_a_column_that_a_table_made_again_has_lost() {
    let rebuilt = "CREATE TABLE people_new (id int PRIMARY KEY, name text, mail text);\n\
                   INSERT INTO people_new (id, name) SELECT id, name FROM people;\n\
                   DROP TABLE people;\nALTER TABLE people_new RENAME TO people;\n";
    for (head, code, severity) in
        [("", 3, "error"), ("-- stopover: allow data-loss(people)\n", 0, "note")]
    {
        let place = Place::with(&[
            (
                "migrations/1_people.up.sql",
                "CREATE TABLE people (id int PRIMARY KEY, name text, mail text);\n\
                 INSERT INTO people VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', NULL);\n",
            ),
            ("migrations/2_rebuilt.up.sql", &format!("{head}{rebuilt}")),
        ])
        .await;
        place.call("apply --steps 1").run().exits(0);
        let said = place.call("apply --skip-backup --format json").whole().run().exits(code);
        let report = said.document();
        assert_eq!(report["applied"], json!([2]));
        let findings = report["postflight"]["findings"].as_array().unwrap();
        let found = findings.iter().find(|it| it["code"] == "census").expect("a finding");
        assert_eq!(found["severity"], severity);
        let told = "public.people was made again, and its column mail holds no value any more: it \
                    held a value in 2 of 3 rows before the apply";
        assert!(found["message"].as_str().unwrap().starts_with(told), "{found}");
    }
}
