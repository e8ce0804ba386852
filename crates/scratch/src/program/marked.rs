//! Processes that left their group (`setsid`, a daemon), found by a variable in their environment.
//!
//! Only where there is a `/proc`; a process that cleared its environment or belongs to another user
//! is not found.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

/// How long killed processes may take to vanish, and those that they started meanwhile to be found.
const VANISHING: Duration = Duration::from_secs(2);

/// Processes that live and have `mark` (`NAME=value`) in their environment.
pub(super) fn find(mark: &str) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_marked = |folder: &Path| {
        let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|it| *it == 0).any(|it| it == mark.as_bytes())
    };
    processes
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            is_marked(&entry.path()).then(|| Pid::from_raw(id))
        })
        .collect()
}

/// Kills them, and what they start meanwhile, and waits until all of them are gone.
pub(super) fn kill(mark: &str) {
    let began = Instant::now();
    let mut killed: Vec<Pid> = Vec::new();
    while began.elapsed() < VANISHING {
        let found = find(mark);
        for process in &found {
            // It may be gone by now, which is what is wanted.
            let _ = send(*process, Signal::SIGKILL);
        }
        killed.extend(&found);
        if found.is_empty() && !killed.iter().any(|it| is_dying(*it)) {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a killed process is still on its way out: its environment is gone before it is.
fn is_dying(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; the state follows the last of them.
    let state = status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|it| !matches!(it, 'Z' | 'X'))
}
