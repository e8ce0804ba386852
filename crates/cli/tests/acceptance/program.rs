//! Running the tool as a user does: a process with an environment of its own.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover_testkit::{BARE, template_cache};

/// Longest time for one run, on a machine that has much else to do: whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// One call of the tool, not yet made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
    arguments: Vec<String>,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// `exit 5`, or `signal 9`.
    pub(crate) end: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Call {
    /// In a folder, with next to nothing in the environment: neither the settings nor the
    /// database of the one who runs the tests may be seen.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let mut variables = vec![("HOME".to_owned(), folder.into())];
        for name in ["PATH", "TMPDIR", "STOPOVER_PG_BIN"] {
            variables.extend(std::env::var_os(name).map(|it| (name.to_owned(), it)));
        }
        // No dump of these tests is ever restored again.
        variables.push(("STOPOVER_KEEP_BASE".to_owned(), "never".into()));
        variables.extend(BARE.map(|(name, value)| (name.to_owned(), value.into())));
        let cache = template_cache();
        variables.extend(cache.map(|it| ("XDG_CACHE_HOME".to_owned(), it.into())));
        Self { folder: folder.to_owned(), variables, arguments: Vec::new() }
    }

    /// Sets a variable.
    pub(crate) fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// With all that stands around an apply by default.
    pub(crate) fn whole(mut self) -> Self {
        self.variables.retain(|(known, _)| !BARE.iter().any(|(name, _)| name == known));
        self
    }

    /// Takes a variable out of the environment.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// Appends arguments.
    pub(crate) fn arguments<S: AsRef<str>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(|it| it.as_ref().to_owned()));
        self
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Running {
        let child = Command::new(env!("CARGO_BIN_EXE_stopover"))
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running { child: child.expect("the tool can be started"), heard: String::new() }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Said {
        self.start().end()
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// What was read of its standard error already.
    heard: String,
}

impl Running {
    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the tool is still there");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id is a positive i32"))
    }

    /// Waits until it has said this on standard error.
    #[track_caller]
    pub(crate) fn hears(&mut self, words: &str) {
        let pid = self.pid();
        let Self { child, heard } = self;
        let errors = child.stderr.as_mut().expect("its standard error is a pipe");
        watched(pid, || {
            let mut bytes = [0; 4096];
            while !heard.contains(words) {
                match errors.read(&mut bytes) {
                    Ok(count @ 1..) => heard.push_str(&String::from_utf8_lossy(&bytes[..count])),
                    ended => panic!("never said {words:?}: {ended:?}: {heard}"),
                }
            }
        });
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Said {
        let pid = self.pid();
        let output = watched(pid, || self.child.wait_with_output());
        let mut said = Said::of(&output.expect("the tool's output can be read"));
        said.stderr.insert_str(0, &self.heard);
        said
    }
}

/// Waits for the tool in this way; a tool that hangs is killed.
fn watched<T>(pid: Pid, waiting: impl FnOnce() -> T) -> T {
    let (done, watched) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let began = Instant::now();
        if watched.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("the tool did not end within {:?}", began.elapsed());
        }
    });
    let waited = waiting();
    drop(done);
    watch.join().expect("the tool ends by itself");
    waited
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            end: end(output.status),
            stdout: String::from_utf8(output.stdout.clone()).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr.clone()).expect("standard error is UTF-8"),
        }
    }

    /// Both outputs.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The JSON document on standard output.
    #[track_caller]
    pub(crate) fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON document: {error}\n{}", self.all()))
    }

    /// That it ended like this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.end, format!("exit {code}"), "{}", self.all());
        self
    }
}

fn end(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}
