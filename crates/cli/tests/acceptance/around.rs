//! What stands around the steps of an apply: decisions that lift it, and what it takes for a loss.

use std::fs;

use serde_json::json;

use crate::place::Place;

#[tokio::test]
async fn a_decision_says_who_and_why_and_is_kept_beside_every_ledger_without_passwords() {
    let place = Place::with(&[("migrations/1_a.up.sql", "CREATE TABLE a1 (id int);\n")]).await;
    for blank in [["--reason", " ", "--by", "ann"], ["--reason", "why", "--by", "\t"]] {
        let blank = ["apply", "--force"].into_iter().chain(blank);
        place.call("").arguments(blank).whole().run().exits(5);
    }
    assert_eq!(place.call("status --format json").run().document()["applied"], json!([]));
    let skipped = [
        "apply",
        "--ledger",
        "sqlx",
        "--skip-backup",
        "--reason",
        " as in postgres://ann:hunter2@host/db ",
        "--by",
        "ann",
        "--format",
        "json",
    ];
    let said = place.call("").arguments(skipped).whole().run().exits(0);
    assert!(!said.stdout.contains("hunter2"), "{said:?}");
    assert_eq!(
        place
            .database
            .psql("SELECT detail FROM stopover.migration_journal WHERE event = 'backup skipped'"),
        "by ann: as in postgres://ann:***@host/db"
    );
    assert!(!fs::read_to_string(place.path("logs/migrations.jsonl")).unwrap().contains("hunter2"));
}

#[tokio::test]
async fn a_table_of_a_file_that_is_renamed_is_not_gone() {
    let place = Place::with(&[(
        "migrations/1_a.up.sql",
        "CREATE TABLE a1 (id int);\nINSERT INTO a1 VALUES (1), (2);\n",
    )])
    .await;
    let apply = |exit| {
        place.call("apply --database-url sqlite:shop.db --format json").whole().run().exits(exit)
    };
    apply(0);
    place.write("migrations/2_b.up.sql", "ALTER TABLE a1 RENAME TO a1_new;\n");
    apply(0);
    place.write("migrations/3_c.up.sql", "ALTER TABLE a1_new RENAME TO a1;\nDELETE FROM a1;\n");
    let report = apply(3).document();
    let found = &report["postflight"]["findings"];
    let lost = found.as_array().unwrap().iter().find(|it| it["code"] == "census").unwrap();
    assert_eq!(
        lost["message"],
        "a1_new had 2 rows before the apply, and has 0; it is called a1 now"
    );
}

/// A lock on a table keeps its rows from being counted for as long as the test wants.
#[tokio::test]
async fn what_cannot_be_counted_in_time_stops_an_apply_unless_somebody_decides() {
    let place =
        Place::with(&[("migrations/1_a.up.sql", "CREATE TABLE a (id int);\nCREATE TABLE b ();\n")])
            .await;
    place.call("apply").run().exits(0);
    // Its text does not tell what it writes to, so that all tables are counted.
    place.write("migrations/2_b.up.sql", "DO $$ BEGIN UPDATE a SET id = 0; END $$;\n");
    place.write("stopover.toml", "[postflight]\nscan_timeout = \"20ms\"\n");
    let mut holder = place.database.client().await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute("LOCK TABLE b IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let report = place.call("apply --skip-backup --format json").whole().run().exits(1).document();
    assert_eq!(report["findings"][0]["code"], "census", "{report}");
    assert_eq!(place.ledger(), "1");
    let forced = "apply --skip-backup --force --reason small --format json";
    let report = place.call(forced).whole().run().exits(3).document();
    assert_eq!(report["applied"], json!([2]), "{report}");
    held.rollback().await.unwrap();
}

/// An apply that only took migrations back ended without a postflight, and without a word of it.
#[tokio::test]
async fn an_apply_that_only_takes_back_is_looked_at_afterwards() {
    let place = Place::with(&[
        (
            "migrations/1_counts.up.sql",
            "CREATE TABLE counts (n int);\nINSERT INTO counts VALUES (1);\n",
        ),
        ("migrations/2_twice.up.sql", HALF_DONE),
        ("migrations/2_twice.down.sql", "UPDATE counts SET n = n - 1;\n"),
    ])
    .await;
    place.call("apply").run().exits(2);
    let taken_back = "apply --recover-dirty down --by ann --reason again --target 1 --format json";
    let report = place.call(taken_back).whole().run().exits(0).document();
    assert_eq!(report["reverted"], json!([2]));
    assert_eq!(report["applied"], json!([]));
    assert_eq!(report["postflight"]["validation_passed"], true, "{report}");
}

/// It fails behind what it has committed.
const HALF_DONE: &str = "-- stopover: no-transaction\n\
    DO $$ BEGIN UPDATE counts SET n = n + 1; COMMIT; PERFORM 1 / 0; END $$;\n";
