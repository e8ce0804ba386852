//! Signed receipts, from the host that rehearses to the one that applies; what was predicted.
//!
//! The gate without keys is told as scenarios.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::place::Place;
use crate::program::{Call, Said};
use crate::schema;

const ORDERS: (&str, &str) = ("migrations/1_orders.up.sql", "CREATE TABLE orders (id int);\n");
const SLOW: (&str, &str) = ("migrations/2_slow.up.sql", "SELECT pg_sleep(1.3);\n");

/// A database in which the first of two migrations is applied, and a backup of it.
async fn shop() -> Place {
    let place = Place::with(&[ORDERS]).await;
    place.call("apply").run().exits(0);
    place.dump("backup.sql");
    place.write(SLOW.0, SLOW.1);
    place
}

/// Makes a pair of keys; gives the public one.
fn keygen(place: &Place, file: &str) -> String {
    let said = place.call(&format!("receipt keygen {file}")).run().exits(0);
    said.stdout.trim_end().to_owned()
}

fn rehearse(place: &Place, more: &str) -> Call {
    place.call(&format!("rehearse --backup backup.sql --no-report {more}"))
}

/// An apply that requires a rehearsal, where only receipts of `public` count.
fn apply(place: &Place, public: &str, receipt: &str) -> Said {
    let call = place.call("apply --require-rehearsal 1h --format json --receipt");
    call.arguments([receipt]).variable("STOPOVER_RECEIPT_PUBLIC_KEY", public).run()
}

fn refused(said: Said, why: &str) {
    let report = said.exits(1).document();
    schema::check("apply", &report);
    let findings = report["findings"].as_array().unwrap();
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(finding["code"], "receipt");
    assert!(finding["message"].as_str().unwrap().contains(why), "{finding:#}");
    assert_eq!(report["applied"], Value::from(Vec::<i64>::new()));
}

/// The receipt at that path, with one value of it changed.
fn changed(place: &Place, path: &str, pointer: &str, value: Value) {
    let text = fs::read_to_string(place.path(path)).unwrap();
    let mut receipt: Value = serde_json::from_str(&text).unwrap();
    *receipt.pointer_mut(pointer).expect("a value") = value;
    place.write(path, &receipt.to_string());
}

#[tokio::test]
async fn only_a_receipt_that_the_trusted_key_signed_lets_an_apply_through() {
    let place = shop().await;
    let public = keygen(&place, "ci.key");
    let other = keygen(&place, "other.key");
    let signed_by = |key: &str, receipt: &str| {
        let call = rehearse(&place, &format!("--receipt {receipt}"));
        call.variable("STOPOVER_RECEIPT_KEY", key).run().exits(0);
    };
    rehearse(&place, "--receipt unsigned.json").run().exits(0);
    refused(apply(&place, &public, "unsigned.json"), "without a signature");
    signed_by("other.key", "other.json");
    refused(apply(&place, &public, "other.json"), "another key");
    signed_by("ci.key", "good.json");
    fs::copy(place.path("good.json"), place.path("changed.json")).unwrap();
    changed(&place, "changed.json", "/backup/sha256", "00".into());
    refused(apply(&place, &public, "changed.json"), "changed after it was signed");
    assert_eq!(place.ledger(), "1");

    for (receipt, public, code, says) in [
        ("good.json", &public, 0, "SIGNED: the signature is good"),
        ("unsigned.json", &public, 1, "NOT SIGNED:"),
        ("changed.json", &public, 1, "NOT TO BE BELIEVED:"),
        ("good.json", &other, 1, "NOT TO BE BELIEVED:"),
    ] {
        let verify = place.call(&format!("receipt verify {receipt} --public-key {public}"));
        let said = verify.run().exits(code);
        assert!(said.stdout.starts_with(says), "{}", said.stdout);
    }
    place.call("receipt verify good.json").run().exits(5);

    let report = apply(&place, &public, "good.json").exits(0).document();
    schema::check("apply", &report);
    assert_eq!(report["receipt"]["signature"], "good");
    let migration = &report["migrations"][0];
    assert_eq!(migration["version"], 2);
    assert!(migration["predicted_ms"].as_f64().unwrap() >= 1_300.0, "{migration}");
    assert!(migration["duration_ms"].as_f64().unwrap() >= 1_300.0, "{migration}");
    assert_eq!(report["findings"], Value::from(Vec::<i64>::new()));
}

#[tokio::test]
async fn a_red_rehearsal_refuses_and_takes_the_place_of_a_green_one() {
    let place = shop().await;
    let require = || place.call("apply --require-rehearsal 1h --format json").run();
    place.call("rehearse --backup backup.sql").run().exits(0);
    let call = place.call("rehearse --backup backup.sql");
    call.variable("STOPOVER_LIMITS__DURATION", "100ms").run().exits(6);
    refused(require(), " s; at most 100 ms is allowed");
    refused(require(), "was red: the migrations took ");
    assert_eq!(place.ledger(), "1");
    place.call("rehearse --backup backup.sql").run().exits(0);
    require().exits(0);
    assert_eq!(place.ledger(), "1 2");
}

#[tokio::test]
async fn an_edit_that_is_healed_is_part_of_the_rehearsed_plan() {
    let place = shop().await;
    place.write(ORDERS.0, &format!("-- The orders.\n{}", ORDERS.1));
    place.call("rehearse --backup backup.sql").run().exits(0);
    let require = || place.call("apply --require-rehearsal 1h --format json").run();
    place.write(ORDERS.0, &format!("-- All of the orders.\n{}", ORDERS.1));
    refused(require(), "what is healed before them");
    place.write(ORDERS.0, &format!("-- The orders.\n{}", ORDERS.1));
    let report = require().exits(0).document();
    assert_eq!((&report["healed"], &report["applied"]), (&vec![1].into(), &vec![2].into()));
}

/// Preflight tells of it among everything else, and the decision that lifts the one lifts the other.
#[tokio::test]
async fn without_a_rehearsal_preflight_refuses_unless_somebody_takes_the_blame() {
    let place = shop().await;
    let apply = |more: &str| {
        let call = place.call(&format!("apply --require-rehearsal 1h --format json {more}"));
        call.whole().run()
    };
    let report = apply("").exits(1).document();
    let findings = report["preflight"]["findings"].as_array().expect("a preflight");
    assert!(findings.iter().any(|it| it["code"] == "receipt" && it["severity"] == "error"));
    assert_eq!(place.ledger(), "1");
    let report = apply("--force --by Ada --reason fire").exits(0).document();
    assert_eq!(report["overrides"][0]["by"], "Ada", "{report:#}");
    assert_eq!(place.ledger(), "1 2");
}

#[tokio::test]
async fn a_migration_that_takes_much_longer_than_rehearsed_is_a_warning() {
    let place = shop().await;
    rehearse(&place, "--receipt receipt.json").run().exits(0);
    changed(&place, "receipt.json", "/migrations/0/predicted_ms", 1.into());
    let said = place.call("apply --receipt receipt.json").run().exits(0);
    assert!(said.stdout.contains("warning[slower-than-rehearsed] 2"), "{}", said.stdout);
    assert!(said.stdout.contains("Against the rehearsal of "), "{}", said.stdout);
}

#[tokio::test]
async fn the_report_holds_the_receipt_and_the_file_is_its_owners_alone() {
    let place = shop().await;
    keygen(&place, "ci.key");
    let call = place.call("rehearse --backup backup.sql --format json");
    let said = call.variable("STOPOVER_RECEIPT_KEY", "ci.key").run().exits(0);
    let report = said.document();
    schema::check("rehearsal", &report);
    let entries: Vec<_> = fs::read_dir(place.path("logs/receipts")).unwrap().flatten().collect();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let stored: Value = serde_json::from_str(&fs::read_to_string(entry.path()).unwrap()).unwrap();
    schema::check("receipt", &stored);
    assert_eq!(report["receipt"], stored);
    assert_eq!(stored["grounds"]["ledger"]["applied"], Value::from(vec![1]));
    let plan = place.call("plan --format json").run().exits(0).document();
    assert_eq!(plan["plan_hash"], stored["grounds"]["plan_hash"], "the same on the target");
}

#[tokio::test]
async fn a_signing_key_never_shows() {
    let place = shop().await;
    keygen(&place, "ci.key");
    let text = fs::read_to_string(place.path("ci.key")).unwrap();
    let key = text.lines().last().unwrap().to_owned();
    let digits = key.split(':').nth(1).unwrap().to_owned();
    let cut = key[..key.len() - 2].to_owned();
    let cases = [
        (0, "config", &key),
        (0, "config --format json", &key),
        (0, "rehearse --backup backup.sql --format json -vv", &key),
        (5, "rehearse --backup backup.sql", &cut),
        (5, "rehearse --backup backup.sql", &digits),
    ];
    for (code, command, key) in cases {
        let said = place.call(command).variable("STOPOVER_RECEIPT_KEY", key).run().exits(code);
        assert!(!said.all().contains(&digits[..20]), "{command}: {said:?}");
    }
    fs::set_permissions(place.path("ci.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let call = rehearse(&place, "").variable("STOPOVER_RECEIPT_KEY", "ci.key");
    let said = call.run().exits(5);
    assert!(said.stderr.contains("others may read the signing key in ci.key"), "{said:?}");
}

/// An empty ledger does not tell one database from another.
#[tokio::test]
async fn where_it_cannot_be_told_whose_backup_was_rehearsed_on_every_command_says_so() {
    let place = Place::with(&[ORDERS]).await;
    place.dump("backup.sql");
    place.call("rehearse --backup backup.sql").run().exits(0);
    for (command, key) in [("plan", "problems"), ("preflight", "findings"), ("apply", "findings")] {
        let call = place.call(&format!("{command} --format json"));
        let call = call.variable("STOPOVER_REQUIRE_REHEARSAL", "1h");
        let report = call.run().exits(0).document();
        let findings = report[key].as_array().unwrap();
        let told = findings.iter().find(|it| it["code"] == "receipt").expect("a warning");
        assert_eq!(told["severity"], "warning");
        let message = told["message"].as_str().unwrap();
        assert!(message.starts_with("it cannot be told whether the rehearsal's backup"), "{told}");
    }
    assert_eq!(place.ledger(), "1");
}

/// Without a row in the ledger only the schemas are there to tell two databases apart: staging's
/// rehearsal opened production's gate with a warning.
#[tokio::test]
async fn a_rehearsal_on_staging_does_not_open_the_gate_of_a_production_without_a_ledger() {
    let staging = Place::with(&[ORDERS]).await;
    staging.database.psql("CREATE TABLE customers (id int, staging boolean)");
    staging.dump("backup.sql");
    let production = Place::with(&[ORDERS]).await;
    production.database.psql("CREATE TABLE customers (id int); CREATE VIEW v AS SELECT 1 AS one");
    let allow = ("STOPOVER_POLICY__EMPTY_LEDGER", "allow");
    rehearse(&staging, "--receipt staging.json").variable(allow.0, allow.1).run().exits(0);
    let receipt = staging.path("staging.json").display().to_string();
    let apply = |more: &[&str]| {
        let call = production.call("apply --require-rehearsal 1h --format json --receipt");
        let call = call.arguments([receipt.as_str()]).arguments(more.iter().copied());
        call.variable(allow.0, allow.1).run()
    };
    let report = apply(&[]).exits(1).document();
    schema::check("apply", &report);
    let message = report["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the ledger has no rows yet"), "{message}");
    assert!(message.contains("column public.customers.staging (only in the backup)"), "{message}");
    assert!(message.contains("view public.v (only in the target)"), "{message}");
    assert_eq!(production.ledger(), "");
    let plan = production.call("plan --format human").variable(allow.0, allow.1);
    let plan = plan.variable("STOPOVER_REQUIRE_REHEARSAL", "1h");
    let plan = plan.variable("STOPOVER_RECEIPT", &receipt).run();
    assert!(plan.exits(1).stdout.contains("another schema than the target's"));
    apply(&["--force", "--by", "Ada", "--reason", "it is a clone"]).exits(0);
    assert_eq!(production.ledger(), "1");
}

/// What the ledger knows to be this database is not shut out by what was changed by hand, nor is it
/// kept quiet.
#[tokio::test]
async fn a_schema_that_was_changed_since_the_backup_is_told() {
    let place = shop().await;
    rehearse(&place, "--receipt receipt.json").run().exits(0);
    place.database.psql("CREATE INDEX by_hand ON orders (id)");
    let said = place.call("apply --require-rehearsal 1h --receipt receipt.json").run().exits(0);
    assert!(said.stdout.contains("index public.by_hand (only in the target)"), "{}", said.stdout);
}

/// Objects of every kind are the same in a restored copy: none of them shuts a gate.
#[tokio::test]
async fn a_restored_copy_has_the_schema_of_its_original_whatever_is_in_it() {
    let place = Place::with(&[ORDERS]).await;
    place.database.psql(
        "CREATE EXTENSION pg_trgm;
         CREATE SCHEMA \"odd name\";
         CREATE TYPE mood AS ENUM ('a', 'b');
         CREATE DOMAIN d AS text COLLATE \"C\" CHECK (value <> '');
         CREATE TABLE p (id int GENERATED ALWAYS AS IDENTITY, at date, m mood DEFAULT 'a', x d)
             PARTITION BY RANGE (at);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         CREATE TABLE \"odd name\".\"T\" (a int, b text, gone int,
             c int GENERATED ALWAYS AS (a * 2) STORED, EXCLUDE USING gist (b gist_trgm_ops WITH =));
         ALTER TABLE \"odd name\".\"T\" DROP COLUMN gone;
         CREATE INDEX ON p (at) INCLUDE (id) WHERE id > 3;
         CREATE STATISTICS s ON a, b FROM \"odd name\".\"T\";
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER t BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f();
         CREATE FUNCTION ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION ef();
         CREATE FOREIGN DATA WRAPPER w VALIDATOR postgresql_fdw_validator;
         CREATE SERVER far FOREIGN DATA WRAPPER w OPTIONS (host 'h');
         CREATE FOREIGN TABLE ft (id int) SERVER far;
         CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM p;
         CREATE RULE r AS ON DELETE TO p1 DO INSTEAD NOTHING;
         CREATE POLICY po ON p USING (id > 0);
         CREATE PUBLICATION pub FOR TABLE p;
         CREATE COLLATION co (provider = icu, locale = 'de');
         COMMENT ON TABLE p IS 'a remark';
         CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int);
         CREATE CAST (mood AS int) WITH INOUT",
    );
    place.dump("backup.sql");
    let allow = ("STOPOVER_POLICY__EMPTY_LEDGER", "allow");
    let call = rehearse(&place, "--receipt receipt.json");
    call.variable(allow.0, allow.1).run().exits(0);
    let report = place.call("apply --require-rehearsal 1h --receipt receipt.json --format json");
    let report = report.variable(allow.0, allow.1).run().exits(0).document();
    let findings = report["findings"].as_array().unwrap();
    let told = findings.iter().find(|it| it["code"] == "receipt").expect("a warning");
    assert!(told["message"].as_str().unwrap().contains("the schema is the same"), "{told:#}");
    assert_eq!(place.ledger(), "1");
}
