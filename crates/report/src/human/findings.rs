//! Findings, and errors that stop a command.

use std::cmp::Reverse;

use stopover_model::{Finding, Severity};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

use super::arrow;

/// All findings, the worst first; each with its subject and its remedy. Empty without findings.
#[must_use]
pub fn findings(findings: &[Finding], look: &Look) -> String {
    let mut page = Page::new(look);
    list(&mut page, findings.iter());
    page.finish()
}

/// An error that stops a command: what, and what to do (empty where there is nothing to add).
#[must_use]
pub fn error_with_hint(message: &str, hint: &str, look: &Look) -> String {
    let mut page = Page::new(look);
    page.entry(0, Ink::Bad, "error:", 0, &text::tame(message));
    if !hint.is_empty() {
        page.entry(2, Ink::Advice, arrow(look), 0, &text::tame(hint));
    }
    page.finish()
}

/// Lists findings on a page, the worst first, in their own order otherwise.
pub(super) fn list<'f>(page: &mut Page<'_>, findings: impl Iterator<Item = &'f Finding>) {
    let mut sorted: Vec<&Finding> = findings.collect();
    sorted.sort_by_key(|finding| Reverse(finding.severity));
    for finding in sorted {
        one(page, finding);
    }
}

/// Whether a finding asks for an act: an error or a warning.
pub(super) fn is_urgent(finding: &Finding) -> bool {
    finding.severity != Severity::Note
}

fn one(page: &mut Page<'_>, finding: &Finding) {
    let (ink, word) = severity(finding.severity);
    let label = format!("{word}[{}]", text::tame_line(&finding.code));
    page.entry(0, ink, &label, 0, &text::tame_line(&finding.subject));
    message_and_remedy(page, 4, told_of(finding), &finding.remedy);
}

/// The message without the place that stands right above it.
fn told_of(finding: &Finding) -> &str {
    let place = finding.message.strip_prefix(&finding.subject);
    place.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&finding.message)
}

/// What was found and, behind an arrow, what to do about it.
pub(super) fn message_and_remedy(page: &mut Page<'_>, indent: usize, message: &str, remedy: &str) {
    page.paragraph(indent, Ink::Plain, &text::tame(message));
    if !remedy.is_empty() {
        page.entry(indent, Ink::Advice, arrow(page.look), 0, &text::tame(remedy));
    }
}

/// A severity's colour and word.
pub(crate) const fn severity(severity: Severity) -> (Ink, &'static str) {
    match severity {
        Severity::Error => (Ink::Bad, "error"),
        Severity::Warning => (Ink::Doubtful, "warning"),
        Severity::Note => (Ink::Advice, "note"),
    }
}
