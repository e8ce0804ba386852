//! The user's own way to make a backup: pgBackRest, a snapshot in the cloud.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stopover_backend::{Backed, Stop};
use stopover_model::report::{BackupKind, BackupMade};
use stopover_model::{Event, EventSink, Finding};
use stopover_scratch::program::{Group, Leash};
use tokio::process::ChildStdout;
use tokio::time::{sleep, timeout};

use crate::error::BackupError;
use crate::finish::finished;
use crate::options::{BackupOptions, Proof};
use crate::process::{GOING, how, last_words};
use crate::shell::Shell;

const NAME: &str = "the backup command";

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Runs it in a shell, with the target in its environment; its last lines are kept. It ends with
/// this process, however that ends.
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
    let failed = |source| BackupError::Run { program: NAME.to_owned(), source };
    let shell = Shell::for_command(command)?;
    let began = Instant::now();
    sink.emit(Event::BackupStarted("the database with your command".to_owned()));
    let mut program = Command::new(shell.program);
    // Both outputs are one, so that what is said last is last.
    program.arg("-c").arg(format!("{}exec 2>&1\n{command}", shell.preface)).envs(environment);
    program.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = Group::start(&mut program, Leash::default()).map_err(failed)?;
    let output = group.output().map(ChildStdout::from_std).transpose().map_err(failed)?;
    let ended = tokio::select! {
        said = ended(&mut group, output) => Ok(said),
        signal = stop.wait() => Err(BackupError::Stopped(signal)),
    };
    let said = match ended {
        Ok(said) => said,
        Err(error) => {
            group.terminate();
            // What does not go is killed when the group is dropped.
            let _ = timeout(GOING, gone(&mut group)).await;
            return Err(error);
        }
    };
    let status = group.collect().map_err(failed)?;
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
    Ok(Backed { made: Some(made), findings: vec![unseen()] })
}

/// Its last lines, when it has ended.
async fn ended(group: &mut Group, output: Option<ChildStdout>) -> Vec<String> {
    let said = match output {
        Some(output) => last_words(output).await,
        None => Vec::new(),
    };
    gone(group).await;
    said
}

async fn gone(group: &mut Group) {
    while group.ended().is_none() {
        sleep(LOOK).await;
    }
}

/// A command that ended well is all that is known.
fn unseen() -> Finding {
    Finding::note(
        "backup-command",
        "the backup",
        "that there is a backup is what your command's exit status says: no file was written or \
         looked at here",
        "restore what it made where that can be tried: `stopover rehearse --backup FILE`",
    )
}
