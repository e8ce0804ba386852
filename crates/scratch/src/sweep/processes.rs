//! A server's processes, found by the data folder that they work in.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a server may take for its immediate shutdown: it kills its own children after five
/// seconds.
const SHUTDOWN: Duration = Duration::from_secs(7);
/// How long killed processes may take to vanish.
const VANISHING: Duration = Duration::from_secs(3);

/// Stops whatever server runs on the data folder; the postmaster's process id if one ran.
///
/// The process id in `postmaster.pid` alone is not believed: ids are used again, and the file of
/// a killed server stays. Every process that is signalled works in that very folder.
pub(crate) fn stop_server(data: &Path) -> Option<u32> {
    let found = working_in(data);
    let written = written_pid(data);
    let first =
        found.iter().copied().find(|&pid| Some(pid) == written).or(found.first().copied())?;
    signal(first, Signal::SIGQUIT);
    if !gone_within(data, SHUTDOWN) {
        for pid in working_in(data) {
            signal(pid, Signal::SIGKILL);
        }
        gone_within(data, VANISHING);
    }
    u32::try_from(first.as_raw()).ok()
}

fn signal(pid: Pid, signal: Signal) {
    // It may be gone by now, which is what is wanted.
    let _gone = kill(pid, signal);
}

fn gone_within(data: &Path, bound: Duration) -> bool {
    let start = Instant::now();
    while !working_in(data).is_empty() {
        if start.elapsed() > bound {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// The first line of `postmaster.pid`.
pub(crate) fn written_pid(data: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    (pid > 1).then(|| Pid::from_raw(pid))
}

/// All server processes whose working folder is the data folder.
#[cfg(target_os = "linux")]
fn working_in(data: &Path) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            (folder == data && name.contains("postgres")).then(|| Pid::from_raw(pid))
        })
        .collect()
}

/// The postmaster, when its command line names the data folder: without a /proc its children
/// cannot be told from another server's.
#[cfg(not(target_os = "linux"))]
fn working_in(data: &Path) -> Vec<Pid> {
    let Some(pid) = written_pid(data) else { return Vec::new() };
    let output = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .stdin(std::process::Stdio::null())
        .output();
    let Ok(output) = output else { return Vec::new() };
    let line = String::from_utf8_lossy(&output.stdout);
    let ours = line.contains("postgres") && line.contains(&*data.to_string_lossy());
    if ours { vec![pid] } else { Vec::new() }
}
