//! How long a program takes, and how much memory.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::wait::waitpid;

/// Starts the line that tells microseconds to the end, to the last output, and of the processor, and
/// KiB.
const USAGE: &str = "usage:";

/// How long it took from its start to its end. What it says goes to a file, and is shown where it
/// does not end well.
pub(super) fn time(command: &mut Command, folder: &Path) -> anyhow::Result<Duration> {
    run(command, folder).map(|(took, _)| took)
}

/// What one run of a program took.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// From its start to its end.
    pub(super) took: Duration,
    /// From its start to the last that it said.
    pub(super) told: Duration,
    /// On all cores, with all processes that it started, whether it waited for them or not.
    pub(super) processor: Duration,
    /// Its largest resident memory, in bytes; that of processes which it waited for counts, too.
    pub(super) peak: u64,
    /// What it said.
    pub(super) said: String,
}

/// Runs a program, and tells what it took.
///
/// A small process of our own starts it and asks the system about its children (`getrusage`): one
/// that grew before, like this one, would be counted in.
pub(super) fn usage(command: &Command, folder: &Path) -> anyhow::Result<Usage> {
    let here = env::current_exe().context("where this program is")?;
    let mut around = Command::new(here);
    around.args(["bench", "usage", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => around.env(name, value),
            None => around.env_remove(name),
        };
    }
    let (_, said) = run(&mut around, folder)?;
    let line = said.lines().find_map(|line| line.strip_prefix(USAGE));
    let numbers: Result<Vec<u64>, _> =
        line.context("nothing was told")?.split_whitespace().map(str::parse).collect();
    let [took, told, processor, kibi] = numbers?[..] else { bail!("not four numbers: {said}") };
    Ok(Usage {
        took: Duration::from_micros(took),
        told: Duration::from_micros(told),
        processor: Duration::from_micros(processor),
        peak: kibi * 1024,
        said,
    })
}

/// The small process of [`usage`].
pub(super) fn usage_of(command: &[String]) -> anyhow::Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no program is named")?;
    adopt_orphans()?;
    let began = Instant::now();
    let mut starting = Command::new(program);
    starting.args(arguments).stdout(Stdio::piped());
    let mut child = starting.spawn().context("it cannot be run")?;
    let mut output = child.stdout.take().context("no output")?;
    let (mut buffer, mut told) = (vec![0; 64 << 10], Duration::ZERO);
    loop {
        let read = output.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        told = began.elapsed();
        io::stdout().write_all(&buffer[..read])?;
    }
    let ended = child.wait()?;
    let took = began.elapsed();
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    // A server that it started, and its guard, come to us when it has ended, and count as well.
    while waitpid(None, None).is_ok() {}
    let all = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let processor = all.user_time() + all.system_time();
    let (took, told) = (took.as_micros(), told.as_micros());
    // Behind whatever it said last.
    println!("\n{USAGE} {took} {told} {} {peak}", processor.num_microseconds());
    Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Processes below this one whose parent ends become its children.
#[cfg(target_os = "linux")]
fn adopt_orphans() -> anyhow::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).context("orphans cannot be adopted")
}

/// Elsewhere a server's time is not known.
#[cfg(not(target_os = "linux"))]
fn adopt_orphans() -> anyhow::Result<()> {
    Ok(())
}

fn run(command: &mut Command, folder: &Path) -> anyhow::Result<(Duration, String)> {
    let output = folder.join("said");
    let said = File::create(&output)?;
    command.current_dir(folder).stdin(Stdio::null());
    command.stderr(said.try_clone()?).stdout(said);
    // Settings of whoever runs the bench are nobody's here.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        let own = command.get_envs().any(|(it, _)| it == variable.as_os_str());
        let meant = ["STOPOVER_", "PG", "DATABASE_", "DBMATE_", "RUST_LOG"];
        if !own && meant.iter().any(|it| name.starts_with(it)) {
            command.env_remove(&variable);
        }
    }
    let began = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    let ended = child.wait()?;
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&fs::read(&output)?).into_owned();
    if !ended.success() {
        let tail: Vec<&str> = said.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!("{} ended with {ended}:\n{}", command.get_program().display(), tail.join("\n"));
    }
    Ok((took, said))
}
