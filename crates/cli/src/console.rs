//! What a person or a program sees: documents on standard output, everything else on standard
//! error.

use std::io::Write;

use serde::Serialize;
use stopover_backend::BackendError;
use stopover_engine::EngineError;
use stopover_model::{DatabaseError, Finding, SourceSet, redact_urls};
use stopover_report::human::Detail;
use stopover_report::{Look, Progress, SourceText, Verbosity, condition_name, human, json};

use crate::args::{Format, Global};
use crate::exit::Exit;

/// A run that ends before there is a document.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: String,
    findings: Vec<Finding>,
}

impl Failure {
    /// Configuration or usage: exit code 5.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message, hint)
    }

    /// The tool cannot do its work: exit code 7.
    pub(crate) fn unable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Unable, message, hint)
    }

    /// A failure with an exit code of its own.
    pub(crate) fn ended(exit: Exit, message: String, hint: String) -> Self {
        Self::new(exit, message, hint)
    }

    fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: hint.into(), findings: Vec::new() }
    }

    /// What it is, in one line.
    pub(crate) fn text(&self) -> String {
        let first = || self.findings.first().map(|it| it.message.clone()).unwrap_or_default();
        if self.message.is_empty() { first() } else { redact_urls(&self.message) }
    }

    /// The same as fields of a log's line.
    pub(crate) fn fields(&self) -> serde_json::Value {
        let found = self.findings.iter().map(stopover_report::log::found);
        let found: Vec<serde_json::Value> = found.collect();
        serde_json::json!({"error": self.text(), "errors": found})
    }

    /// Findings that forbid to go on.
    pub(crate) fn refused(exit: Exit, findings: Vec<Finding>) -> Self {
        Self { exit, message: String::new(), hint: String::new(), findings }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let exit = Exit::of_engine(&error);
        let message = error.to_string();
        match error {
            EngineError::Refused(findings) => Self::refused(exit, findings),
            EngineError::Preflight(report) => Self::refused(exit, report.findings),
            EngineError::LockHeld { .. } => Self::new(
                exit,
                message,
                "wait for it to end, or wait longer with --lock-wait 10min",
            ),
            EngineError::Backend(
                BackendError::Unreachable { remedy, .. }
                | BackendError::Full { remedy, .. }
                | BackendError::Unwritable { remedy, .. }
                | BackendError::Settings { remedy, .. },
            )
            | EngineError::Scratch { remedy, .. }
            | EngineError::NoBackup { remedy, .. } => Self::new(exit, message, remedy),
            EngineError::Backend(
                BackendError::Lost(_) | BackendError::Unsettled(_) | BackendError::Overtaken(_),
            ) => Self::new(exit, message, "run the command again: it sees what is done"),
            EngineError::Backend(BackendError::Refused(error))
            | EngineError::Ledger { error, .. } => Self::new(exit, message, advice(&error)),
            EngineError::Stopped(_) => Self::new(exit, message, String::new()),
        }
    }
}

/// What to do about a refusal of the server's that belongs to no statement of a file.
fn advice(error: &DatabaseError) -> String {
    let Some(code) = error.sqlstate.as_deref() else { return String::new() };
    let shown = condition_name(code).map_or(code.to_owned(), |name| format!("{code}, {name}"));
    let what = match code {
        "42501" => "grant this role what the message names, or connect as one that has it",
        "25006" => "connect to the primary server, with a role that may write",
        _ => "the server refused",
    };
    format!("{what} (SQLSTATE {shown})")
}

/// Where output goes, and how it looks there.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    format: Format,
    detail: Detail,
    verbosity: Verbosity,
}

impl Console {
    /// From the global options.
    pub(crate) fn of(global: &Global) -> Self {
        let detail = if global.verbose > 0 { Detail::Full } else { Detail::Brief };
        let verbosity = match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        };
        Self { format: global.format, detail, verbosity }
    }

    /// Tells on standard error what happens.
    pub(crate) fn progress(&self) -> Progress {
        Progress::on_stderr(Look::of_stderr(), self.verbosity)
    }

    /// Something worth knowing beside the document, for people.
    pub(crate) fn remark(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Gives out a command's document, in the form that was asked for.
    pub(crate) fn document<T: Serialize>(
        &self,
        document: &T,
        human: impl FnOnce(Detail, &Look) -> String,
    ) {
        let text = match self.format {
            Format::Json => json::document(document),
            Format::Human => human(self.detail, &Look::of_stdout()),
        };
        self.print(&text);
    }

    /// Prints to standard output. A reader that went away (`| head`) is no error of ours.
    pub(crate) fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Says on standard error what a failure is, and on standard output in JSON where that was
    /// asked for, so that a program always reads one document.
    pub(crate) fn fail(&self, failure: &Failure) -> Exit {
        if self.format == Format::Json {
            self.print(&json::document(&ErrorDocument::of(failure)));
        }
        self.say(failure)
    }

    /// Says on standard error what a failure is, after a document that was given out already.
    pub(crate) fn say(&self, failure: &Failure) -> Exit {
        let look = Look::of_stderr();
        let mut text = String::new();
        if !failure.findings.is_empty() {
            text.push_str(&human::findings(&failure.findings, &look));
        }
        if !failure.message.is_empty() {
            text.push_str(&human::error_with_hint(&failure.message, &failure.hint, &look));
        }
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(redact_urls(&text).as_bytes());
        failure.exit
    }
}

/// What JSON readers get where a command has no document to give.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema_version: u32,
    tool_version: &'a str,
    exit_code: u8,
    error: Option<String>,
    hint: Option<&'a str>,
    findings: &'a [Finding],
}

impl<'a> ErrorDocument<'a> {
    fn of(failure: &'a Failure) -> Self {
        let given = |text: &'a str| (!text.is_empty()).then_some(text);
        Self {
            schema_version: stopover_model::report::SCHEMA_VERSION,
            tool_version: stopover_model::TOOL_VERSION,
            exit_code: failure.exit.code(),
            error: given(&failure.message).map(redact_urls),
            hint: given(&failure.hint),
            findings: &failure.findings,
        }
    }
}

/// The texts of a source's files, for showing an error in its place.
pub(crate) struct Scripts<'a>(pub(crate) &'a SourceSet);

impl SourceText for Scripts<'_> {
    fn text(&self, file: &str) -> Option<&str> {
        let migrations = self.0.migrations.iter();
        let scripts = migrations.flat_map(|it| std::iter::once(&it.up).chain(&it.down));
        scripts.into_iter().find(|it| it.path == file).map(|it| it.text.as_str())
    }
}
