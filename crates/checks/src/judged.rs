//! What comes of one check, and how its findings are worded.

use stopover_model::harness::{Fact, Party, Unread};
use stopover_model::report::{CheckEntry, CheckOutcome};
use stopover_model::{Finding, Severity, redact_urls};

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    outcome: CheckOutcome,
    findings: Vec<Finding>,
}

impl Judged {
    /// It was made.
    pub(crate) fn made(findings: Vec<Finding>) -> Self {
        let urgent = findings.iter().any(|it| it.severity != Severity::Note);
        let outcome = if urgent { CheckOutcome::Found } else { CheckOutcome::Clean };
        Self { outcome, findings }
    }

    /// It was made, but for what `missing` says: errors each.
    pub(crate) fn partly(mut findings: Vec<Finding>, missing: Vec<Finding>) -> Self {
        if missing.is_empty() {
            return Self::made(findings);
        }
        findings.extend(missing);
        Self { outcome: CheckOutcome::CouldNotRun, findings }
    }

    /// It could not be made.
    pub(crate) fn not_run(finding: Finding) -> Self {
        Self { outcome: CheckOutcome::CouldNotRun, findings: vec![finding] }
    }

    /// It could not be made, and another check's error says why.
    pub(crate) const fn blind() -> Self {
        Self { outcome: CheckOutcome::CouldNotRun, findings: Vec::new() }
    }

    /// There is nothing to look at.
    pub(crate) const fn not_applicable(findings: Vec<Finding>) -> Self {
        Self { outcome: CheckOutcome::NotApplicable, findings }
    }

    /// Judges a fact; one that could not be read is an error of this check.
    pub(crate) fn of<T>(
        code: &str,
        subject: &str,
        fact: &Fact<T>,
        check: impl FnOnce(&T) -> Vec<Finding>,
    ) -> Self {
        match fact {
            Fact::Read(value) => Self::made(check(value)),
            Fact::Unread(unread) => Self::not_run(not_run(code, subject, unread)),
            Fact::NotHere => Self::not_applicable(Vec::new()),
        }
    }

    /// Puts both into a report's lists.
    pub(crate) fn into_lists(
        self,
        code: &str,
        checks: &mut Vec<CheckEntry>,
        findings: &mut Vec<Finding>,
    ) {
        checks.push(CheckEntry { code: code.to_owned(), outcome: self.outcome });
        findings.extend(self.findings);
    }
}

/// The error of a check that could not run.
pub(crate) fn not_run(code: &str, subject: &str, unread: &Unread) -> Finding {
    let state = unread.sqlstate.as_deref();
    let state = state.map_or_else(String::new, |it| format!(" (SQLSTATE {it})"));
    let message = format!("the check could not run: {}{state}", unread.why);
    Finding::error(code, subject, message, unread.remedy.clone())
}

/// An error where `is_error`, else a warning: who does not stand in the plan's way is told of.
pub(crate) const fn error_if(is_error: bool) -> Severity {
    if is_error { Severity::Error } else { Severity::Warning }
}

/// Longest part of a query that is shown.
const QUERY: usize = 120;

/// A session, for people: `pid 42 (app, "web", idle in transaction, open for 31.0 s)`.
pub(crate) fn shown(who: &Party) -> String {
    if who.pid == 0 {
        return "a prepared transaction".to_owned();
    }
    let application = who.application.as_deref().filter(|it| !it.is_empty());
    let parts = [
        who.user.clone(),
        application.map(|it| format!("\"{it}\"")),
        who.state.clone(),
        who.age_ms.map(|it| format!("open for {}", shown_ms(it))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return format!("pid {}", who.pid);
    }
    format!("pid {} ({})", who.pid, parts.join(", "))
}

/// What a session runs: one line, clipped, passwords hidden; empty where it may not be seen.
pub(crate) fn query(who: &Party) -> String {
    let Some(query) = who.query.as_deref().filter(|it| !it.trim().is_empty()) else {
        return String::new();
    };
    let line = redact_urls(query).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= QUERY {
        return format!(": {line}");
    }
    let clipped: String = line.chars().take(QUERY - 1).collect();
    format!(": {clipped}…")
}

/// A list with its end told by number: `a, b, c and 4 more`.
pub(crate) fn some(names: &[String], most: usize) -> String {
    if names.len() <= most {
        return stopover_model::detail_list(names);
    }
    format!("{} and {} more", names[..most].join(", "), names.len() - most)
}

/// A time, for people.
pub(crate) fn shown_ms(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..=119 => format!("{:.1} s", ms as f64 / 1e3),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A duration of the settings, for people.
pub(crate) fn shown_duration(it: std::time::Duration) -> String {
    shown_ms(u64::try_from(it.as_millis()).unwrap_or(u64::MAX))
}
