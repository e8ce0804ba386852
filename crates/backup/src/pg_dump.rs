//! pg_dump: which one, what it is told, and whether what it wrote is whole.
//!
//! The password reaches it by its environment, never by an argument, which everybody on the machine
//! can read.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use stopover_model::report::BackupCompression;
use stopover_postgres::Target;
use stopover_scratch::binaries::{ClientProgram, Program};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::error::BackupError;
use crate::options::{BackupFormat, BackupOptions};
use crate::process::{how, last_words};

/// How pg_dump ends a plain dump.
const LAST_LINE: &[u8] = b"-- PostgreSQL database dump complete";

const RIGHTS: &str = "give this role the right to read every table (pg_read_all_data), or run the \
                      command as one that has it; where it waited for a lock, wait longer with \
                      --lock-wait, or see who holds it (pg_locks)";

const KILLED: &str = "it was killed: see in the system's log whether memory ran out (`dmesg`), and \
                      make room for it or take fewer sessions (--backup-format plain); where \
                      somebody killed it, run the command again";

const FULL: &str = "make room there, or set backup_dir to a folder that has it; backup_keep keeps \
                    only the newest";

/// How the system says that there is no room (strerror of ENOSPC, EDQUOT and EFBIG in the locale
/// that pg_dump is run in).
const NO_ROOM: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];

/// What to do, by how it ended.
fn remedy(status: ExitStatus, said: &[String]) -> &'static str {
    let is_full = |line: &String| NO_ROOM.iter().any(|it| line.contains(it));
    if said.iter().any(is_full) {
        FULL
    } else if status.signal().is_some() {
        KILLED
    } else {
        RIGHTS
    }
}

/// It, running.
#[derive(Debug)]
pub(crate) struct Dump {
    pub(crate) child: Child,
    said: JoinHandle<Vec<String>>,
    name: String,
}

/// Level of what pg_dump compresses itself: its own default.
const OWN_LEVEL: &str = "--compress=6";

impl Dump {
    /// Starts it on the moment that `snapshot` names. A folder is written to `into` by itself;
    /// everything else comes by its standard output.
    pub(crate) fn start(
        program: &ClientProgram,
        target: &Target,
        options: &BackupOptions,
        snapshot: &str,
        into: &Path,
    ) -> Result<(Self, Option<OwnedFd>), BackupError> {
        let name = format!("pg_dump {}", program.version);
        let failed = |source| BackupError::Run { program: name.clone(), source };
        let mut command = Command::new(&program.path);
        // What is set for other databases must not reach this one.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(variable);
            }
        }
        command
            .envs(target.client_environment())
            .env("LC_ALL", "C")
            .arg("--no-password")
            .arg(format!("--lock-wait-timeout={}", options.lock_wait.as_millis()))
            .arg(format!("--snapshot={snapshot}"))
            .args(form(options, program)?)
            .args(options.schemas.iter().map(|it| format!("--schema={}", pattern(it))))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        match options.format {
            BackupFormat::Directory => command.arg("--file").arg(into).stdout(Stdio::null()),
            BackupFormat::Plain | BackupFormat::Custom => command.stdout(Stdio::piped()),
        };
        let mut child = command.spawn().map_err(failed)?;
        let stderr = child.stderr.take();
        let said = tokio::spawn(async move {
            match stderr {
                Some(stderr) => last_words(stderr).await,
                None => Vec::new(),
            }
        });
        let stdout =
            child.stdout.take().map(|it| it.into_owned_fd().map_err(failed)).transpose()?;
        Ok((Self { child, said, name }, stdout))
    }

    /// Waits for its end; gives its exit status and what it said.
    pub(crate) async fn ended(&mut self) -> Result<(i32, Vec<String>), BackupError> {
        let status: ExitStatus = self
            .child
            .wait()
            .await
            .map_err(|source| BackupError::Run { program: self.name.clone(), source })?;
        let said = (&mut self.said).await.unwrap_or_default();
        match status.code() {
            Some(0) => Ok((0, said)),
            _ => Err(BackupError::Failed {
                program: self.name.clone(),
                how: how(status),
                remedy: remedy(status, &said),
                said,
            }),
        }
    }

    /// Sees that a plain dump has pg_dump's last line. After it nothing but comments and
    /// `\unrestrict` may stand.
    pub(crate) fn whole(&self, tail: &[u8]) -> Result<(), BackupError> {
        if tail.windows(LAST_LINE.len()).any(|it| it == LAST_LINE) {
            return Ok(());
        }
        let what = "its last line is missing".to_owned();
        Err(BackupError::NotWhole { program: self.name.clone(), what })
    }
}

/// The arguments about format and compression.
fn form(options: &BackupOptions, program: &ClientProgram) -> Result<Vec<String>, BackupError> {
    let own = match options.compression {
        BackupCompression::None => "--compress=0",
        BackupCompression::Gzip => OWN_LEVEL,
        BackupCompression::Zstd if program.version.major() >= 16 => "--compress=zstd",
        BackupCompression::Zstd if options.format == BackupFormat::Plain => "",
        BackupCompression::Zstd => {
            return Err(BackupError::Settings {
                message: format!("pg_dump {} writes no archive with zstd", program.version),
                remedy: "take gzip or plain: --backup-compress gzip, --backup-format plain"
                    .to_owned(),
            });
        }
    };
    Ok(match options.format {
        BackupFormat::Plain => vec!["--format=plain".to_owned()],
        BackupFormat::Custom => vec!["--format=custom".to_owned(), own.to_owned()],
        BackupFormat::Directory => {
            let jobs = format!("--jobs={}", options.threads());
            vec!["--format=directory".to_owned(), jobs, own.to_owned()]
        }
    })
}

/// A schema's name as a pattern that fits it alone (psql's documentation, "Patterns").
fn pattern(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// The program that the server needs.
pub(crate) fn program(options: &BackupOptions, major: u32) -> Result<ClientProgram, BackupError> {
    Ok(options.scratch.search.choose_client(major, Program::PgDump)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_goes_by_how_pg_dump_ended() {
        let (failed, killed) = (ExitStatus::from_raw(1 << 8), ExitStatus::from_raw(9));
        let said = |text: &str| vec![format!("pg_dump: error: {text}"), "and more".to_owned()];
        let full = said("could not write to output file: No space left on device");
        assert!(remedy(failed, &full).starts_with("make room there"));
        assert!(remedy(killed, &[]).contains("memory ran out"));
        let denied = said("query failed: ERROR:  permission denied for table orders");
        assert!(remedy(failed, &denied).contains("pg_read_all_data"));
    }
}
