//! The shell that runs the user's backup command: one in which a pipe fails where any of its
//! programs does. `pg_dump | gzip` would be a backup otherwise, whatever pg_dump said.
//!
//! What the command does is not looked into: a script that it calls has pipes of its own.

use std::process::{Command, Stdio};

use crate::error::BackupError;

/// Looked at in turn. POSIX has `pipefail` since 2024 only, and many a `sh` does not.
const SHELLS: [&str; 2] = ["/bin/sh", "bash"];

/// A shell for one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shell {
    /// Its program.
    pub(crate) program: &'static str,
    /// What it is told before the command.
    pub(crate) preface: &'static str,
}

/// Whether `command` can be run so that every failure in it is seen.
///
/// # Errors
/// It has a pipe, and no shell here says that a program in the midst of one failed.
pub fn check_command(command: &str) -> Result<(), BackupError> {
    Shell::of(command, &SHELLS).map(drop)
}

impl Shell {
    /// The shell that a backup command is run in.
    pub(crate) fn for_command(command: &str) -> Result<Self, BackupError> {
        Self::of(command, &SHELLS)
    }

    fn of(command: &str, shells: &[&'static str]) -> Result<Self, BackupError> {
        if !has_pipe(command) {
            return Ok(Self { program: "/bin/sh", preface: "" });
        }
        match shells.iter().copied().find(|it| sees_pipes(it)) {
            Some(program) => Ok(Self { program, preface: "set -o pipefail\n" }),
            None => Err(BackupError::Settings {
                message: "the backup command has a pipe, and no shell here (sh, bash) says when a \
                          program in the midst of one fails"
                    .to_owned(),
                remedy: "install bash, or write the command without a pipe".to_owned(),
            }),
        }
    }
}

/// Whether there may be a pipe: one in quotes is taken for one, which does no harm.
fn has_pipe(command: &str) -> bool {
    command.replace("||", "").contains('|')
}

fn sees_pipes(shell: &str) -> bool {
    let mut probe = Command::new(shell);
    probe.args(["-c", "set -o pipefail"]);
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|it| it.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_needs_a_shell_that_sees_its_failures() {
        let shell = Shell::for_command("pg_dump | gzip > file").unwrap();
        assert_eq!(shell.preface, "set -o pipefail\n");
        let none = Shell::of("pg_dump | gzip", &["/nowhere/sh"]).unwrap_err();
        assert!(matches!(none, BackupError::Settings { .. }), "{none}");
        assert!(none.to_string().contains("has a pipe"), "{none}");
        assert!(check_command("pg_dump | gzip").is_ok());
    }

    #[test]
    fn what_has_no_pipe_runs_in_any_shell() {
        let plain = Shell { program: "/bin/sh", preface: "" };
        assert_eq!(Shell::of("a || b; c && d", &[]).unwrap(), plain);
        assert!(Shell::of("a |& b", &[]).is_err() && Shell::of("a || b | c", &[]).is_err());
    }
}
