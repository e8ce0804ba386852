//! A program, with all that it starts: a process group that ends when it must.
//!
//! The group is ended when the value is dropped, which is what a signal to this process comes to. A
//! small script stands by for the case that this process is killed: blocked on a pipe that only this
//! process holds, it then ends the group and removes what is half.

use std::ffi::OsStr;
use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::marked;
use crate::watch::{has_ended, until};

/// How long a program may take to end after SIGTERM.
pub(crate) const GOING: Duration = Duration::from_secs(1);

/// `$1`: the process group; `$2`: a folder to remove, or nothing; `$3`: what stands in the
/// environment of processes that left the group, or nothing.
const LEASH: &str = r#"
trap '' HUP INT TERM
while read -r line; do :; done
kill -s TERM -- "-$1" && sleep 0.2
kill -s KILL -- "-$1"
if [ -n "$3" ]; then
    for process in /proc/[0-9]*; do
        if grep -q -- "$3" "$process/environ"; then kill -s KILL "${process#/proc/}"; fi
    done
fi 2>/dev/null
if [ -n "$2" ]; then rm -rf -- "$2"; fi
"#;

/// What ends with a group, besides its processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leash<'a> {
    /// A folder that is removed when this process is killed.
    pub(crate) folder: Option<&'a Path>,
    /// A variable of the program's environment, as `NAME=value`, by which processes are found
    /// that left the group.
    pub(crate) mark: Option<&'a str>,
}

/// A program that runs, as the leader of its own process group.
#[derive(Debug)]
pub struct Group {
    pub(crate) child: Child,
    leash: Option<(Child, PipeWriter)>,
    mark: Option<String>,
    ended: Option<Instant>,
    collected: bool,
}

impl Group {
    /// Starts it. From then on dropping the value ends the group.
    ///
    /// # Errors
    /// It cannot be started, or what ends it with this process cannot.
    pub fn start(command: &mut Command, leash: Leash<'_>) -> io::Result<Self> {
        command.process_group(0);
        let mut group = Self {
            child: command.spawn()?,
            leash: None,
            mark: leash.mark.map(str::to_owned),
            ended: None,
            collected: false,
        };
        let (reader, pipe) = io::pipe()?;
        let mut standby = Command::new("/bin/sh");
        standby.args(["-c", LEASH, "stopover-leash", &group.child.id().to_string()]);
        standby.arg(leash.folder.map_or(OsStr::new(""), Path::as_os_str));
        standby.arg(leash.mark.unwrap_or_default());
        standby.current_dir("/").process_group(0).stdin(reader);
        standby.stdout(Stdio::null()).stderr(Stdio::null());
        group.leash = Some((standby.spawn()?, pipe));
        Ok(group)
    }

    /// What its leader prints, where that is a pipe; once.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// When its leader ended, where it has.
    pub fn ended(&mut self) -> Option<Instant> {
        if self.ended.is_none() && has_ended(&mut self.child) {
            self.ended = Some(Instant::now());
        }
        self.ended
    }

    /// Asks all of it to end.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    fn terminate_at_once(&self) {
        // Those that can be found first: they are waited for.
        if let Some(mark) = &self.mark {
            marked::kill(mark);
        }
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // The leader is not collected yet, so the number is still its own.
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }

    /// Ends what is left of it, and says how its leader ended.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub fn collect(&mut self) -> io::Result<ExitStatus> {
        // The leash first: it must not outlive the group whose number it knows.
        if let Some((mut leash, pipe)) = self.leash.take() {
            let killed = leash.kill().and_then(|()| leash.wait());
            drop(pipe);
            killed?;
        }
        self.terminate_at_once();
        // From here on the number may be another's.
        self.collected = true;
        self.child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.collected {
            return;
        }
        if self.ended.is_none() {
            self.terminate();
            until(GOING, || has_ended(&mut self.child));
        }
        let _ = self.collect();
    }
}
