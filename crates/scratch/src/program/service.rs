//! The user's service, started on a migrated scratch until it says that it is well.

use std::net::TcpListener;
use std::time::Duration;

use stopover_backend::{Access, Pending, Program, ProgramEnding, ProgramRun, Stop, StopSignal};
use stopover_model::redact_urls;
use thiserror::Error;

use super::command::not_started;
use super::health::{Answer, Asker};
use super::run::Running;
use super::secrets::Secrets;

/// Stands for a free port, in the command and in the URL.
const PORT: &str = "{PORT}";

/// Between two questions.
const EVERY: Duration = Duration::from_millis(100);

/// So long after its first good answer it must still run.
const STAYS: Duration = Duration::from_millis(300);

/// A shell command that starts a service.
#[derive(Debug, Clone)]
pub struct UserService {
    text: String,
    health: String,
    timeout: Duration,
}

/// A URL that nobody can ask.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ServiceError(String);

/// How the boot came out.
enum Boot {
    Well,
    Failed(String),
    Ended,
    Stopped(StopSignal),
}

impl UserService {
    /// A service that is well when it answers a GET of `health` with 200 within `timeout`.
    ///
    /// # Errors
    /// Where `health` is no `http://` URL.
    pub fn new(
        text: impl Into<String>,
        health: impl Into<String>,
        timeout: Duration,
    ) -> Result<Self, ServiceError> {
        let service = Self { text: text.into(), health: health.into(), timeout };
        service.asker("1")?;
        Ok(service)
    }

    fn asker(&self, port: &str) -> Result<Asker, ServiceError> {
        Asker::new(&self.health.replace(PORT, port)).ok_or_else(|| {
            ServiceError(format!(
                "{}: a service that boots on this machine is asked by http://HOST:PORT/…",
                redact_urls(&self.health)
            ))
        })
    }

    async fn carry_out(&self, access: &Access, stop: &Stop) -> ProgramRun {
        let port = match self.port() {
            Ok(port) => port,
            Err(error) => return unable(format!("there is no free port: {error}")),
        };
        let asker = match self.asker(port.as_deref().unwrap_or_default()) {
            Ok(asker) => asker,
            Err(error) => return unable(error.to_string()),
        };
        if asker.ask().await == Answer::Well {
            let what = format!(
                "{} answers before the service is started: its answers would be somebody else's \
                 (let a port be chosen: {PORT} in --health and --boot)",
                redact_urls(&self.health)
            );
            return ProgramRun { ending: ProgramEnding::Failed(what), ..unable(String::new()) };
        }
        let more: Vec<(&str, String)> = port.iter().map(|it| ("PORT", it.clone())).collect();
        let text = self.text.replace(PORT, port.as_deref().unwrap_or(PORT));
        match Running::start(&text, access, &more) {
            Ok(running) => self.until_well(running, &asker, stop).await,
            Err(error) => not_started(&error),
        }
    }

    /// Waits until it is well, and ends it.
    async fn until_well(&self, mut running: Running, asker: &Asker, stop: &Stop) -> ProgramRun {
        let (boot, took) = self.boot(&mut running, asker, stop).await;
        let over = running.end().await;
        let ending = match boot {
            Boot::Well => ProgramEnding::Well,
            Boot::Failed(why) => ProgramEnding::Failed(why),
            Boot::Stopped(signal) => ProgramEnding::Stopped(signal),
            Boot::Ended => match over.absent() {
                Some(what) => ProgramEnding::Absent(what),
                None => ProgramEnding::Failed(format!("it ended with {}", over.how())),
            },
        };
        // What a signal of ours made of a service that was well is no exit code of its own.
        let exit_code = over.exit_code().filter(|_| ending != ProgramEnding::Well);
        ProgramRun { ending, exit_code, took, said: over.said, left: over.left }
    }

    /// A free port, where one is asked for.
    fn port(&self) -> std::io::Result<Option<String>> {
        if !self.health.contains(PORT) {
            return Ok(None);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        Ok(Some(listener.local_addr()?.port().to_string()))
    }

    /// Asks until it is well, and stays so; and how long that took.
    async fn boot(&self, running: &mut Running, asker: &Asker, stop: &Stop) -> (Boot, Duration) {
        let began = running.began;
        let mut answer = String::new();
        let asking = async {
            loop {
                match asker.ask().await {
                    Answer::Well => break,
                    Answer::Other(other) => answer = other,
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        let boot = tokio::select! {
            biased;
            signal = stop.wait() => Boot::Stopped(signal),
            () = running.wait() => Boot::Ended,
            () = asking => Boot::Well,
            () = tokio::time::sleep(self.timeout) => Boot::Failed(String::new()),
        };
        let took = began.elapsed();
        let boot = match boot {
            Boot::Well => tokio::select! {
                signal = stop.wait() => Boot::Stopped(signal),
                () = running.wait() => Boot::Ended,
                () = tokio::time::sleep(STAYS) => Boot::Well,
            },
            Boot::Failed(_) => Boot::Failed(format!(
                "{} did not answer 200 within {} s: {answer}",
                redact_urls(&self.health),
                self.timeout.as_secs_f64(),
            )),
            other => other,
        };
        (boot, took)
    }
}

/// Nothing was started.
fn unable(why: String) -> ProgramRun {
    let nothing = not_started(&std::io::ErrorKind::Other.into());
    ProgramRun { ending: ProgramEnding::Unable(why), ..nothing }
}

impl Program for UserService {
    fn shown(&self) -> String {
        Secrets::of_command(&self.text).hide(&redact_urls(&self.text))
    }

    fn run<'a>(&'a self, access: &'a Access, stop: &'a Stop) -> Pending<'a, ProgramRun> {
        Box::pin(self.carry_out(access, stop))
    }
}
