//! `ci`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, TOOL_VERSION};

use super::{CheckEntry, CheckOutcome, RehearsalReport, SCHEMA_VERSION, Verdict};

/// The document of `ci`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CiReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When it began.
    pub timestamp: jiff::Timestamp,
    /// Green where every check passed, and the rehearsal too, where there was one.
    pub verdict: Verdict,
    /// What to read first.
    pub detail: String,
    /// Every check, and what became of it.
    pub checks: Vec<CheckEntry>,
    /// All migrations up, down and up again on an empty database.
    pub build: RehearsalReport,
    /// The rehearsal on a backup; null where none was asked for.
    pub rehearsal: Option<RehearsalReport>,
    /// How long it took.
    pub duration_ms: f64,
    /// Everything that was found, in both.
    pub findings: Vec<Finding>,
}

impl CiReport {
    /// A report of what was built.
    #[must_use]
    pub fn of(build: RehearsalReport, rehearsal: Option<RehearsalReport>) -> Self {
        let both = || std::iter::once(&build).chain(&rehearsal);
        let red = both().find(|it| it.verdict == Verdict::Red);
        let detail = red.unwrap_or(&build).detail.clone();
        let verdict = if red.is_some() { Verdict::Red } else { Verdict::Green };
        let findings = both().flat_map(|it| it.findings.iter().cloned()).collect();
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            timestamp: build.timestamp,
            verdict,
            detail,
            checks: Vec::new(),
            build,
            rehearsal,
            duration_ms: 0.0,
            findings,
        }
    }

    /// The same, with what the linter found.
    #[must_use]
    pub fn with_lint(mut self, found: Vec<Finding>) -> Self {
        let outcome = if found.is_empty() { CheckOutcome::Clean } else { CheckOutcome::Found };
        self.checks.push(CheckEntry { code: "lint".to_owned(), outcome });
        if let Some(error) = found.iter().find(|it| it.is_error())
            && self.verdict == Verdict::Green
        {
            self.verdict = Verdict::Red;
            self.detail = format!("{}: {}", error.subject, error.message);
        }
        self.findings.extend(found);
        self
    }

    /// As one report of a rehearsal, for the forms that others read: the migrations of the empty
    /// database, and everything that was found.
    #[must_use]
    pub fn as_rehearsal(&self) -> RehearsalReport {
        RehearsalReport {
            verdict: self.verdict,
            detail: self.detail.clone(),
            findings: self.findings.clone(),
            ..self.build.clone()
        }
    }
}
