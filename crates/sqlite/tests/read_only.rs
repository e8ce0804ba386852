//! A user who may only read the file and its folder.
//!
//! The one who asks is a process of its own, without root's right to write everywhere.
#![cfg(unix)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;
use stopover_engine::{Ending, EngineError};
use support::{Folder, apply, plan, status};

const FOLDER: &str = "STOPOVER_SQLITE_TEST_FOLDER";

/// Says what status, plan and apply come to: the other tests run it as a process of its own. By
/// itself it reads a folder without a database, and makes none.
#[tokio::test]
async fn reader() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        let folder = Folder::new();
        folder.migration("1_log.up.sql", "CREATE TABLE log (version INTEGER);\n");
        assert_eq!(plan(&folder).await.unwrap().steps.len(), 1);
        assert_eq!(status(&folder).await.unwrap().pending.len(), 1);
        assert!(!folder.database().exists());
        return;
    };
    let folder = Folder::at(folder.into());
    match status(&folder).await {
        Ok(it) => println!("status: {} applied, {} pending", it.applied.len(), it.pending.len()),
        Err(error) => println!("status: {error}"),
    }
    match plan(&folder).await {
        Ok(it) => println!("plan: {} steps", it.steps.len()),
        Err(error) => println!("plan: {error}"),
    }
    match apply(&folder).await {
        Ok(it) if matches!(it.ending, Ending::Complete) => {
            println!("apply: {} applied", it.migrations.len());
        }
        Ok(it) => println!("apply: {:?}", it.ending),
        Err(EngineError::Backend(error)) => println!("apply: {error}"),
        Err(error) => println!("apply: {error}"),
    }
}

/// What the reader says.
fn ask(folder: &Folder) -> String {
    // Where these tests run as root, the program may lie where nobody else gets to.
    let place = tempfile::tempdir().expect("a process of our own");
    let program = place.path().join("reader");
    std::fs::copy(std::env::current_exe().expect("a process of our own"), &program)
        .expect("a process of our own");
    permit(place.path(), 0o755);
    let mut command = Command::new(&program);
    command.args(["--exact", "reader", "--nocapture"]).env(FOLDER, folder.path());
    if nix::unistd::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let Output { status, stdout, stderr } = command.output().expect("a process of our own");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let said = String::from_utf8_lossy(&stdout).into_owned();
    let lines = said
        .lines()
        .filter(|line| ["status: ", "plan: ", "apply: "].iter().any(|word| line.starts_with(word)));
    lines.collect::<Vec<_>>().join("\n")
}

fn permit(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .expect("a process of our own");
}

/// One migration applied; then nobody may write.
fn sealed(journal_mode: &str) -> Folder {
    let folder = Folder::new();
    folder.migration("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);");
    folder.run(&format!("PRAGMA journal_mode = {journal_mode}"));
    let runtime = tokio::runtime::Runtime::new().expect("a process of our own");
    runtime.block_on(apply(&folder)).expect("a process of our own");
    assert_eq!(folder.value("PRAGMA journal_mode"), journal_mode.to_lowercase());
    seal(&folder);
    folder
}

fn seal(folder: &Folder) {
    for name in folder.files().iter().filter(|name| *name != "migrations") {
        permit(&folder.path().join(name), 0o444);
    }
    for path in [folder.path().to_owned(), folder.migrations()] {
        permit(&path, 0o555);
    }
}

/// Whoever wants to write something, or remove the folder.
fn unseal(folder: &Folder) {
    for path in [folder.path().to_owned(), folder.migrations()] {
        permit(&path, 0o755);
    }
}

#[test]
fn nothing_to_do_is_told_and_nothing_is_made() {
    for mode in ["DELETE", "WAL"] {
        let folder = sealed(mode);
        let before = std::fs::read(folder.database()).unwrap();
        assert_eq!(
            ask(&folder),
            "status: 1 applied, 0 pending\nplan: 0 steps\napply: 0 applied",
            "{mode}"
        );
        assert_eq!(folder.files(), ["app.db", "migrations"], "{mode}");
        assert_eq!(std::fs::read(folder.database()).unwrap(), before, "{mode}");
        unseal(&folder);
    }
}

#[test]
fn something_to_do_is_told_and_why_it_cannot_be_done() {
    for mode in ["DELETE", "WAL"] {
        let folder = sealed(mode);
        unseal(&folder);
        folder.migration("2_orders.up.sql", "CREATE TABLE orders (id INTEGER PRIMARY KEY);");
        seal(&folder);
        let said = ask(&folder);
        let told = said.strip_prefix("status: 1 applied, 1 pending\nplan: 1 steps\napply: ");
        let told = told.unwrap_or_else(|| panic!("{said}"));
        assert!(told.contains("nothing may be written: the lock "), "{told}");
        assert_eq!(folder.files(), ["app.db", "migrations"]);
        unseal(&folder);
    }
}

#[test]
fn what_a_service_has_written_into_its_wal_is_seen() {
    let folder = sealed("WAL");
    unseal(&folder);
    permit(&folder.database(), 0o644);
    let service = Connection::open(folder.database()).unwrap();
    service
        .execute_batch(
            "UPDATE stopover_applied_migrations SET version = 7; PRAGMA wal_autocheckpoint = 0",
        )
        .unwrap();
    seal(&folder);
    assert_eq!(folder.files(), ["app.db", "app.db-shm", "app.db-wal", "migrations"]);
    let said = ask(&folder);
    assert!(said.starts_with("status: 1 applied, 1 pending\n"), "{said}");
    unseal(&folder);
    drop(service);
}
