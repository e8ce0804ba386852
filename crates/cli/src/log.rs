//! `logs/migrations.jsonl`: appended to while an apply, a rollback or a repair works.
//!
//! A run that finds nothing to do leaves no line: services and jobs run it every minute.
//!
//! A log that cannot be written is a warning and no reason to stop: what has happened stands in the
//! ledger and its journal, and a deploy that has begun must come to its end.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use stopover_model::{Event, EventSink, Finding, TOOL_VERSION};
use stopover_report::log::{Level, event_line, line};

use crate::exit::Exit;

const NAME: &str = "migrations.jsonl";

/// The log of one run, beside whoever shows its progress.
pub(crate) struct Log<S> {
    progress: S,
    path: PathBuf,
    file: Opened,
    command: &'static str,
}

/// The file, which is opened when there is something to write.
enum Opened {
    /// Not yet: what the first line is to say, and when the run began.
    NotYet(Timestamp, Value),
    Open(File),
    /// Why it cannot be written.
    Failed(String),
}

impl<S: EventSink> Log<S> {
    /// A log in `folder`. Its first line says that the command began; `fields` says on what.
    pub(crate) fn begin(folder: &Path, command: &'static str, fields: Value, progress: S) -> Self {
        let file = Opened::NotYet(Timestamp::now(), fields);
        Self { progress, path: folder.join(NAME), file, command }
    }

    /// Opens the file, and writes that the command began.
    fn open(&mut self, began: Timestamp, fields: Value) {
        let open = || {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
        };
        self.file = match open() {
            Ok(file) => Opened::Open(file),
            Err(error) => Opened::Failed(error.to_string()),
        };
        let command = self.command;
        let mut told = json!({"command": command, "tool_version": TOOL_VERSION, "by": whoever()});
        merge(&mut told, fields);
        self.write(&line(began, Level::Info, "begun", &format!("{command} begins"), told));
    }

    /// Whether nothing was written yet.
    pub(crate) const fn is_silent(&self) -> bool {
        matches!(self.file, Opened::NotYet(..))
    }

    /// Writes how it ended. What kept the log from being written is a finding.
    pub(crate) fn end(mut self, exit: Exit, fields: Value) -> Option<Finding> {
        let level = if exit == Exit::Success { Level::Info } else { Level::Error };
        let mut told = json!({"command": self.command, "exit_code": exit.code()});
        merge(&mut told, fields);
        let message = format!("{} ends with exit code {}", self.command, exit.code());
        self.write(&line(Timestamp::now(), level, "ended", &message, told));
        let Opened::Failed(reason) = self.file else { return None };
        Some(Finding::warning(
            "log",
            self.path.display().to_string(),
            format!("the log cannot be written: {reason}"),
            "set log_dir to a folder that may be written",
        ))
    }

    /// One write for each line: several runs may append at the same time.
    fn write(&mut self, line: &str) {
        if let Opened::NotYet(began, fields) = &mut self.file {
            let (began, fields) = (*began, std::mem::take(fields));
            self.open(began, fields);
        }
        if let Opened::Open(file) = &mut self.file
            && let Err(error) = file.write_all(format!("{line}\n").as_bytes())
        {
            self.file = Opened::Failed(error.to_string());
        }
    }
}

impl<S: EventSink> EventSink for Log<S> {
    fn emit(&mut self, event: Event) {
        let nothing = matches!(event, Event::PlanReady { migrations: 0, .. });
        if !(nothing && self.is_silent())
            && let Some(line) = event_line(Timestamp::now(), &event)
        {
            self.write(&line);
        }
        self.progress.emit(event);
    }
}

fn merge(into: &mut Value, fields: Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}

/// Who runs this: the user and the machine.
pub(crate) fn whoever() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
    let user = user.map_or_else(|| nix::unistd::geteuid().to_string(), |it| it.name);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let machine = machine.ok().or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    match machine.trim() {
        "" => user,
        machine => format!("{user}@{machine}"),
    }
}
