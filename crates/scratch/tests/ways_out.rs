//! However its owner ends, the server and its folder go; and the sweep finds the rest.
//!
//! The stories look at processes through /proc.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use stopover_scratch::server::PrivateServer;
use stopover_scratch::sweep::sweep;
use support::{answer, base, binaries, client, names_in, options_in, quick_options_in, soon};

/// Where the process that owns a server makes it, and how.
const OWNER_FOLDER: &str = "STOPOVER_OWNER_FOLDER";
const OWNER_WAY: &str = "STOPOVER_OWNER_WAY";

/// Run by the stories as a process of its own, which they then kill. By itself it tells of the
/// owner whose end nobody hastens.
#[tokio::test]
async fn owner() {
    let Some(folder) = env::var_os(OWNER_FOLDER).map(PathBuf::from) else {
        let base = base();
        let server =
            PrivateServer::start(&binaries(), quick_options_in(base.path())).await.unwrap();
        assert!(!names_in(base.path()).is_empty());
        server.stop().await.unwrap();
        assert!(names_in(base.path()).is_empty());
        return;
    };
    let options = match env::var(OWNER_WAY).as_deref() {
        Ok("initdb") => options_in(&folder),
        _ => quick_options_in(&folder),
    };
    let server = PrivateServer::start(&binaries(), options).await.unwrap();
    let busy = client(&server.config()).await;
    let query = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(1000)").await });
    println!("\nserver {}", server.pid().unwrap());
    // Some stories end the server first.
    let _ended = query.await;
    std::future::pending::<()>().await;
}

fn spawn_owner(folder: &Path, way: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "owner", "--nocapture"])
        .env(OWNER_FOLDER, folder)
        .env(OWNER_WAY, way)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// An owner whose server is up and busy, and the postmaster's process id.
fn running_owner(folder: &Path) -> (Child, i32) {
    let mut owner = spawn_owner(folder, "quick");
    let output = BufReader::new(owner.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let pid = lines.find_map(|line| line.strip_prefix("server ")?.parse().ok()).unwrap();
    (owner, pid)
}

fn kill_hard(mut owner: Child) {
    owner.kill().unwrap();
    owner.wait().unwrap();
}

/// Living processes that name the folder in their arguments or work in it.
fn processes_about(folder: &Path) -> Vec<(i32, String)> {
    let folder = fs::canonicalize(folder).unwrap();
    let about = folder.to_string_lossy().into_owned();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let works_in = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            (line.contains(&about) || works_in.starts_with(&folder)).then_some((pid, line))
        })
        .collect()
}

fn all_gone(folder: &Path) -> bool {
    names_in(folder).is_empty() && processes_about(folder).is_empty()
}

#[test]
fn killing_the_owner_takes_a_busy_server_and_its_folder() {
    let base = base();
    let (owner, _) = running_owner(base.path());
    assert!(processes_about(base.path()).len() >= 4, "server, guard, cleaner");
    kill_hard(owner);
    assert!(soon(|| all_gone(base.path())), "{:?}", processes_about(base.path()));
    assert!(sweep(base.path()).is_empty());
}

#[test]
fn killing_the_owner_during_initdb_takes_everything() {
    let base = base();
    let owner = spawn_owner(base.path(), "initdb");
    let in_initdb = || {
        processes_about(base.path()).iter().any(|(_, line)| line.contains("--single"))
            || processes_about(base.path()).iter().any(|(_, line)| line.contains("--boot"))
    };
    assert!(soon(in_initdb));
    kill_hard(owner);
    assert!(soon(|| all_gone(base.path())), "{:?}", processes_about(base.path()));
}

#[test]
fn killing_the_owner_at_any_moment_of_the_start_takes_everything() {
    for wait in [0, 3, 10, 30, 60, 90, 120, 150, 200, 250] {
        let base = base();
        let owner = spawn_owner(base.path(), "quick");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        kill_hard(owner);
        let gone = soon(|| all_gone(base.path()));
        assert!(gone, "after {wait} ms: {:?}", processes_about(base.path()));
    }
}

#[test]
fn a_server_that_dies_takes_its_guard_along() {
    let base = base();
    let (owner, server) = running_owner(base.path());
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    let only_cleaner = || {
        let left = processes_about(base.path());
        !left.iter().any(|(_, line)| line.contains("stopover-guard") || line.contains("postgres"))
    };
    assert!(soon(only_cleaner), "{:?}", processes_about(base.path()));
    kill_hard(owner);
    assert!(soon(|| all_gone(base.path())));
}

#[test]
fn what_even_the_killed_watchers_leave_the_sweep_finds_and_tells() {
    let base = base();
    let (owner, server) = running_owner(base.path());
    for (pid, line) in processes_about(base.path()) {
        if line.contains("stopover-guard") || line.contains("stopover-cleaner") {
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        }
    }
    assert!(sweep(base.path()).is_empty(), "its owner lives");
    kill_hard(owner);
    let folder = fs::canonicalize(base.path()).unwrap().join(&names_in(base.path())[0]);
    assert!(processes_about(base.path()).iter().any(|(pid, _)| *pid == server));
    let swept = sweep(base.path());
    assert_eq!(swept.len(), 1);
    assert_eq!(swept[0].folder, folder);
    assert_eq!(swept[0].stopped_server, u32::try_from(server).ok());
    assert!(swept[0].not_removed.is_none());
    let told = swept[0].to_string();
    assert!(told.contains(&format!("process {server}")) && told.contains("removed"), "{told}");
    assert!(soon(|| all_gone(base.path())), "{:?}", processes_about(base.path()));
}

fn marked(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let socket = folder.join("socket").display().to_string();
    fs::write(folder.join("marker"), format!("stopover scratch 1\nsocket {socket}\n")).unwrap();
}

#[tokio::test]
async fn the_sweep_takes_only_what_is_ours_and_abandoned() {
    let base = base();
    let server = PrivateServer::start(&binaries(), quick_options_in(base.path())).await.unwrap();
    let place = |name: &str| base.path().join(name);
    let unmarked = place("stopover-scratch-0000000000000001");
    fs::create_dir(&unmarked).unwrap();
    fs::write(unmarked.join("marker.new"), "stopover scratch 1\n").unwrap();
    marked(&place("elsewhere"));
    symlink(place("elsewhere"), place("stopover-scratch-0000000000000002")).unwrap();
    marked(&place("stopover-scratch-not-hexadecimal"));
    let other_format = place("stopover-scratch-0000000000000003");
    fs::create_dir(&other_format).unwrap();
    fs::write(other_format.join("marker"), "stopover scratch 2\n").unwrap();
    if geteuid().is_root() {
        let foreign = place("stopover-scratch-0000000000000004");
        marked(&foreign);
        std::os::unix::fs::chown(&foreign, Some(65534), None).unwrap();
    }
    let left_alone = names_in(base.path());
    marked(&place("stopover-scratch-0000000000000005"));
    let swept = sweep(base.path());
    assert_eq!(swept.len(), 1);
    assert!(swept[0].folder.ends_with("stopover-scratch-0000000000000005"));
    assert_eq!(swept[0].stopped_server, None);
    assert_eq!(names_in(base.path()), left_alone);
    assert_eq!(answer(&server.config(), "SELECT 'alive'").await, "alive");
}

#[tokio::test]
async fn the_sweep_does_not_believe_a_marker_that_names_a_folder_elsewhere() {
    let base = base();
    let precious = base.path().join("precious");
    fs::create_dir(&precious).unwrap();
    let folder = base.path().join("stopover-scratch-0000000000000006");
    fs::create_dir(&folder).unwrap();
    let marker = format!("stopover scratch 1\nsocket {}\n", precious.display());
    fs::write(folder.join("marker"), marker).unwrap();
    assert_eq!(sweep(base.path()).len(), 1);
    assert_eq!(names_in(base.path()), ["precious"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_never_takes_a_server_that_is_just_being_made() {
    let base = base();
    let done = AtomicBool::new(false);
    let swept = std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            let mut swept = Vec::new();
            while !done.load(Ordering::Relaxed) {
                swept.extend(sweep(base.path()));
            }
            swept
        });
        let servers = scope.spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                for _ in 0..4 {
                    let options = quick_options_in(base.path());
                    let server = PrivateServer::start(&binaries(), options).await.unwrap();
                    assert_eq!(answer(&server.config(), "SELECT 'up'").await, "up");
                    server.stop().await.unwrap();
                }
            });
        });
        let outcome = servers.join();
        done.store(true, Ordering::Relaxed);
        outcome.unwrap();
        sweeper.join().unwrap()
    });
    assert!(swept.is_empty(), "{swept:?}");
    assert!(all_gone(base.path()));
}
