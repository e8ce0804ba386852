//! The report of a rehearsal in other forms: written by `rehearse`, or later by `report`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::place::Place;
use crate::schema;

const SHOP: [(&str, &str); 2] = [
    ("migrations/1_orders.up.sql", "CREATE TABLE orders (id int PRIMARY KEY, total int);\n"),
    (
        "migrations/2_totals.up.sql",
        "-- Every order has a total.\nALTER TABLE orders ALTER COLUMN total SET NOT NULL;\n",
    ),
];

/// A backup in which the second migration fails: a row has no total.
async fn shop() -> Place {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    place.database.psql("INSERT INTO orders VALUES (1, 10), (2, NULL)");
    place.dump("backup.sql");
    place
}

#[tokio::test]
async fn a_rehearsal_writes_every_form_for_its_owner_alone() {
    let place = shop().await;
    place.write(".git/HEAD", "ref: refs/heads/main\n");
    let said = place
        .call("rehearse --backup backup.sql --format json --github")
        .arguments(["--report-html", "out/report.html", "--report-markdown", "out/report.md"])
        .arguments(["--report-junit", "out/report.xml", "--report-sarif", "out/report.sarif"])
        .variable("GITHUB_STEP_SUMMARY", place.path("summary.md"))
        .run()
        .exits(6);
    assert_eq!(said.document()["verdict"], "red");
    let annotation = "::error file=migrations/2_totals.up.sql,line=2,col=1,title=";
    assert!(said.stderr.contains(annotation), "{}", said.stderr);
    let text = |name: &str| {
        let path = place.path(name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        fs::read_to_string(path).unwrap()
    };
    assert!(text("out/report.html").starts_with("<!DOCTYPE html>"));
    assert!(text("out/report.md").starts_with("## ❌ Rehearsal: RED"));
    assert!(text("out/report.xml").contains("<failure message=\"column &quot;total&quot;"));
    let sarif: Value = serde_json::from_str(&text("out/report.sarif")).unwrap();
    let place_of = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place_of["artifactLocation"]["uri"], "migrations/2_totals.up.sql");
    let summary = fs::read_to_string(place.path("summary.md")).unwrap();
    assert_eq!(summary, text("out/report.md"));
    let left = fs::read_dir(place.path("out")).unwrap().count();
    assert_eq!(left, 4, "nothing but the reports is left");
}

#[tokio::test]
async fn a_stored_report_is_shown_again_and_in_other_forms() {
    let place = shop().await;
    let arguments = ["--no-report", "--report-html", "first.html"];
    let call = place.call("rehearse --backup backup.sql --format json").arguments(arguments);
    place.write("report.json", &call.run().exits(6).stdout);
    let shown = place.call("report report.json").run().exits(0);
    assert!(shown.stdout.starts_with("VERDICT: RED"), "{}", shown.stdout);
    let marked = "2 | ALTER TABLE orders ALTER COLUMN total SET NOT NULL;";
    assert!(shown.stdout.contains(marked), "{}", shown.stdout);
    let said = place.call("report report.json --html later.html --markdown -").run().exits(0);
    assert!(said.stdout.starts_with("## ❌ Rehearsal: RED"), "{}", said.stdout);
    let read = |name| fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("later.html"), read("first.html"));
    let again = place.call("report report.json --format json").run().exits(0).document();
    schema::check("rehearsal", &again);
    let stored: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(again["detail"], stored["detail"]);
    assert_eq!(again["migrations"][0]["file"], "migrations/2_totals.up.sql");
}

#[tokio::test]
async fn what_cannot_be_written_is_said_before_anything_is_restored() {
    let place = Place::with(&SHOP).await;
    place.write("there", "a file, and no folder");
    for (arguments, exit, told) in [
        (
            "--report-html there/report.html",
            7,
            "the HTML report there/report.html cannot be written",
        ),
        ("--report-junit .", 7, "the JUnit report . cannot be written: it is a folder"),
        ("--report-html a --report-sarif a", 5, "HTML and SARIF cannot both be a"),
        ("--report-html - --report-junit -", 5, "JUnit and HTML cannot both go to standard output"),
        ("--report-html - --format json", 5, "HTML and JSON cannot both go to standard output"),
    ] {
        let call = place.call("rehearse --backup missing.sql").arguments(arguments.split(' '));
        let said = call.run().exits(exit);
        assert!(said.stderr.contains(told), "{arguments}: {}", said.stderr);
    }
}

#[tokio::test]
async fn what_is_no_report_is_a_usage_error_that_says_what_is_one() {
    let place = Place::with(&SHOP).await;
    place.write("status.json", "{\"schema_version\": 1}");
    place.write("newer.json", "{\"schema_version\": 99}");
    place.write("text", "hello");
    for (file, told) in [
        ("missing.json", "missing.json cannot be read"),
        ("text", "text is not the report of a rehearsal"),
        ("status.json", "status.json is not the report of a rehearsal: missing field"),
        ("newer.json", "newer.json has version 99 of the report's form"),
    ] {
        let said = place.call(&format!("report {file} --html out.html")).run().exits(5);
        assert!(said.stderr.contains(told), "{file}: {}", said.stderr);
        assert!(!place.path("out.html").exists());
    }
}
