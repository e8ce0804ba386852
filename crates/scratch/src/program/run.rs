//! A shell command of the user's that runs on a database, up to the moment when it is ended.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use stopover_backend::{Access, Leftovers};

use super::group::{GOING, Group, Leash};
use super::marked;
use super::secrets::Secrets;
use super::tail::Tail;

/// By this variable the command's processes are found, wherever they went.
const MARK: &str = "REHEARSED_BY_STOPOVER";

/// Our own variables that would lead a `stopover` of the user's elsewhere.
const OURS: [&str; 2] = ["STOPOVER_DATABASE_URL", "STOPOVER_SCRATCH_DB_URL"];

/// How long the last words of an ended command are waited for.
const WORDS: Duration = Duration::from_millis(500);

/// The longest pause between two looks at whether it has ended.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Exit codes with which a shell says that there is no such program, or that it cannot be executed
/// (POSIX, "Exit Status for Commands").
const ABSENT: [i32; 2] = [126, 127];

/// It runs.
#[derive(Debug)]
pub(super) struct Running {
    group: Group,
    tail: Tail,
    secrets: Secrets,
    mark: String,
    pub(super) began: Instant,
}

/// It has ended, and nothing of it runs any more.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) status: Option<ExitStatus>,
    pub(super) said: String,
    pub(super) left: Leftovers,
}

impl Running {
    /// Starts `text` in a shell; `more` are variables besides those of `access`.
    pub(super) fn start(text: &str, access: &Access, more: &[(&str, String)]) -> io::Result<Self> {
        let mark = format!("{MARK}={:032x}", rand::random::<u128>());
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new("sh");
        command.args(["-c", text]).stdin(Stdio::null());
        command.stdout(writer.try_clone()?).stderr(writer);
        let foreign = |name: &str| {
            access.foreign.iter().any(|it| name.starts_with(it)) || OURS.contains(&name)
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(foreign) {
                command.env_remove(name);
            }
        }
        command.envs(access.variables.iter().map(|(name, value)| (name, value)));
        command.envs(more.iter().map(|(name, value)| (name, value)));
        if let Some((name, value)) = mark.split_once('=') {
            command.env(name, value);
        }
        let group = Group::start(&mut command, Leash { folder: None, mark: Some(&mark) });
        // It holds the ends of the pipe that are the program's.
        drop(command);
        let mut secrets = Secrets::of_command(text);
        secrets.add(access.secrets.clone());
        Ok(Self { group: group?, tail: Tail::of(reader), secrets, mark, began: Instant::now() })
    }

    /// Whether its shell has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        self.group.ended().is_some()
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self) {
        let mut pause = Duration::from_millis(1);
        while !self.has_ended() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// Ends it where it still runs, and whatever it left running.
    pub(super) async fn end(mut self) -> Over {
        let by_itself = self.has_ended();
        if !by_itself {
            self.group.terminate();
            // Whether it went or has to be killed makes no difference.
            let _ = tokio::time::timeout(GOING, self.wait()).await;
        }
        let left = if by_itself && !marked::find(&self.mark).is_empty() {
            Leftovers::Ended
        } else {
            Leftovers::None
        };
        let status = self.group.collect();
        let began = Instant::now();
        while !self.tail.is_over() && began.elapsed() < WORDS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Over { status: status.ok(), said: self.tail.shown(&self.secrets), left }
    }
}

impl Over {
    /// Its exit code; `None` where a signal ended it.
    pub(super) fn exit_code(&self) -> Option<i32> {
        self.status.and_then(|it| it.code())
    }

    /// How it ended, in words.
    pub(super) fn how(&self) -> String {
        use std::os::unix::process::ExitStatusExt;

        match (self.exit_code(), self.status.and_then(|it| it.signal())) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit code".to_owned(),
        }
    }

    /// What the shell said, where it has no such program.
    pub(super) fn absent(&self) -> Option<String> {
        let code = self.exit_code().filter(|it| ABSENT.contains(it))?;
        let said = self.said.lines().last().map(str::trim).filter(|it| !it.is_empty());
        Some(said.map_or_else(|| format!("exit code {code}"), str::to_owned))
    }
}
