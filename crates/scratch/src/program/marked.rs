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

/// Kills them, and what they start meanwhile.
pub(super) fn kill(mark: &str) {
    let began = Instant::now();
    loop {
        let found = find(mark);
        if found.is_empty() || began.elapsed() > VANISHING {
            return;
        }
        for process in found {
            // It may be gone by now, which is what is wanted.
            let _ = send(process, Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(5));
    }
}
