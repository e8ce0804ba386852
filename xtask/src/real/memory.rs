//! `cargo xtask memory`: how much memory the tool itself takes for a rehearsal on a big backup.
//!
//! Measured is the tool's process alone (Linux' `VmHWM`), not the server that it starts. What
//! `wait4` and `/usr/bin/time` say would be the largest of the tool and its children.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::big;
use super::options::Memory;
use super::size;
use super::tool::Tool;

/// How often is looked. The mark only rises: what is missed is what is taken between the last
/// look and the end.
const PERIOD: Duration = Duration::from_millis(10);

/// What a run took.
struct Measured {
    code: i32,
    peak: u64,
    took: Duration,
}

/// Makes the backup unless one is named, rehearses on it and judges; 1 when over the limit.
pub(super) fn run(request: &Memory) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let tool = Tool::find(request.stopover.as_deref())?.with_folder(folder.path());
    let backup = match &request.backup {
        Some(path) => path.canonicalize().with_context(|| format!("no {}", path.display()))?,
        None => {
            let path = folder.path().join("big.sql.gz");
            big::make(&tool, request.size, &path)?;
            path
        }
    };
    let output = folder.path().join("rehearsal.json");
    let mut rehearse = tool.command("rehearse", &big::migrations()?);
    rehearse.arg("--no-report").arg("--backup").arg(&backup);
    let Measured { code, peak, took } = measure(&mut rehearse, &output)?;
    println!("peak {}, limit {}, {took:.1?}", size::shown(peak), size::shown(request.limit));
    if code != 0 {
        bail!("the rehearsal ended with {code}: {}", fs::read_to_string(&output)?);
    }
    Ok(if peak <= request.limit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs it to its end, watching.
fn measure(command: &mut Command, output: &Path) -> anyhow::Result<Measured> {
    let start = Instant::now();
    command.stdin(Stdio::null()).stdout(File::create(output)?);
    let mut child = command.spawn().context("stopover cannot be run")?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    let code = loop {
        peak = fs::read_to_string(&status).ok().as_deref().and_then(high_water).or(peak);
        if let Some(ended) = child.try_wait()? {
            break ended.code().unwrap_or(-1);
        }
        thread::sleep(PERIOD);
    };
    let peak = peak.context("memory is measured on Linux only, where /proc is mounted")?;
    Ok(Measured { code, peak, took: start.elapsed() })
}

/// Bytes of `VmHWM` in a process' status; none when it has ended.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibi: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibi * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        assert_eq!(high_water("VmPeak:\t 9 kB\nVmHWM:\t   2048 kB\n"), Some(2 << 20));
        assert_eq!(high_water("Name:\tzombie\n"), None);
    }
}
