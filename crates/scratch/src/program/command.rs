//! The user's own tool, which migrates a scratch instead of the engine.

use std::io;

use stopover_backend::{Access, Leftovers, Pending, Program, ProgramEnding, ProgramRun, Stop};

use super::run::Running;
use super::secrets::Secrets;

/// A shell command that migrates the database that its environment names, and ends.
#[derive(Debug, Clone)]
pub struct UserCommand {
    text: String,
}

impl UserCommand {
    /// A command as it is written for a shell.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    async fn carry_out(&self, access: &Access, stop: &Stop) -> ProgramRun {
        let mut running = match Running::start(&self.text, access, &[]) {
            Ok(running) => running,
            Err(error) => return not_started(&error),
        };
        let stopped = tokio::select! {
            () = running.wait() => None,
            signal = stop.wait() => Some(signal),
        };
        let took = running.began.elapsed();
        let over = running.end().await;
        let ending = match (stopped, over.absent(), over.exit_code()) {
            (Some(signal), _, _) => ProgramEnding::Stopped(signal),
            (None, Some(what), _) => ProgramEnding::Absent(what),
            (None, None, Some(0)) => ProgramEnding::Well,
            _ => ProgramEnding::Failed(over.how()),
        };
        ProgramRun { ending, exit_code: over.exit_code(), took, said: over.said, left: over.left }
    }
}

impl Program for UserCommand {
    fn shown(&self) -> String {
        Secrets::of_command(&self.text).hide(&stopover_model::redact_urls(&self.text))
    }

    fn run<'a>(&'a self, access: &'a Access, stop: &'a Stop) -> Pending<'a, ProgramRun> {
        Box::pin(self.carry_out(access, stop))
    }
}

/// There is no shell, or no room for it.
pub(super) fn not_started(error: &io::Error) -> ProgramRun {
    let ending = match error.kind() {
        io::ErrorKind::NotFound => ProgramEnding::Absent(format!("sh: {error}")),
        _ => ProgramEnding::Unable(format!("sh cannot be run: {error}")),
    };
    ProgramRun {
        ending,
        exit_code: None,
        took: std::time::Duration::ZERO,
        said: String::new(),
        left: Leftovers::None,
    }
}
