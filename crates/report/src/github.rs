//! Annotations of a pull request's files: workflow commands of GitHub Actions.
//!
//! Source of the form: GitHub's documentation, "Workflow commands for GitHub Actions", and the
//! escaping of its toolkit (`core/src/command.ts`).

use std::fmt::Write as _;

use stopover_model::report::RehearsalReport;
use stopover_model::{Finding, Severity};

use crate::places::{Place, Problem, SourceRoot, problems, unexplained};
use crate::text;

/// A message is cut here: GitHub shows 64 KiB of an annotation, and nobody reads more than this.
const LONGEST_MESSAGE: usize = 4_096;

/// One line for each finding, the worst first.
#[must_use]
pub fn annotations(report: &RehearsalReport, root: &SourceRoot) -> String {
    let mut out = String::new();
    if let Some(finding) = unexplained(report) {
        push(&mut out, &finding, None, "", root);
    }
    for Problem { finding, place, error } in problems(report) {
        let detail = error.and_then(|it| it.detail.as_deref()).unwrap_or_default();
        push(&mut out, finding, place.as_ref(), detail, root);
    }
    out
}

fn push(
    out: &mut String,
    finding: &Finding,
    place: Option<&Place>,
    detail: &str,
    root: &SourceRoot,
) {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(format!("file={}", property(&root.relative(&place.file))));
        properties.push(format!("line={}", place.line));
        properties.extend(place.column.map(|it| format!("col={it}")));
    }
    properties.push(format!("title={}", property(&format!("Stopover: {}", finding.code))));
    let mut message = finding.message.clone();
    for more in [detail, &finding.remedy] {
        if !more.is_empty() {
            let _ = write!(message, "\n{more}");
        }
    }
    if place.is_none() && !finding.subject.is_empty() {
        message = format!("{}: {message}", finding.subject);
    }
    let message: String = text::tame(&message).chars().take(LONGEST_MESSAGE).collect();
    let _ = writeln!(out, "::{command} {}::{}", properties.join(","), data(&message));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&text::tame_line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_can_begin_another_command() {
        let finding =
            Finding::error("c", "s", "50 % lost\r\n::set-env name=PATH::/tmp", "a\n::error::b");
        let mut out = String::new();
        let place = Place { file: "a,b:c%.sql".into(), line: 3, column: Some(7) };
        push(&mut out, &finding, Some(&place), "", &SourceRoot::default());
        assert_eq!(
            out,
            "::error file=a%2Cb%3Ac%25.sql,line=3,col=7,title=Stopover%3A c::50 %25 lost%0A\
             ::set-env name=PATH::/tmp%0Aa%0A::error::b\n"
        );
    }
}
