//! `logs/migrations.jsonl`: appended to while an apply, a rollback or a repair works.
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
    file: Result<File, String>,
    command: &'static str,
}

impl<S: EventSink> Log<S> {
    /// Opens the log in `folder`, and writes that the command begins. `fields` says on what.
    pub(crate) fn begin(folder: &Path, command: &'static str, fields: Value, progress: S) -> Self {
        let path = folder.join(NAME);
        let open = || {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            OpenOptions::new().append(true).create(true).mode(0o600).open(&path)
        };
        let file = open().map_err(|error: std::io::Error| error.to_string());
        let mut log = Self { progress, path, file, command };
        let mut told = json!({"command": command, "tool_version": TOOL_VERSION, "by": whoever()});
        merge(&mut told, fields);
        log.write(&line(
            Timestamp::now(),
            Level::Info,
            "begun",
            &format!("{command} begins"),
            told,
        ));
        log
    }

    /// Writes how it ended. What kept the log from being written is a finding.
    pub(crate) fn end(mut self, exit: Exit, fields: Value) -> Option<Finding> {
        let level = if exit == Exit::Success { Level::Info } else { Level::Error };
        let mut told = json!({"command": self.command, "exit_code": exit.code()});
        merge(&mut told, fields);
        let message = format!("{} ends with exit code {}", self.command, exit.code());
        self.write(&line(Timestamp::now(), level, "ended", &message, told));
        let reason = self.file.err()?;
        Some(Finding::warning(
            "log",
            self.path.display().to_string(),
            format!("the log cannot be written: {reason}"),
            "set log_dir to a folder that may be written",
        ))
    }

    /// One write for each line: several runs may append at the same time.
    fn write(&mut self, line: &str) {
        if let Ok(file) = &mut self.file
            && let Err(error) = file.write_all(format!("{line}\n").as_bytes())
        {
            self.file = Err(error.to_string());
        }
    }
}

impl<S: EventSink> EventSink for Log<S> {
    fn emit(&mut self, event: Event) {
        if let Some(line) = event_line(Timestamp::now(), &event) {
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
