//! `kill -9` of the tool in the middle of a rehearsal leaves nothing behind.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shop::Shop;

/// Folders and processes of private servers that were made in `folder`.
fn leftovers(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|it| it.path());
    let mut found: Vec<String> = entries.map(|it| it.display().to_string()).collect();
    let needle = folder.display().to_string();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&needle) && line.contains("postgres") {
            found.push(line);
        }
    }
    found
}

/// Longest wait for something that must come to pass, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

fn until(what: &str, limit: Duration, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A rehearsal whose migration sleeps, in a folder of its own, with its server running.
fn sleeping(shop: &Shop, folder: &Path) -> Child {
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_sleep.up.sql", "select pg_sleep(60);\n");
    let (backup, place) = (backup.to_str().unwrap(), folder.to_str().unwrap());
    let mut command = shop.command(&["rehearse", "--backup", backup, "--scratch-dir", place]);
    let told = shop.path("told.txt");
    command.stdout(Stdio::null()).stderr(fs::File::create(&told).unwrap());
    let child = command.spawn().unwrap();
    until("the migrations run", PATIENCE, || {
        fs::read_to_string(&told).unwrap().contains("1 migration to apply")
    });
    assert!(leftovers(folder).iter().any(|it| it.contains("postgres ")), "a server runs");
    child
}

fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    folder
}

#[tokio::test]
async fn kill_9_leaves_neither_a_server_nor_a_folder() {
    let shop = Shop::open().await;
    let folder = open_folder();
    let mut child = sleeping(&shop, folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    until("nothing is left", PATIENCE, || leftovers(folder.path()).is_empty());
}

#[tokio::test]
async fn a_signal_ends_a_rehearsal_with_its_own_exit_code_and_leaves_nothing() {
    for (signal, exit) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let shop = Shop::open().await;
        let folder = open_folder();
        let mut child = sleeping(&shop, folder.path());
        let began = Instant::now();
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(exit));
        assert!(began.elapsed() < Duration::from_secs(30), "half of what the statement takes");
        until("nothing is left", PATIENCE, || leftovers(folder.path()).is_empty());
    }
}
