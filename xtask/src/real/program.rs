//! Programs that are run: what they said, how they ended, how long they took.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How a program ended, and what it said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The exit code; -1 when a signal ended it.
    pub(super) code: i32,
    pub(super) output: String,
    pub(super) errors: String,
    pub(super) took: Duration,
}

impl Said {
    pub(super) fn good(&self) -> bool {
        self.code == 0
    }

    /// Its output, or an error with what it complained of.
    pub(super) fn or_fail(self, what: &str) -> anyhow::Result<Self> {
        if !self.good() {
            bail!("{what} ended with {}: {}", self.code, self.errors.trim());
        }
        Ok(self)
    }
}

/// Runs a program to its end.
pub(super) fn run(command: &mut Command) -> anyhow::Result<Said> {
    let program = command.get_program().to_os_string();
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_run(&program))?;
    Ok(Said {
        code: output.status.code().unwrap_or(-1),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: start.elapsed(),
    })
}

fn cannot_run(program: &OsString) -> String {
    format!("{} cannot be run", program.display())
}
