//! A program that fetches: what it is given, and what comes out of it. The group that it runs in is
//! the room [`crate::program`].

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::Cause;
use super::partial::Partial;
use super::recipe::{Headline, MARK, Outlet, Recipe};
use crate::program::{Group, Leash};

/// How long its last words are waited for: what it left running may hold standard error open.
const WORDS: Duration = Duration::from_millis(500);

/// How much of standard error is kept.
const LINES: usize = 10;
const LINE: usize = 400;

/// A program that runs.
#[derive(Debug)]
pub(super) struct Running {
    group: Group,
    output: Option<JoinHandle<io::Result<()>>>,
    errors: Option<JoinHandle<()>>,
    words: Arc<Mutex<Words>>,
}

/// What it wrote to standard error.
#[derive(Debug, Default)]
struct Words {
    last: VecDeque<String>,
    marked: Option<String>,
}

impl Running {
    /// Starts it, in a process group of its own.
    pub(super) fn start(recipe: &Recipe, partial: &Partial) -> Result<Self, Cause> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => {
                Cause::NoProgram(format!("the program `{}` is not there", recipe.program))
            }
            _ => Cause::Run { program: recipe.program.clone(), source },
        };
        let mut command = Command::new(&recipe.program);
        command.args(&recipe.arguments).envs(recipe.environment.iter().cloned());
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let drains = recipe.outlet != Outlet::Path;
        command.stdout(if drains { Stdio::piped() } else { Stdio::null() });
        let leash = Leash { folder: Some(partial.path()), mark: None };
        let mut running = Self {
            group: Group::start(&mut command, leash).map_err(failed)?,
            output: None,
            errors: None,
            words: Arc::default(),
        };
        running.attach(recipe, partial).map_err(failed)?;
        Ok(running)
    }

    fn attach(&mut self, recipe: &Recipe, partial: &Partial) -> io::Result<()> {
        if let Some(mut input) = self.group.child.stdin.take() {
            // Short enough for any pipe; a program that does not read it says why itself.
            let _ = input.write_all(recipe.input.as_bytes());
        }
        if let Some(mut from) = self.group.child.stdout.take() {
            let mut options = OpenOptions::new();
            let mut to = options.write(true).create_new(true).mode(0o600).open(partial.output())?;
            self.output = Some(thread::spawn(move || io::copy(&mut from, &mut to).map(drop)));
        }
        if let Some(from) = self.group.child.stderr.take() {
            let words = Arc::clone(&self.words);
            self.errors = Some(thread::spawn(move || listen(from, &words)));
        }
        Ok(())
    }

    /// Whether it has ended and all of its output is here.
    pub(super) fn is_done(&mut self) -> Result<bool, Cause> {
        if self.output.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(output) = self.output.take()
        {
            output
                .join()
                .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
                .map_err(Cause::Write)?;
        }
        let Some(ended) = self.group.ended() else { return Ok(false) };
        let heard = self.errors.as_ref().is_none_or(JoinHandle::is_finished);
        Ok(self.output.is_none() && (heard || ended.elapsed() > WORDS))
    }

    /// The last lines of standard error.
    pub(super) fn said(&self) -> Vec<String> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.last.iter().cloned().collect()
    }

    /// What stands behind the mark, where it was said.
    pub(super) fn marked(&self) -> Option<String> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).marked.clone()
    }

    /// Collects it once it is done, with whatever it left running.
    pub(super) fn finish(mut self, recipe: &Recipe) -> Result<(), Cause> {
        let said = self.said();
        let program = recipe.program.clone();
        let failed = |source| Cause::Run { program: program.clone(), source };
        let status = self.group.collect().map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit code".to_owned(),
        };
        let headline = match recipe.headline {
            Headline::First => said.first(),
            Headline::Last => said.last(),
        };
        let why = headline.map(|it| format!(": {}", it.trim())).unwrap_or_default();
        Err(Cause::Failed { program, how, why, said })
    }
}

/// Keeps the last lines of what is written; a progress bar's carriage return ends a line too.
fn listen(mut from: impl Read, words: &Mutex<Words>) {
    let mut line = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for &byte in &chunk[..read] {
            match byte {
                b'\n' | b'\r' => keep(&mut line, words),
                _ if line.len() < LINE => line.push(byte),
                _ => {}
            }
        }
    }
    keep(&mut line, words);
}

fn keep(line: &mut Vec<u8>, words: &Mutex<Words>) {
    let text = String::from_utf8_lossy(line).replace(char::is_control, " ");
    line.clear();
    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(marked) = text.strip_prefix(MARK) {
        words.marked = Some(marked.to_owned());
    } else if !text.trim().is_empty() {
        if words.last.len() == LINES {
            words.last.pop_front();
        }
        words.last.push_back(text);
    }
}
