//! What a judgement says: one form for every command.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Note,
    /// Worth acting on; does not stop the work.
    Warning,
    /// Stops the work: makes a verdict red.
    Error,
}

/// One thing found: what, how bad, about what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// A stable kebab-case code, such as `orphan` or `collision`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a file, a version, a table.
    pub subject: String,
    /// What was found, in one sentence.
    pub message: String,
    /// What to do about it, or which decision would lift it; empty for a plain note.
    pub remedy: String,
}

impl Finding {
    /// A finding of severity error.
    pub fn error(
        code: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, subject, message, remedy)
    }

    /// A finding of severity warning.
    pub fn warning(
        code: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, subject, message, remedy)
    }

    /// A finding of severity note.
    pub fn note(
        code: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Note, code, subject, message, remedy)
    }

    /// A finding of any severity.
    pub fn new(
        severity: Severity,
        code: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            subject: subject.into(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Whether this finding makes a verdict red.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
