//! Processes that end when this one does, however it ends.
//!
//! A killed process cannot clean up behind itself, so two small shell scripts stand by, each
//! blocked on a pipe that only this process (and, for the cleaner, the guard) holds open. The
//! kernel closes the pipes on every way out, SIGKILL included:
//!
//! - a [`Guard`] is the parent of one command (initdb or the server), under the user it runs as;
//!   at the pipe's end it stops the command and whatever the command left running;
//! - a [`Cleaner`] removes folders as soon as this process *and* every guard and guarded process
//!   is gone: all of them hold its pipe. It keeps this process' own rights, so that it can remove
//!   what an unprivileged server could not.
//!
//! Both lead process groups of their own: Ctrl-C in a terminal reaches this process first, which
//! then decides what is stopped. What survives even the killing of the scripts is found by
//! [`crate::sweep`].

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
#[cfg(target_os = "linux")]
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use nix::sys::wait::{Id, waitid};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::server::user::ServerUser;

/// `$1`: signal; `$2`: the data folder; the rest: the command. Standard input: the leash;
/// standard output: the cleaner's pipe, passed on as descriptor 3; standard error: the log.
///
/// The signal is repeated, because a shell starts background commands with SIGQUIT ignored: one
/// that arrives before the server has set its handler is lost. After some ten seconds it becomes
/// SIGKILL. The last loop finds server processes whose parent was killed, by their working folder
/// (only where there is a /proc).
const GUARD: &str = r#"
trap '' HUP INT TERM
signal=$1 data=$2
shift 2
exec 3>&1 1>&2 4<&0 </dev/null
"$@" 4<&- &
child=$!
{
    while read -r line; do :; done <&4
    tries=0
    while kill -s "$signal" "$child"; do
        sleep 0.1 3>&- || sleep 1 3>&-
        tries=$((tries + 1))
        if [ "$tries" -ge 100 ]; then signal=KILL; fi
    done
} 2>/dev/null &
reader=$!
exec 4<&-
wait "$child"
status=$?
kill -s KILL "$reader"
for process in /proc/[0-9]*; do
    if [ "$process/cwd" -ef "$data" ] && read -r name <"$process/comm"; then
        case $name in *postgres*) kill -s KILL "${process#/proc/}" ;; esac
    fi
done 2>/dev/null
exit "$status"
"#;

/// Arguments: the folders. The data go first, so that a removal that is cut short leaves the
/// marker by which the sweep knows the folder.
const CLEANER: &str = r#"
trap '' HUP INT TERM
while read -r line; do :; done
for folder do rm -rf -- "$folder"/data-*; done
rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }
"#;

const SHELL: &str = "/bin/sh";

/// How long a stopped command may take to go. The server itself kills its children after five
/// seconds, the script kills the server after about ten.
const GOING: Duration = Duration::from_secs(15);

/// How long to wait for a cleaner whose work is done already.
const CLEANING: Duration = Duration::from_secs(2);

/// Variables that the guarded programs need to be found and to load their libraries and locales.
/// All others stay away: `PGDATA`, `PGPORT` and the like would change what the server does.
const PASSED_ON: [&str; 6] =
    ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LOCPATH", "LOCALE_ARCHIVE", "TMPDIR"];

/// Removes folders once everybody who holds its pipe is gone.
#[derive(Debug)]
pub(crate) struct Cleaner {
    process: Child,
    pipe: Option<PipeWriter>,
}

impl Cleaner {
    /// Stands by for folders that need not exist yet.
    pub(crate) fn start(folders: &[PathBuf]) -> io::Result<Self> {
        let (reader, pipe) = io::pipe()?;
        let mut command = Command::new(SHELL);
        command.args(["-c", CLEANER, "stopover-cleaner"]).args(folders).current_dir("/");
        command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self { process: command.spawn()?, pipe: Some(pipe) })
    }

    fn another_end(&self) -> io::Result<PipeWriter> {
        match &self.pipe {
            Some(pipe) => pipe.try_clone(),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.pipe = None;
        // Something that a migration started may still hold the pipe: then the cleaner goes on by
        // itself and is not waited for.
        let _gone = until(CLEANING, || !matches!(self.process.try_wait(), Ok(None)));
    }
}

/// Names and values of variables.
pub(crate) type Environment = &'static [(&'static str, &'static str)];

/// What a guard runs.
#[derive(Debug)]
pub(crate) struct Guarded<'a> {
    /// The program, absolute.
    pub(crate) program: PathBuf,
    /// Its arguments; every user of the machine can read them.
    pub(crate) arguments: Vec<OsString>,
    /// Variables of its environment that are ours.
    pub(crate) environment: Environment,
    /// How it is stopped.
    pub(crate) signal: StopSignal,
    /// Whom it runs as.
    pub(crate) user: &'a ServerUser,
    /// The data folder, its processes' working folder.
    pub(crate) data: &'a Path,
    /// Takes what it prints.
    pub(crate) log: File,
}

/// How a guarded command is stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StopSignal {
    /// SIGQUIT: the server's immediate shutdown, which ends its children first.
    Immediate,
    /// SIGKILL, for a program that has nothing to end in order.
    Kill,
}

impl StopSignal {
    fn name(self) -> &'static str {
        match self {
            Self::Immediate => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

/// One running command that does not outlive this process.
#[derive(Debug)]
pub(crate) struct Guard {
    process: Child,
    leash: Option<ChildStdin>,
}

impl Guard {
    /// Starts the command; the cleaner will wait for it.
    pub(crate) fn start(what: Guarded<'_>, cleaner: &Cleaner) -> io::Result<Self> {
        collect_ended();
        let mut command = Command::new(SHELL);
        command.args(["-c", GUARD, "stopover-guard", what.signal.name()]);
        command.arg(what.data).arg(what.program).args(what.arguments);
        command.current_dir("/").process_group(0).env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // Messages in English, whatever the user's language: they are read here.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        command.envs(what.environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(cleaner.another_end()?).stderr(what.log);
        what.user.run_as(&mut command);
        let mut process = command.spawn()?;
        let leash = process.stdin.take();
        Ok(Self { process, leash })
    }

    /// Whether the command ended by itself, and how.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        how_ended(&mut self.process)
    }

    /// Waits for the command to end by itself.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }

    /// Stops the command and waits until it is gone; false when it is not.
    pub(crate) fn end(&mut self) -> bool {
        self.leash = None;
        let gone = until(GOING, || has_ended(&mut self.process));
        leave(&self.process);
        gone
    }
}

/// Guards that ended and were not collected.
static LEFT: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Leaves an ended guard to whoever comes next, or to this process's own end. Collecting it would
/// add the server's memory to what the system says that this process's children took, and so to
/// what `time` shows as this program's own.
fn leave(process: &Child) {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    if !left.contains(&process.id()) {
        left.push(process.id());
    }
}

/// So many ended guards may stay uncollected: one scratch leaves a few, for its server is restarted.
const FEW: usize = 8;

/// Collects guards that were left, where there are many: a process that makes many scratches keeps
/// few of them.
fn collect_ended() {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    if left.len() <= FEW {
        return;
    }
    left.retain(|&id| {
        let Ok(id) = i32::try_from(id) else { return false };
        matches!(waitpid(Pid::from_raw(id), Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive))
    });
}

/// Whether a process has ended; on Linux without collecting it.
pub(crate) fn has_ended(process: &mut Child) -> bool {
    !matches!(how_ended(process), Ok(None))
}

/// How a process has ended, if it has; on Linux without collecting it.
#[cfg(target_os = "linux")]
fn how_ended(process: &mut Child) -> io::Result<Option<ExitStatus>> {
    let id = i32::try_from(process.id()).map_err(io::Error::other)?;
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    Ok(match waitid(Id::Pid(Pid::from_raw(id)), flags)? {
        // As wait(2) puts it: the exit code above the signal.
        WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw(code << 8)),
        WaitStatus::Signaled(_, signal, _) => Some(ExitStatus::from_raw(signal as i32)),
        _ => None,
    })
}

#[cfg(not(target_os = "linux"))]
fn how_ended(process: &mut Child) -> io::Result<Option<ExitStatus>> {
    process.try_wait()
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until `reached` says so; false when that takes longer than `bound`.
pub(crate) fn until(bound: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if reached() {
            return true;
        }
        if start.elapsed() > bound {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Runs the shell once as another user; whether it succeeded. For questions about that user's
/// rights, which only the kernel answers well (lists of rights, read-only mounts).
pub(crate) fn shell_as(user: &ServerUser, script: &str, argument: &OsStr) -> io::Result<bool> {
    let mut command = Command::new(SHELL);
    command.args(["-c", script, "stopover-check"]).arg(argument).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    user.run_as(&mut command);
    Ok(command.status()?.success())
}
