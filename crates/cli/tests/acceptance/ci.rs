//! `ci`: up, down and up again on an empty database, without a target.

use serde_json::{Value, json};

use crate::place::Place;
use crate::program::{Call, Said};
use crate::schema;

const GOOD: [(&str, &str); 4] = [
    ("migrations/1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1);\n"),
    ("migrations/1_a.down.sql", "DROP TABLE a;\n"),
    ("migrations/2_b.up.sql", "CREATE TABLE b (a int REFERENCES a);\n"),
    ("migrations/2_b.down.sql", "DROP TABLE b;\n"),
];

struct Project(tempfile::TempDir);

impl Project {
    fn with(files: &[(&str, &str)]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn ci(&self, arguments: &str) -> Said {
        let call = Call::in_folder(self.0.path()).arguments(["ci"]);
        call.arguments(arguments.split_whitespace()).run()
    }

    fn red(&self) -> Value {
        let report = self.ci("--format json").exits(6).document();
        assert_eq!(report["verdict"], "red");
        report
    }
}

/// Code and subject of the errors.
fn errors(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let errors = findings.filter(|it| it["severity"] == "error");
    errors.map(|it| (it["code"].as_str().unwrap(), it["subject"].as_str().unwrap())).collect()
}

fn check<'r>(report: &'r Value, code: &str) -> &'r str {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|it| it["code"] == code).unwrap()["outcome"].as_str().unwrap()
}

#[test]
fn what_goes_up_down_and_up_again_is_green() {
    let project = Project::with(&GOOD);
    let report = project.ci("--format json").exits(0).document();
    schema::check("ci", &report);
    assert_eq!(report["verdict"], "green");
    for code in ["up", "time", "down-scripts", "down", "up-again", "postflight", "lint"] {
        assert_eq!(check(&report, code), "clean", "{code}");
    }
    let down = report["build"]["down"].as_array().unwrap();
    assert_eq!(down.len(), 2);
    assert!(down.iter().all(|it| it["outcome"] == "lossless" && it["again_ms"].is_number()));
    let said = project.ci("");
    assert!(said.stdout.starts_with("CI GREEN: 2 migrations in "), "{said:?}");
}

#[test]
fn what_the_linter_finds_is_told_and_red_only_where_it_is_denied() {
    let project = Project::with(&GOOD);
    project.write("migrations/3_i.up.sql", "CREATE INDEX b_a ON b (a);\n");
    project.write("migrations/3_i.down.sql", "DROP INDEX b_a;\n");
    let report = project.ci("--format json").exits(0).document();
    assert_eq!(check(&report, "lint"), "found");
    let warned = report["findings"].as_array().unwrap().iter().any(|it| {
        it["code"] == "require-concurrent-index-creation"
            && it["severity"] == "warning"
            && it["subject"] == "migrations/3_i.up.sql:1"
    });
    assert!(warned, "{report}");
    project.write("stopover.toml", "[lint]\ndeny = [\"require-concurrent-index-creation\"]\n");
    let found = [("require-concurrent-index-creation", "migrations/3_i.up.sql:1")];
    assert_eq!(errors(&project.red()), found);
    let report = project.ci("--no-lint --format json").exits(0).document();
    assert!(report["checks"].as_array().unwrap().iter().all(|it| it["code"] != "lint"));
}

#[test]
fn a_down_script_that_leaves_something_or_fails_is_red() {
    let project = Project::with(&GOOD);
    project.write("migrations/2_b.down.sql", "ALTER TABLE b DROP COLUMN a;\n");
    let report = project.red();
    assert!(errors(&report).contains(&("down-lossy", "2")), "{report}");
    assert_eq!(check(&report, "down"), "found");
    assert_eq!(check(&report, "postflight"), "clean", "on a database that only went up");

    project.write("migrations/2_b.down.sql", "DROP TABLE bb;\n");
    let report = project.red();
    assert_eq!(errors(&report), [("down-failed", "migrations/2_b.down.sql:1")]);
    let down = report["build"]["down"].as_array().unwrap();
    assert_eq!(down[1]["outcome"], "lossless", "1 was tried all the same: {down:?}");
}

#[test]
fn every_migration_has_a_way_back_unless_it_says_otherwise() {
    let project = Project::with(&GOOD);
    std::fs::remove_file(project.0.path().join("migrations/2_b.down.sql")).unwrap();
    let report = project.red();
    assert_eq!(errors(&report), [("no-down", "2")]);
    project.write("migrations/2_b.down.sql", "-- there is no way back: the old rows are gone\n");
    let report = project.ci("--format json").exits(0).document();
    assert_eq!(check(&report, "down"), "clean", "{report}");
    assert_eq!(report["build"]["down"][0]["outcome"], "irreversible");
    assert_eq!(report["build"]["down"][1]["outcome"], "lossless");
    for name in ["1_a", "2_b"] {
        std::fs::remove_file(project.0.path().join(format!("migrations/{name}.down.sql"))).unwrap();
    }
    assert_eq!(errors(&project.red()), [("no-down", "the source")]);
    let report = project.ci("--no-down --format json").exits(0).document();
    assert_eq!(check(&report, "down"), "not_applicable");
}

#[test]
fn what_postflight_would_find_is_found_before_the_merge() {
    let project = Project::with(&GOOD);
    project.write(
        "migrations/2_b.up.sql",
        "CREATE TABLE b (a int);\nINSERT INTO b VALUES (7);\n\
         ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a NOT VALID;\n",
    );
    let report = project.red();
    let codes: Vec<&str> = errors(&report).into_iter().map(|it| it.0).collect();
    assert!(codes.contains(&"fk-orphans"), "{codes:?}");
    assert_eq!(check(&report, "postflight"), "found");
}

#[test]
fn a_migration_that_fails_or_takes_too_long_is_red_in_every_form() {
    let project = Project::with(&GOOD);
    project.write("migrations/2_b.up.sql", "SELECT pg_sleep(2.2);\nCREATE TABLE b (a int);\n");
    let report = project.ci("--migration-time 2s --format json").exits(6).document();
    assert_eq!(errors(&report), [("slow", "2")]);

    project.write("migrations/2_b.up.sql", "CREATE TABLE b (a int REFERENCES nobody);\n");
    let arguments = "--report-junit j.xml --report-sarif s.json --report-markdown m.md --github";
    let said = project.ci(arguments).exits(6);
    assert!(said.stdout.contains("relation \"nobody\" does not exist"), "{said:?}");
    assert!(said.stderr.contains("::error file=migrations/2_b.up.sql,line=1,"), "{said:?}");
    let read = |name: &str| std::fs::read_to_string(project.0.path().join(name)).unwrap();
    assert!(read("j.xml").contains("name=\"stopover ci: migrations\""));
    let sarif: Value = serde_json::from_str(&read("s.json")).unwrap();
    assert_eq!(sarif["runs"][0]["automationDetails"]["id"], "stopover/ci/");
    assert!(read("m.md").contains("nobody"));
}

#[test]
fn an_sqlite_project_is_built_too() {
    let project = Project::with(&GOOD);
    let report = project.ci("--sqlite --format json").exits(0).document();
    assert_eq!(report["build"]["scratch"]["kind"], "file", "{report}");
}

#[tokio::test]
async fn with_a_backup_the_pending_ones_are_rehearsed_too() {
    let place = Place::with(&GOOD).await;
    place.call("apply --steps 1").run().exits(0);
    place.dump("backup.sql");
    let ci = place.call("ci --backup backup.sql --format json").without("DATABASE_URL");
    let report = ci.run().exits(0).document();
    assert_eq!(report["rehearsal"]["verdict"], "green");
    assert_eq!(check(&report, "rehearsal"), "clean");
    assert_eq!(report["rehearsal"]["migrations"][0]["version"], json!(2));
    place.database.psql("DELETE FROM a; CREATE TABLE b (x int)");
    place.dump("backup.sql");
    let report = ci.run().exits(6).document();
    assert_eq!(check(&report, "up"), "clean");
    assert_eq!(check(&report, "rehearsal"), "found");
}
