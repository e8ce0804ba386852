//! The census that is kept with a base: what a rehearsal finds with it is what it finds without.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::place::Place;
use crate::program::Call;

/// No ANALYZE can tell how many rows `customers` has: some were deleted and others updated.
const SHOP: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, email text, note text);
    INSERT INTO customers SELECT i, i || '@example.org', CASE WHEN i <= 3 THEN 'vip' END
        FROM generate_series(1, 100) i;
    CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE);
    INSERT INTO orders SELECT i, 1 + i % 100 FROM generate_series(1, 500) i;
    CREATE VIEW large AS SELECT * FROM orders WHERE id > 100;
    CREATE TABLE nothing_in_it (id int);";

const HARMLESS: &str = "ALTER TABLE orders ADD COLUMN total int;\n";
const DELETES: &str = "DELETE FROM customers WHERE id <= 40;\n";
const DROPS: &str = "ALTER TABLE customers DROP COLUMN note;\n";
const EMPTIES: &str = "UPDATE customers SET note = NULL;\nALTER TABLE orders ADD COLUMN at date;\n";

async fn shop() -> Place {
    let place = Place::with(&[]).await;
    place.database.psql(SHOP);
    place.dump("backup.sql");
    place
}

fn migrate_by(place: &Place, migration: &str) {
    place.write("migrations/1_m.up.sql", migration);
}

fn call(place: &Place, more: &str) -> Call {
    let arguments = format!("rehearse --backup backup.sql --no-report --format json {more}");
    let call = place.call(&arguments).variable("STOPOVER_KEEP_BASE", "always");
    let call = call.variable("STOPOVER_POLICY__EMPTY_LEDGER", "allow");
    call.variable("STOPOVER_CACHE_DIR", place.path("cache"))
}

fn rehearsed(place: &Place, more: &str, code: i32) -> Value {
    call(place, more).run().exits(code).document()
}

/// Rehearses this migration on the base that is there.
fn warm(place: &Place, migration: &str, code: i32) -> Value {
    migrate_by(place, migration);
    let report = rehearsed(place, "", code);
    assert_eq!(report["scratch"]["base_reused"], true);
    report
}

/// Where the only base keeps its census.
fn kept(place: &Place) -> PathBuf {
    let entries = fs::read_dir(place.path("cache/bases")).unwrap().flatten().map(|it| it.path());
    let mut bases =
        entries.filter(|it| it.file_name().unwrap().to_string_lossy().starts_with("base-"));
    bases.next().unwrap().join("census")
}

fn body(place: &Place) -> Value {
    let text = fs::read_to_string(kept(place)).unwrap();
    serde_json::from_str(text.split_once('\n').unwrap().1).unwrap()
}

/// What does not depend on how long things took.
fn found(report: &Value) -> Value {
    let mut tables = report["tables"].clone();
    for table in tables.as_array_mut().unwrap() {
        for time in ["read_blocked_ms", "write_blocked_ms"] {
            table.as_object_mut().unwrap().remove(time);
        }
    }
    let losses = report["findings"].as_array().unwrap().iter();
    let losses: Vec<&Value> = losses.filter(|it| it["code"] == "data-loss").collect();
    serde_json::json!({
        "verdict": report["verdict"], "schema": report["schema"],
        "tables": tables, "losses": losses,
    })
}

fn spoilt(report: &Value) -> Option<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|it| it["code"] == "census-spoilt")?["message"].as_str()
}

#[tokio::test]
async fn a_kept_census_finds_what_a_fresh_one_finds() {
    let place = shop().await;
    migrate_by(&place, HARMLESS);
    rehearsed(&place, "", 0);
    assert!(kept(&place).exists(), "the run that made the base has kept its census");
    for (migration, code) in [(HARMLESS, 0), (DELETES, 6), (DROPS, 6), (EMPTIES, 6)] {
        migrate_by(&place, migration);
        let fresh = rehearsed(&place, "--no-base", code);
        // The first of both counts the values of columns that no migration was about before.
        for time in ["first", "second"] {
            let warm = warm(&place, migration, code);
            assert_eq!(found(&warm), found(&fresh), "{migration} {time}");
            assert_eq!(spoilt(&warm), None);
        }
    }
    let before = fs::read(kept(&place)).unwrap();
    warm(&place, DROPS, 6);
    assert_eq!(fs::read(kept(&place)).unwrap(), before, "all was known: nothing is written");
}

#[tokio::test]
async fn the_census_before_comes_from_the_base_and_the_loss_is_found() {
    let place = shop().await;
    migrate_by(&place, DROPS);
    rehearsed(&place, "", 6);
    let mut census = body(&place);
    // If this were counted on the copy, it would be 3.
    let tables = census["tables"].as_array_mut().unwrap().iter_mut();
    let customers = tables.into_iter().find(|it| it["imprint"]["relation"] == "public.customers");
    let values = customers.unwrap()["values"].as_object_mut().unwrap();
    assert_eq!(values["3"], 3);
    values["3"] = 77.into();
    let (head, _) = fs::read_to_string(kept(&place)).map(|it| split(&it)).unwrap();
    let body = census.to_string();
    let hash: String = Sha256::digest(&body).iter().map(|it| format!("{it:02x}")).collect();
    fs::write(kept(&place), format!("{} {hash}\n{body}", head.rsplit_once(' ').unwrap().0))
        .unwrap();
    let report = warm(&place, DROPS, 6);
    assert!(found(&report)["losses"].to_string().contains("77"), "{}", found(&report));
    let digests = rehearsed(&place, "--digest", 6);
    assert!(!found(&digests)["losses"].to_string().contains("77"), "digests are taken afresh");
}

fn split(text: &str) -> (String, String) {
    let (head, body) = text.split_once('\n').unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_census_that_was_cut_or_changed_is_told_and_taken_again() {
    let place = shop().await;
    migrate_by(&place, DELETES);
    let fresh = rehearsed(&place, "", 6);
    let whole = fs::read(kept(&place)).unwrap();
    let changed = String::from_utf8(whole.clone()).unwrap().replace("\"rows\":100", "\"rows\":60");
    assert_ne!(changed.as_bytes(), whole);
    let damaged =
        [&whole[..whole.len() / 2], b"", b"census", &whole[..10], b"\xff\n", changed.as_bytes()];
    for damaged in damaged {
        fs::write(kept(&place), damaged).unwrap();
        let report = warm(&place, DELETES, 6);
        let told = spoilt(&report).unwrap_or_else(|| panic!("{report}"));
        assert!(told.contains("it was taken again"), "{told}");
        assert_eq!(found(&report), found(&fresh));
        assert_eq!(fs::read(kept(&place)).unwrap(), whole, "and is whole again");
        assert_eq!(spoilt(&warm(&place, DELETES, 6)), None);
    }
}

#[tokio::test]
async fn a_base_without_a_census_or_with_another_ones_gets_its_own() {
    let place = shop().await;
    migrate_by(&place, DELETES);
    let fresh = rehearsed(&place, "", 6);
    let own = fs::read_to_string(kept(&place)).unwrap();
    fs::remove_file(kept(&place)).unwrap();
    assert_eq!(found(&warm(&place, DELETES, 6)), found(&fresh));
    assert_eq!(fs::read_to_string(kept(&place)).unwrap(), own);
    // As an older version of this tool may have left it, or a base that had this name before.
    for (what, other) in [("census 1 of", "census 0 of"), (" of ", " of 0")] {
        fs::write(kept(&place), own.replacen(what, other, 1)).unwrap();
        let report = warm(&place, DELETES, 6);
        assert_eq!((found(&report), spoilt(&report)), (found(&fresh), None));
        assert_eq!(fs::read_to_string(kept(&place)).unwrap(), own);
    }
}

#[tokio::test]
async fn two_rehearsals_at_once_leave_a_whole_census() {
    let place = shop().await;
    migrate_by(&place, HARMLESS);
    rehearsed(&place, "", 0);
    for migration in [DELETES, DROPS] {
        migrate_by(&place, migration);
        let fresh = rehearsed(&place, "--no-base", 6);
        fs::remove_file(kept(&place)).unwrap();
        let both = [call(&place, "").start(), call(&place, "").start()];
        for running in both {
            let report = running.end().exits(6).document();
            assert_eq!((found(&report), spoilt(&report)), (found(&fresh), None));
        }
        assert!(body(&place)["tables"].as_array().unwrap().len() >= 3);
        assert_eq!(spoilt(&warm(&place, migration, 6)), None);
    }
}
