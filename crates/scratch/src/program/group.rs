//! A program, with all that it starts: a process group that ends when it must.
//!
//! The group is ended when the value is dropped, which is what a signal to this process comes to. A
//! small script stands by for the case that this process is killed: blocked on a pipe that only this
//! process holds, it then ends the group and removes what is half.

use std::ffi::OsStr;
use std::io::{self, PipeWriter, Write};
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

/// `$1`: a folder to remove, or nothing; `$2`: what stands in the environment of processes that left
/// the group, or nothing; `$3`: what stands in that of the leader. Standard input: the number of the
/// group, and its end.
///
/// It stands by before there is a group: this process may be killed at any moment. Where that is
/// just between the start of the leader and the telling of its number, the leader is found by its
/// environment: until that is there, its process holds the pipe open.
const LEASH: &str = r#"
trap '' HUP INT TERM
group='' mark=$2
while read -r line; do group=$line; done
if [ -n "$group" ]; then
    kill -s TERM -- "-$group" && sleep 0.2
    kill -s KILL -- "-$group"
else
    mark=$3
fi
if [ -n "$mark" ]; then
    for process in /proc/[0-9]*; do
        if grep -q -- "$mark" "$process/environ"; then kill -s KILL "${process#/proc/}"; fi
    done
fi 2>/dev/null
if [ -n "$1" ]; then rm -rf -- "$1"; fi
"#;

/// The variable by which a leader is found whose number nobody was told.
const LEADER: &str = "LEADER_STARTED_BY_STOPOVER";

/// What ends with a group, besides its processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leash<'a> {
    /// A folder that is removed when this process is killed.
    pub(crate) folder: Option<&'a Path>,
    /// A variable of the program's environment, as `NAME=value`, by which processes are found
    /// that left the group.
    pub(crate) mark: Option<&'a str>,
}

impl Leash<'_> {
    /// Starts the script that acts when this process is killed.
    fn stand_by(&self, leader: &str) -> io::Result<(Child, PipeWriter)> {
        let (reader, pipe) = io::pipe()?;
        let mut standby = Command::new("/bin/sh");
        standby.args(["-c", LEASH, "stopover-leash"]);
        standby.arg(self.folder.map_or(OsStr::new(""), Path::as_os_str));
        standby.args([self.mark.unwrap_or_default(), leader]);
        standby.current_dir("/").process_group(0).stdin(reader);
        standby.stdout(Stdio::null()).stderr(Stdio::null());
        Ok((standby.spawn()?, pipe))
    }
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
        let leader = format!("{:016x}", rand::random::<u64>());
        command.process_group(0).env(LEADER, &leader);
        let (mut standby, mut pipe) = leash.stand_by(&format!("{LEADER}={leader}"))?;
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                standby.kill().and_then(|()| standby.wait())?;
                return Err(error);
            }
        };
        let told = writeln!(pipe, "{}", child.id());
        let group = Self {
            child,
            leash: Some((standby, pipe)),
            mark: leash.mark.map(str::to_owned),
            ended: None,
            collected: false,
        };
        told.map(|()| group)
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// The bug: a program was started before anything stood by for it, and ran on for ever where this
    /// process was killed in between.
    #[test]
    fn a_leader_whose_number_was_not_told_ends_as_well() {
        let mark = format!("{LEADER}={:016x}", rand::random::<u64>());
        let (name, value) = mark.split_once('=').unwrap();
        let mut leader = Command::new("sleep").arg("600").env(name, value).spawn().unwrap();
        let mut other = Command::new("sleep").arg("600").spawn().unwrap();
        let (mut standby, pipe) = Leash::default().stand_by(&mark).unwrap();
        // As the kernel does it at the end of a killed process.
        drop(pipe);
        standby.wait().unwrap();
        assert!(!leader.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "it has not been asked for");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
