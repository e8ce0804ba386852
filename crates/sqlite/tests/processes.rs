//! Processes: many at once, and killed ones.
//!
//! A process of these tests is this very program, asked for one test that is ignored otherwise.

mod support;

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use stopover_backend::{Backend, FactsReader, LockAttempt, RunLock};
use stopover_engine::Ending;
use support::{Folder, apply_with};

const FOLDER: &str = "STOPOVER_SQLITE_TEST_FOLDER";

/// Applies the migrations of a folder: the other tests run it as a process of its own. By itself
/// it is the one runner of a folder.
#[tokio::test]
async fn runner() {
    let given = std::env::var_os(FOLDER);
    let alone = given.is_none();
    let folder = given.map_or_else(Folder::new, |folder| Folder::at(folder.into()));
    if alone {
        log(&folder, 2..=3);
    }
    let applied = apply_with(&folder, |asked| {
        asked.limits.lock_wait = Duration::from_secs(120);
        asked.policy.empty_ledger = support::ALLOW;
    });
    let applied = applied.await.unwrap();
    assert!(matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
    if alone {
        assert_eq!(folder.value("SELECT group_concat(version) FROM log"), "2,3");
    }
}

fn start(folder: &Folder) -> Child {
    Command::new(std::env::current_exe().expect("a process of our own"))
        .args(["--exact", "runner", "--quiet"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process of our own")
}

fn ended_well(child: Child) {
    let output = child.wait_with_output().expect("a process of our own");
    assert!(output.status.success(), "{}", text(&output));
}

fn said(child: Child) -> String {
    text(&child.wait_with_output().expect("a process of our own"))
}

fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{out}{err}")
}

fn log(folder: &Folder, versions: std::ops::RangeInclusive<u32>) {
    folder.migration("1_log.up.sql", "CREATE TABLE log (version INTEGER);\n");
    for version in versions {
        let text = format!("INSERT INTO log VALUES ({version});\n");
        folder.migration(&format!("{version}_more.up.sql"), &text);
    }
}

#[test]
fn sixteen_processes_apply_each_migration_once_and_all_end_well() {
    for mode in ["DELETE", "WAL"] {
        let folder = Folder::new();
        log(&folder, 2..=30);
        folder.migration("31_alone.up.sql", "VACUUM;\n");
        folder.migration(
            "32_singly.up.sql",
            "-- stopover: no-transaction\nINSERT INTO log VALUES (32);\nINSERT INTO log VALUES (33);\n",
        );
        folder.run(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE first (a)"));
        let runners: Vec<Child> = (0..16).map(|_| start(&folder)).collect();
        runners.into_iter().for_each(ended_well);
        assert_eq!(folder.value("SELECT count(*) FROM log"), "31", "{mode}");
        assert_eq!(folder.value("SELECT count(DISTINCT version) FROM log"), "31", "{mode}");
        assert_eq!(folder.value("SELECT count(*) FROM stopover_applied_migrations"), "32");
        assert_eq!(folder.files(), ["app.db", "migrations"], "{mode}");
    }
}

#[test]
fn a_killed_process_leaves_no_half_of_a_migration_and_no_lock() {
    for (trial, mode) in (0..12).zip(["DELETE", "WAL"].into_iter().cycle()) {
        let folder = Folder::new();
        log(&folder, 2..=40);
        folder.run(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE first (a)"));
        let mut child = start(&folder);
        // Each trial a little later: before the first migration, in their middle, after the last.
        std::thread::sleep(Duration::from_millis(4 * trial));
        child.kill().unwrap();
        child.wait().unwrap();
        let ledger =
            "SELECT count(*) FROM sqlite_schema WHERE name = 'stopover_applied_migrations'";
        if folder.value(ledger) == "1"
            && folder.value(
                "SELECT count(*) FROM \
            stopover_applied_migrations",
            ) != "0"
        {
            let recorded = "SELECT count(*) FROM stopover_applied_migrations WHERE version > 1";
            assert_eq!(folder.value(recorded), folder.value("SELECT count(*) FROM log"));
        }
        ended_well(start(&folder));
        assert_eq!(folder.value("SELECT count(*) FROM log"), "39", "trial {trial}");
        assert_eq!(folder.value("SELECT count(DISTINCT version) FROM log"), "39");
        assert_eq!(folder.files(), ["app.db", "migrations"], "trial {trial}");
    }
}

#[tokio::test]
async fn the_lock_of_a_killed_process_is_free_at_once() {
    let folder = Folder::new();
    folder.migration(
        "1_slow.up.sql",
        "CREATE TABLE a (n);\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 4000000000) SELECT count(*) FROM n;\n",
    );
    let mut child = start(&folder);
    let mut session = folder.backend().connect().await.unwrap();
    let ledger = session.locate(&stopover_backend::FactsRequest::default()).await.unwrap();
    let began = Instant::now();
    let holder = loop {
        match session.try_lock(&ledger).await.unwrap() {
            LockAttempt::Held(Some(holder)) => break holder,
            LockAttempt::Held(None) => {}
            LockAttempt::Taken => drop(session.unlock(&ledger).await.unwrap()),
        }
        if child.try_wait().unwrap().is_some() {
            panic!("it did not wait for the lock: {}", said(child));
        }
        assert!(began.elapsed() < Duration::from_secs(120), "the process never takes the lock");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(u32::try_from(holder.pid).unwrap(), child.id());
    assert_eq!(holder.application.as_deref(), Some("stopover"));
    assert!(holder.since.is_some() && holder.host.is_some(), "{holder}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(session.try_lock(&ledger).await.unwrap(), LockAttempt::Taken);
}
