//! How long a program takes, and how much memory.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::resource::{UsageWho, getrusage};

/// Starts the line that tells the memory.
const PEAK: &str = "peak-kib:";

/// How long it took from its start to its end. What it says goes to a file, and is shown where it
/// does not end well.
pub(super) fn time(command: &mut Command, folder: &Path) -> anyhow::Result<Duration> {
    run(command, folder).map(|(took, _)| took)
}

/// The largest resident memory of the program, in bytes.
///
/// A small process of our own starts it and asks the system about its children (`getrusage`): one
/// that grew before, like this one, would be counted in.
pub(super) fn peak(command: &Command, folder: &Path) -> anyhow::Result<u64> {
    let here = env::current_exe().context("where this program is")?;
    let mut around = Command::new(here);
    around.args(["bench", "peak", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => around.env(name, value),
            None => around.env_remove(name),
        };
    }
    let (_, said) = run(&mut around, folder)?;
    let line = said.lines().find_map(|line| line.strip_prefix(PEAK));
    let kibi: u64 = line.context("no memory was told")?.trim().parse()?;
    Ok(kibi * 1024)
}

/// The small process of [`peak`].
pub(super) fn peak_of(command: &[String]) -> anyhow::Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no program is named")?;
    let ended = Command::new(program).args(arguments).status().context("it cannot be run")?;
    println!("{PEAK}{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
