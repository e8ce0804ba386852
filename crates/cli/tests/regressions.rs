//! What went wrong once at the command line: each test is named after its bug.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover_testkit::{BARE, TestDatabase};

fn stopover(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stopover"));
    command.env_clear().envs(BARE).current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn a_url_in_the_wrong_place_was_shown_with_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["postgres://u:secret@h/db", "host=h password=secret", "postgres://u:se?cret@h/db"] {
        let said = stopover(folder.path(), &["apply", url]).output().unwrap();
        let text = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(5), "{text}");
        assert!(text.contains("unexpected argument") && !text.contains("cret"), "{text}");
    }
}

#[test]
fn a_password_with_a_sign_of_a_url_was_shown_by_config() {
    let folder = tempfile::tempdir().unwrap();
    for password in ["se?cret", "se'cret", "se cret", "se/cret", "s:e@cret", "1?cret"] {
        let url = format!("postgres://u:{password}@h/db");
        let said = stopover(folder.path(), &["config", "--database-url", &url]).output().unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(text.contains("@h/db") && !text.contains("cret"), "{text}");
    }
}

/// Which of the two was used depended on their order in the environment.
#[test]
fn database_url_overruled_stopovers_own_variable() {
    let folder = tempfile::tempdir().unwrap();
    let own = ("STOPOVER_DATABASE_URL", "postgres://u@h/own");
    let common = ("DATABASE_URL", "postgres://u@h/common");
    for variables in [[own, common], [common, own]] {
        // `Command` sorts its variables; env(1) keeps their order.
        let mut command = Command::new("/usr/bin/env");
        command.arg("-i").args(variables.map(|(name, value)| format!("{name}={value}")));
        command.arg(env!("CARGO_BIN_EXE_stopover")).arg("config").current_dir(folder.path());
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let line = text.lines().find(|it| it.starts_with("database_url")).unwrap();
        assert!(line.contains("h/own") && line.contains("STOPOVER_DATABASE_URL"), "{line}");
    }
}

/// A script that does not heed its cancelling, and an impatient CI service.
#[tokio::test]
async fn a_sigterm_after_a_sigint_was_taken_for_a_first_signal() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::create().await;
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    std::fs::write(
        folder.path().join("migrations/1_deaf.up.sql"),
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); \
         EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;\n",
    )
    .unwrap();
    let mut command = stopover(folder.path(), &["apply", "--database-url", &database.url()]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$%' \
                   AND state = 'active' AND datname = current_database()";
    while database.psql(running) == "0" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it says that it stops");
    }
    let began = Instant::now();
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
