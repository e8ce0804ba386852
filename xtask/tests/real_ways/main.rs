//! `cargo xtask real` on a small made-up project in each layout, against psql: the same ways that
//! real projects go, in the test run.
//!
//! The project's changes are of the kinds that real ones have: tables with keys, an enum, checks,
//! a function with a body in dollars, a trigger, data moved by SQL, a partitioned table, an index
//! made concurrently, a file with a transaction of its own.

mod project;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use project::{Layout, Project};

/// The tool: it is another package's program. Where everything was built just before, it is named;
/// else it is built, once for all tests here.
fn stopover() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(built) = std::env::var_os("STOPOVER_BUILT") {
            return built.into();
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "-p", "stopover-cli"]);
        assert!(build.status().expect("cargo can be run").success(), "stopover cannot be built");
        let folder = Path::new(env!("CARGO_BIN_EXE_xtask")).parent().expect("a folder of programs");
        folder.join("stopover")
    })
}

/// Runs `xtask real` on the project.
fn real(project: &Path, more: &[&str]) -> Output {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["real", "--migrations"]).arg(project).args(["--peer", "psql", "--rows", "5"]);
    xtask.arg("--stopover").arg(stopover());
    xtask.args(more).env("RUST_BACKTRACE", "0").output().expect("xtask can be run")
}

/// What it printed, when it found nothing wrong.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

/// Whether a line of the results is about `what` and good, with `numbers` in it.
fn good(text: &str, what: &str, numbers: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix("same").is_some_and(|rest| rest.trim_start().starts_with(what))
            && line.contains(numbers)
    })
}

fn goes_both_ways(layout: Layout) {
    let project = Project::write(layout);
    let text = said(&real(project.folder(), &["--older", "4"]));
    let findings = [
        ("stopover plan", "7 migrations, 1 non-transactional"),
        ("stopover apply", "7 applied"),
        ("psql, file by file", "in "),
        ("schema", "5 tables"),
        ("made-up data", "3 of 3 tables"),
        ("rehearsal on .sql", "green: 3 of 3 applied"),
        ("rehearsal on .sql.gz", "green: 3 of 3 applied"),
        ("rehearsal on -Fc", "green: 3 of 3 applied"),
        ("rehearsal on -Fd", "green: 3 of 3 applied"),
        ("-Fd as .sql", "lines"),
        ("apply after it", "3 in "),
        ("schema as at once", "lines"),
    ];
    for (what, numbers) in findings {
        // Diesel's ledger is one table more.
        let numbers = match (layout, what) {
            (Layout::Diesel, "schema") => "6 tables",
            _ => numbers,
        };
        assert!(good(&text, what, numbers), "{what}: {numbers}\n{text}");
    }
}

#[test]
fn a_project_in_pairs_ends_the_same_both_ways() {
    goes_both_ways(Layout::Pairs);
}

#[test]
fn a_diesel_project_ends_the_same_both_ways() {
    goes_both_ways(Layout::Diesel);
}

#[test]
fn a_migration_that_the_data_breaks_breaks_alike_on_every_backup_and_in_the_real_thing() {
    // In sqlx's layout, which so goes both ways here too.
    let project = Project::write(Layout::Sqlx);
    project.add("0008_phones", "ALTER TABLE customers ADD COLUMN phone text NOT NULL;");
    project.add("0009_more", "CREATE TABLE more (id int PRIMARY KEY);");
    let text = said(&real(project.folder(), &["--older", "6"]));
    assert!(good(&text, "schema", "6 tables"), "{text}");
    assert!(good(&text, "rehearsal on -Fc", "red: 1 of 3 applied"), "{text}");
    let foretold = "1 applied, then fails as foretold: column \"phone\"";
    assert!(good(&text, "apply after it", foretold), "{text}");
    assert!(good(&text, "older state", "8 applied"), "{text}");
    assert!(good(&text, "rehearsal on .sql", "green: 1 of 1 applied"), "{text}");
}

#[test]
fn a_project_that_fails_both_ways_says_so_and_fails() {
    let project = Project::write(Layout::Pairs);
    project.add("8_wrong.up", "ALTER TABLE nobody ADD COLUMN x int;");
    let output = real(project.folder(), &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let wrong: Vec<&str> = text.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert_eq!(wrong.len(), 2, "{text}");
    assert!(wrong[0].contains("stopover apply") && wrong[1].contains("psql"), "{text}");
    assert_eq!(text.matches("relation \"nobody\" does not exist").count(), 2, "{text}");
}

#[test]
fn a_schema_that_differs_by_who_made_it_is_found_and_shown() {
    let project = Project::write(Layout::Pairs);
    let by_whom = "DO $$ BEGIN EXECUTE format('CREATE TABLE %I ()', \
                   split_part(current_setting('application_name'), ' ', 1)); END $$;";
    project.add("8_by_whom.up", by_whom);
    let output = real(project.folder(), &["--older", "8"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("-CREATE TABLE public.psql"), "{text}");
    assert!(text.contains("+CREATE TABLE public.stopover"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("WRONG  schema")), "{text}");
}

#[test]
fn arguments_that_are_not_known_end_with_five() {
    let run = |arguments: &[&str]| {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let output = xtask.args(arguments).output().expect("xtask can be run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["real", "--migration", "x"]);
    assert!(code == Some(5) && said.contains("real knows no --migration"), "{said}");
    let (code, said) = run(&["real"]);
    assert!(code == Some(5) && said.contains("--migrations DIR is missing"), "{said}");
}
