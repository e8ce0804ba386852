//! How much memory and how many cores a server may count on.

use std::fs;
use std::thread;

/// Taken when the system does not tell: enough for a server, too little to do harm.
const UNKNOWN_MEMORY: u64 = 2 << 30;

/// Files with a container's memory limit in bytes: cgroup version 2, version 1.
const CONTAINER_LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// What the machine, or the container, has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Memory in bytes.
    pub(crate) memory: u64,
    /// Cores that this process may use.
    pub(crate) cores: u64,
}

impl Machine {
    /// Looks at this machine.
    pub(crate) fn look() -> Self {
        let total = fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| total_memory(&text))
            .or_else(reported_memory);
        let limits = CONTAINER_LIMITS
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
        let memory = limits.chain(total).min().unwrap_or(UNKNOWN_MEMORY);
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self { memory, cores }
    }
}

/// `MemTotal` of proc_meminfo(5), which is in kibibytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What sysctl(8) says, where there is no /proc.
fn reported_memory() -> Option<u64> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    sysctl("hw.memsize")?.parse().ok()
}

/// Names the system's current run, from its start to its end; one line. `None` where the system
/// does not tell.
pub(crate) fn boot_id() -> Option<String> {
    let id = if cfg!(target_os = "macos") {
        sysctl("kern.bootsessionuuid")
    } else {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
    };
    id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty())
}

fn sysctl(name: &str) -> Option<String> {
    let output = std::process::Command::new("sysctl").args(["-n", name]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_in_kibibytes() {
        let text = "MemTotal:       24684092 kB\nMemFree:         1 kB\n";
        assert_eq!(total_memory(text), Some(24_684_092 * 1024));
        assert_eq!(total_memory("MemFree: 1 kB"), None);
    }

    #[test]
    fn this_machine_has_something() {
        let machine = Machine::look();
        assert!(machine.cores >= 1);
        assert!(machine.memory > 0);
    }
}
