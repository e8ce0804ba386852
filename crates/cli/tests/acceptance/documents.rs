//! `--format json`: one document on standard output, as its schema says, and nothing else there.

use serde_json::{Value, json};

use crate::place::Place;
use crate::schema;

const SHOP: [(&str, &str); 3] = [
    ("migrations/1_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n"),
    ("migrations/2_orders.up.sql", "CREATE TABLE orders (id bigint, customer bigint);\n"),
    ("migrations/3_index.up.sql", "CREATE INDEX CONCURRENTLY orders_id ON orders (id);\n"),
];

/// Version and tool: the two fields that each document starts with.
fn begins(document: &Value) {
    let names: Vec<&String> = document.as_object().unwrap().keys().take(2).collect();
    assert_eq!(names, ["schema_version", "tool_version"]);
}

#[tokio::test]
async fn status_plan_and_apply_say_what_their_schemas_promise() {
    let place = Place::with(&SHOP).await;
    let status = place.call("status --format json").run().exits(0).document();
    schema::check("status", &status);
    begins(&status);
    assert_eq!(status["pending"][2], json!({"version": 3, "name": "index", "out_of_order": false}));

    let plan = place.call("plan --format json").run().exits(0).document();
    schema::check("plan", &plan);
    begins(&plan);
    assert_eq!(plan["plan_hash"].as_str().unwrap().len(), 64);
    assert_eq!(plan["steps"][0]["transactional"], true);
    assert_eq!(plan["steps"][2]["transactional"], false);
    let dry_run = place.call("apply --dry-run --format json").run().exits(0).document();
    assert_eq!(plan, dry_run);

    let said = place.call("apply --format json").run().exits(0);
    let apply = said.document();
    schema::check("apply", &apply);
    begins(&apply);
    assert_eq!(apply["applied"], json!([1, 2, 3]));
    assert_eq!(apply["failed"], Value::Null);
    assert!(said.stderr.contains("[3/3] 3 index applied"), "{}", said.stderr);

    let status = place.call("status --format json").run().exits(0).document();
    schema::check("status", &status);
    assert_eq!(status["applied"][0]["provenance"], "applied");
    assert_eq!(status["pending"], json!([]));
}

#[tokio::test]
async fn drift_and_problems_say_what_their_schemas_promise() {
    let place = Place::with(&SHOP).await;
    place.call("apply").run().exits(0);
    place.write("migrations/1_users.up.sql", "CREATE TABLE users ();\n");
    std::fs::remove_file(place.path("migrations/2_orders.up.sql")).unwrap();
    place.write("migrations/4_a.up.sql", "SELECT 1;\n");
    place.write("migrations/4_b.up.sql", "SELECT 1;\n");
    let status = place.call("status --format json --check").run().exits(8).document();
    schema::check("status", &status);
    let kinds: Vec<&Value> =
        status["drift"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["collision", "modified", "orphan"]);
    let plan = place.call("plan --format json").run().exits(8).document();
    schema::check("plan", &plan);
    assert_eq!(plan["plan_hash"], Value::Null);
    let refused = place.call("apply --format json").run().exits(8).document();
    schema::check("apply", &refused);
    assert_eq!(refused["findings"], plan["problems"]);
    assert_eq!(refused["applied"], json!([]));
}

#[tokio::test]
async fn a_failed_apply_gives_the_error_with_its_place() {
    let place = Place::with(&SHOP).await;
    place
        .write("migrations/2_orders.up.sql", "CREATE TABLE orders (\n  id bigint,\n  id int\n);\n");
    let apply = place.call("apply --format json").run().exits(2).document();
    schema::check("apply", &apply);
    assert_eq!(apply["applied"], json!([1]));
    assert_eq!(apply["untouched"], json!([3]));
    let failed = &apply["failed"];
    assert_eq!((&failed["version"], &failed["statement"]), (&json!(2), &json!(1)));
    let error = &failed["error"];
    assert_eq!(error["sqlstate"], "42701");
    assert_eq!(error["file"], "migrations/2_orders.up.sql");
    assert_eq!(error["hint"], Value::Null);
    assert!(error["line"].is_u64() && error["column"].is_u64(), "{error}");
}

#[tokio::test]
async fn rehearsals_green_and_red_say_what_their_schema_promises() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    place.database.psql("INSERT INTO users VALUES (1, 'a@example.org'), (2, NULL)");
    place.dump("backup.sql");
    let rehearse = "rehearse --backup backup.sql --format json";
    let said = place.call(rehearse).run().exits(0);
    let green = said.document();
    schema::check("rehearsal", &green);
    begins(&green);
    assert_eq!(green["verdict"], "green");
    let report = said.stderr.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
    let written = std::fs::read_to_string(place.path(report)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), green);

    place.write("migrations/4_not_null.up.sql", "ALTER TABLE users ALTER email SET NOT NULL;\n");
    let red = place.call(rehearse).run().exits(6).document();
    schema::check("rehearsal", &red);
    assert_eq!(red["verdict"], "red");
    let detail = red["detail"].as_str().unwrap();
    assert!(detail.starts_with("migration 4: column \"email\" of relation"), "{detail}");
}

#[tokio::test]
async fn an_error_before_there_is_a_document_is_a_document_too() {
    let place = Place::with(&[]).await;
    let said = place.call("status --format json").run().exits(5);
    let document = said.document();
    begins(&document);
    assert_eq!(document["exit_code"], 5);
    assert!(document["error"].as_str().unwrap().contains("migrations"), "{document}");
}

#[tokio::test]
async fn every_document_starts_with_its_version_and_the_tools() {
    let place = Place::with(&SHOP).await;
    for command in ["config", "new add_notes", "scratch sweep --scratch-dir ."] {
        let said = place.call(command).arguments(["--format", "json"]).run().exits(0);
        begins(&said.document());
        assert_eq!(said.stderr, "", "{command}");
    }
}

#[tokio::test]
async fn a_schema_that_was_written_down_is_compared_with_what_it_is_later() {
    let place = Place::with(&SHOP).await;
    place.call("apply").run().exits(0);
    let said = place.call("schema --format json").run().exits(0);
    let written = said.document();
    schema::check("schema", &written);
    begins(&written);
    let kinds = |kind: &str| -> Vec<Value> {
        let objects = written["objects"].as_array().unwrap().iter();
        objects.filter(|it| it["kind"] == kind).map(|it| it["identity"].clone()).collect()
    };
    assert_eq!(kinds("table"), ["public.orders", "public.users"], "the ledger is left out");
    assert_eq!(kinds("schema"), [] as [Value; 0], "and so is its schema");
    place.write("schema.json", &said.stdout);

    let url = place.database.url();
    let compare = |after: &str| {
        let arguments = ["--diff", "schema.json", after, "--check", "--format", "json"];
        place.call("schema").arguments(arguments).run()
    };
    let same = compare(&url).exits(0).document();
    schema::check("schema-diff", &same);
    begins(&same);
    assert_eq!((&same["equal"], &same["changes"]), (&json!(true), &json!([])));
    place.database.psql("ALTER TABLE users ALTER email SET NOT NULL");
    let other = compare(&url).exits(8).document();
    schema::check("schema-diff", &other);
    assert_eq!(
        other["changes"],
        json!([{
            "kind": "column",
            "identity": "public.users.email",
            "before": "text",
            "after": "text NOT NULL",
        }])
    );
    assert!(other["after"]["name"].as_str().unwrap().contains(":***@"), "{other}");
}

#[tokio::test]
async fn an_sqlite_file_is_compared_by_its_path_or_its_url() {
    let place = Place::with(&SHOP[..2]).await;
    let url = format!("sqlite:{}", place.path("shop.db").display());
    place.call("apply").arguments(["--database-url", &url]).run().exits(0);
    let arguments = ["--diff", "shop.db", &url, "--check", "--format", "json"];
    let same = place.call("schema").arguments(arguments).run().exits(0).document();
    schema::check("schema-diff", &same);
    assert_eq!(same["before"]["objects"], 6);
}
