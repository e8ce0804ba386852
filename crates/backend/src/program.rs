//! Programs of the user's that work on a scratch: a tool that migrates, a service that boots.
//!
//! The engine knows no processes. It is given a [`Program`] that somebody else can run, tells it
//! how the scratch is reached, and hears how it ended.

use std::fmt;
use std::time::Duration;

use crate::{Pending, Stop, StopSignal};

/// How a program reaches a database: variables of its environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Names and values. The values hold secrets.
    pub variables: Vec<(&'static str, String)>,
    /// Every other variable whose name begins so stays away: it could lead elsewhere.
    pub foreign: &'static [&'static str],
    /// What nobody may see of what the program says.
    pub secrets: Vec<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.variables.iter().map(|it| it.0).collect();
        f.debug_struct("Access").field("variables", &names).finish_non_exhaustive()
    }
}

/// A program of the user's.
pub trait Program: fmt::Debug + Send + Sync {
    /// As messages name it: no secrets.
    fn shown(&self) -> String;

    /// Runs it on the database that `access` leads to, until it has done what it is for. Nothing
    /// that it started runs any more then. Dropped midway, it is ended as well.
    fn run<'a>(&'a self, access: &'a Access, stop: &'a Stop) -> Pending<'a, ProgramRun>;
}

/// A program that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramRun {
    /// How it ended.
    pub ending: ProgramEnding,
    /// Its exit code, where it ended by itself.
    pub exit_code: Option<i32>,
    /// From its start to what it is for: its own end, or its first good answer.
    pub took: Duration,
    /// The last of what it wrote, secrets hidden.
    pub said: String,
    /// Whether it left processes behind, which were ended.
    pub left: Leftovers,
}

/// Whether a program left processes behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Leftovers {
    /// None.
    #[default]
    None,
    /// Some: they were ended.
    Ended,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramEnding {
    /// It did what it is for.
    Well,
    /// It did not, and what it did instead: `exit code 3`.
    Failed(String),
    /// There is no such program, as the message says.
    Absent(String),
    /// It could not be run or waited for on this machine.
    Unable(String),
    /// A signal to this process ended it.
    Stopped(StopSignal),
}
