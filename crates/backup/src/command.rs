//! The user's own way to make a backup: pgBackRest, a snapshot in the cloud.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use stopover_backend::{Backed, Stop};
use stopover_model::report::{BackupKind, BackupMade};
use stopover_model::{Event, EventSink};
use tokio::process::Command;

use crate::error::BackupError;
use crate::options::{BackupOptions, Proof};
use crate::postgres::finished;
use crate::process::{self, how, last_words};

/// Runs it in a shell, with the target in its environment; its last lines are kept.
pub(crate) async fn run(
    command: &str,
    environment: Vec<(&'static str, OsString)>,
    options: &BackupOptions,
    stop: &Stop,
    sink: &mut dyn EventSink,
) -> Result<Backed, BackupError> {
    if options.proof == Proof::AtOnce {
        return Err(BackupError::Settings {
            message: "a backup that a command of yours makes cannot be proven here".to_owned(),
            remedy: "leave out --prove-backup, or --backup-command".to_owned(),
        });
    }
    const NAME: &str = "the backup command";
    let failed = |source| BackupError::Run { program: NAME.to_owned(), source };
    let began = Instant::now();
    sink.emit(Event::BackupStarted("the database with your command".to_owned()));
    let mut shell = Command::new("/bin/sh");
    // Both outputs are one, so that what is said last is last.
    shell.arg("-c").arg(format!("exec 2>&1\n{command}")).envs(environment);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = shell.spawn().map_err(failed)?;
    let group = child.id().and_then(|it| i32::try_from(it).ok()).map(Pid::from_raw);
    let output = child.stdout.take();
    let work = async {
        let said = match output {
            Some(output) => last_words(output).await,
            None => Vec::new(),
        };
        Ok((said, child.wait().await.map_err(failed)?))
    };
    let ended = tokio::select! {
        ended = work => ended,
        signal = stop.wait() => Err(BackupError::Stopped(signal)),
    };
    let (said, status) = match ended {
        Ok(ended) => ended,
        Err(error) => {
            if let Some(group) = group {
                // Its leader is not collected yet, so the number is still its own.
                let _ = killpg(group, Signal::SIGTERM);
            }
            process::end(&mut child).await;
            return Err(error);
        }
    };
    if !status.success() {
        return Err(BackupError::Failed {
            program: NAME.to_owned(),
            how: how(status),
            said,
            remedy: "see what it says; nothing was applied",
        });
    }
    let made = BackupMade {
        exit_status: status.code(),
        output: said,
        duration_ms: began.elapsed().as_secs_f64() * 1e3,
        ..BackupMade::of(BackupKind::Command)
    };
    sink.emit(finished(&made));
    Ok(Backed { made: Some(made), findings: Vec::new() })
}
