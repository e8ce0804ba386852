//! A copy of the file for a proof: whole, private, of one moment, and gone afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use stopover_backend::{Backend, CopyError, Stop, StopSignal};
use stopover_model::Silent;
use stopover_sqlite::{Place, SqliteBackend};
use support::Folder;

fn path_of(backend: &SqliteBackend) -> PathBuf {
    let Place::File(path) = backend.target().place() else { panic!("a file") };
    path.clone()
}

/// Pairs of accounts whose sums stay the same, in every moment.
fn accounts(folder: &Folder, mode: &str) {
    folder.run(&format!(
        "PRAGMA journal_mode = {mode};
         CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER, filler TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO accounts SELECT i, 100, hex(randomblob(100)) FROM n;"
    ));
}

fn transfer(file: &Path, round: i64) {
    let mut connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    let transaction = connection.transaction().unwrap();
    let (from, to) = (round % 20_000 + 1, (round * 7919) % 20_000 + 1);
    let change = "UPDATE accounts SET amount = amount + ?2 WHERE id = ?1";
    transaction.execute(change, [from, -1]).unwrap();
    transaction.execute(change, [to, 1]).unwrap();
    transaction.commit().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_whole_and_of_one_moment_while_others_write() {
    for mode in ["wal", "delete"] {
        let folder = Folder::new();
        accounts(&folder, mode);
        let (file, done) = (folder.database(), Arc::new(AtomicBool::new(false)));
        let theirs = Arc::clone(&done);
        let writer = std::thread::spawn(move || {
            let mut round = 0;
            while !theirs.load(Ordering::SeqCst) {
                round += 1;
                transfer(&file, round);
            }
            round
        });
        let copy = folder.backend().copy(&Stop::never(), &mut Silent).await.unwrap();
        done.store(true, Ordering::SeqCst);
        assert!(writer.join().unwrap() > 0);
        let path = path_of(&copy.backend);
        let connection = Connection::open(&path).unwrap();
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(one("PRAGMA integrity_check"), "ok");
        assert_eq!(one("SELECT count(*) || ' ' || sum(amount) FROM accounts"), "20000 2000000");
        drop(connection);
        assert_eq!(copy.discard().await, []);
        assert!(!path.exists() && !path.parent().unwrap().exists());
    }
}

#[tokio::test]
async fn nobody_else_may_read_a_copy_and_a_dropped_one_is_gone() {
    let folder = Folder::new();
    accounts(&folder, "wal");
    let copy = folder.backend().copy(&Stop::never(), &mut Silent).await.unwrap();
    let path = path_of(&copy.backend);
    let mode = |it: &Path| std::fs::metadata(it).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    // What is written to the copy stays there.
    Connection::open(&path).unwrap().execute_batch("DELETE FROM accounts").unwrap();
    assert_eq!(folder.value("SELECT count(*) FROM accounts"), "20000");
    drop(copy);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stop_ends_a_copy_and_what_is_not_there_cannot_be_copied() {
    let folder = Folder::new();
    let absent = folder.backend().copy(&Stop::never(), &mut Silent).await.unwrap_err();
    assert!(absent.to_string().contains("there is no file to copy"), "{absent}");
    accounts(&folder, "delete");
    let (request, stop) = Stop::channel();
    request.stop(StopSignal::Terminate);
    let stopped = folder.backend().copy(&stop, &mut Silent).await.unwrap_err();
    assert!(matches!(stopped, CopyError::Stopped(StopSignal::Terminate)), "{stopped}");
    assert_eq!(folder.files(), ["app.db", "migrations"]);
}

#[tokio::test]
async fn what_a_killed_run_left_is_removed_by_the_next_and_what_is_in_use_is_not() {
    let place = tempfile::tempdir().unwrap();
    let (left, held, linked) = (
        place.path().join("stopover-copy-left"),
        place.path().join("stopover-copy-held"),
        place.path().join("stopover-copy-linked"),
    );
    for folder in [&left, &held] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("lock"), "").unwrap();
    }
    std::os::unix::fs::symlink(&held, &linked).unwrap();
    let lock = std::fs::File::open(held.join("lock")).unwrap();
    lock.lock().unwrap();
    // A folder of its own stands for the temporary one: only a process can be told of another.
    let folder = Folder::new();
    accounts(&folder, "wal");
    let executable = std::env::current_exe().unwrap();
    let copying = std::process::Command::new(executable)
        .args(["--exact", "copier"])
        .env("TMPDIR", place.path())
        .env("STOPOVER_TEST_FILE", folder.database())
        .output()
        .unwrap();
    assert!(copying.status.success(), "{}", String::from_utf8_lossy(&copying.stdout));
    let mut there: Vec<_> = std::fs::read_dir(place.path()).unwrap().flatten().collect();
    there.sort_by_key(std::fs::DirEntry::file_name);
    let names: Vec<_> = there.iter().map(std::fs::DirEntry::file_name).collect();
    assert_eq!(names, ["stopover-copy-held", "stopover-copy-linked"]);
    drop(lock);
}

/// The test above runs it as a process of its own, whose temporary folder is another one. By
/// itself it copies a file that nobody writes.
#[tokio::test]
async fn copier() {
    let own = Folder::new();
    let file = std::env::var_os("STOPOVER_TEST_FILE").map_or_else(
        || {
            accounts(&own, "wal");
            own.database()
        },
        PathBuf::from,
    );
    let backend = SqliteBackend::new(stopover_sqlite::Target::file(file));
    let copy = backend.copy(&Stop::never(), &mut Silent).await.unwrap();
    let path = path_of(&copy.backend);
    assert!(path.exists());
    assert_eq!(copy.discard().await, []);
    assert!(!path.exists());
}
