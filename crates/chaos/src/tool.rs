//! The tool, run as its users run it: a process of its own.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover_testkit::BARE;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Complaint;
use crate::source::Ledger;

/// Longest time for one run: whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(150);

/// Where the tool is, and what it works on.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) program: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) ledger: Ledger,
    /// As `--layout` has it.
    pub(crate) layout: &'static str,
}

/// A run that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    pid: Option<Pid>,
    /// How it ended, once it has; its task kills it when it is given up.
    ended: watch::Receiver<Option<ExitStatus>>,
    waiting: JoinHandle<()>,
    began: Instant,
    what: String,
    /// How many lines it has printed.
    lines: watch::Receiver<usize>,
    output: JoinHandle<String>,
    errors: JoinHandle<String>,
}

/// How a run ended, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) what: String,
    pub(crate) end: End,
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) took: Duration,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Exit(i32),
    Killed,
}

impl Tool {
    /// Starts a command.
    pub(crate) fn start(&self, url: &str, arguments: &[&str]) -> Result<Running, Complaint> {
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir(&self.folder).kill_on_drop(true);
        command.env("HOME", &self.folder).env("DATABASE_URL", url).envs(BARE);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.args(arguments).args(["--ledger", self.ledger.name(), "--layout", self.layout]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let cannot = |why: &str| Complaint::new(format!("the tool cannot be started: {why}"));
        let mut child = command.spawn().map_err(|error| cannot(&error.to_string()))?;
        let mut stdout = child.stdout.take().ok_or_else(|| cannot("no output"))?;
        let stderr = child.stderr.take().ok_or_else(|| cannot("no output"))?;
        let output = tokio::spawn(async move {
            let mut text = Vec::new();
            let _ = stdout.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).into_owned()
        });
        let (counter, lines) = watch::channel(0);
        let errors = tokio::spawn(listen(stderr, counter));
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let (end, ended) = watch::channel(None);
        let waiting = tokio::spawn(async move {
            if let Ok(status) = child.wait().await {
                end.send_replace(Some(status));
            }
        });
        let what = arguments.join(" ");
        Ok(Running { pid, ended, waiting, began, what, lines, output, errors })
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, url: &str, arguments: &[&str]) -> Result<Said, Complaint> {
        self.start(url, arguments)?.end().await
    }
}

async fn listen(stderr: ChildStderr, counter: watch::Sender<usize>) -> String {
    let mut lines = BufReader::new(stderr).lines();
    let mut text = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        text.push_str(&line);
        text.push('\n');
        counter.send_modify(|number| *number += 1);
    }
    text
}

impl Running {
    /// Sends it a signal; whether it was still there.
    pub(crate) fn signal(&self, signal: Signal) -> bool {
        let there = self.ended.borrow().is_none();
        there && self.pid.is_some_and(|pid| kill(pid, signal).is_ok())
    }

    /// Returns when it has printed so many lines; never when it prints fewer.
    pub(crate) async fn line(&self, number: usize) {
        let mut lines = self.lines.clone();
        if lines.wait_for(|&there| there >= number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when it has ended.
    pub(crate) async fn over(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        ended.wait_for(Option::is_some).await.ok().and_then(|it| *it)
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Result<Said, Complaint> {
        let status = timeout(PATIENCE, self.over()).await;
        if status.is_err() {
            self.signal(Signal::SIGKILL);
        }
        let (output, errors) = ((&mut self.output).await, (&mut self.errors).await);
        let said = Said {
            what: self.what.clone(),
            end: match status {
                Ok(Some(status)) => status.code().map_or(End::Killed, End::Exit),
                _ => End::Killed,
            },
            output: output.unwrap_or_default(),
            errors: errors.unwrap_or_default(),
            took: self.began.elapsed(),
        };
        match status {
            Ok(Some(_)) => Ok(said),
            Ok(None) => Err(Complaint::new(format!("{} was lost", said.what))),
            Err(_) => {
                let text = format!("{} did not end within {PATIENCE:?}\n{said}", said.what);
                Err(Complaint::new(text))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ {} ({:?}, {:.1?})", self.what, self.end, self.took)?;
        write!(f, "{}{}", self.errors, self.output)
    }
}

/// The same database through a port of this machine.
pub(crate) fn through(url: &str, port: u16) -> Option<String> {
    let (role, rest) = url.rsplit_once('@')?;
    let (_, database) = rest.split_once('/')?;
    Some(format!("{role}@127.0.0.1:{port}/{database}?sslmode=disable"))
}

/// A folder for a source and a run.
pub(crate) fn migrations(folder: &Path) -> PathBuf {
    folder.join("migrations")
}
