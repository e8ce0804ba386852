//! SARIF 2.1.0, for code hosts and editors: a rule for each code, a result for each finding.
//!
//! Source of the form: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
//! GitHub wants a place for every result; one that has none is put at the first migration.

use serde_json::{Value, json};
use stopover_model::report::RehearsalReport;
use stopover_model::{Checksum, Finding, Severity};

use crate::outcome::Outcome;
use crate::places::{Place, Problem, SourceRoot, problems, unexplained};
use crate::text;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Where a result without a place is put when there is no migration either.
const SETTINGS: &str = "stopover.toml";

/// The report as a SARIF document.
#[must_use]
pub fn sarif(report: &RehearsalReport, root: &SourceRoot) -> String {
    let verdict = unexplained(report);
    let unexplained = verdict.iter().map(|it| Problem { finding: it, place: None, error: None });
    let problems: Vec<Problem<'_>> = unexplained.chain(problems(report)).collect();
    let mut codes: Vec<&Finding> = Vec::new();
    for problem in &problems {
        if codes.iter().all(|it| it.code != problem.finding.code) {
            codes.push(problem.finding);
        }
    }
    let results: Vec<Value> = problems.iter().map(|it| result(it, &codes, report, root)).collect();
    let reached = Outcome::of(report) != Outcome::Unknown;
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Stopover",
                "version": text::tame_line(&report.tool_version),
                "informationUri": "https://github.com/stopover/stopover",
                "rules": codes.iter().map(|it| rule(it)).collect::<Vec<Value>>(),
            }},
            "automationDetails": { "id": format!("stopover/{}/", crate::outcome::command(report)) },
            "invocations": [{
                "executionSuccessful": reached,
                "startTimeUtc": report.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    crate::json::document(&document)
}

/// A code as a rule: what findings of it are about is in their own messages.
fn rule(first: &Finding) -> Value {
    let code = text::tame_line(&first.code);
    let words = code.replace('-', " ");
    json!({
        "id": code,
        "shortDescription": { "text": format!("Stopover: {words}") },
        "fullDescription": { "text": format!("What a rehearsal on a copy of production found: {words}.") },
        "help": { "text": "Each result says what to do." },
        "defaultConfiguration": { "level": level(first.severity) },
        "properties": { "tags": ["database", "migration"] },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn result(
    problem: &Problem<'_>,
    codes: &[&Finding],
    report: &RehearsalReport,
    root: &SourceRoot,
) -> Value {
    let Problem { finding, place, error } = problem;
    let elsewhere = || Place {
        file: report.migrations.first().map_or(SETTINGS.to_owned(), |it| it.file.clone()),
        line: 1,
        column: None,
    };
    let place = place.clone().unwrap_or_else(elsewhere);
    let file = root.relative(&place.file);
    let mut message = text::tame(&finding.message);
    let detail = error.and_then(|it| it.detail.as_deref()).unwrap_or_default();
    for more in [detail, &finding.remedy].into_iter().filter(|it| !it.is_empty()) {
        message.push('\n');
        message.push_str(&text::tame(more));
    }
    json!({
        "ruleId": text::tame_line(&finding.code),
        "ruleIndex": codes.iter().position(|it| it.code == finding.code),
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": artifact(&file),
                "region": region(&place),
            },
            "logicalLocations": [{ "name": text::tame_line(&finding.subject) }],
        }],
        "partialFingerprints": { "stopover/v1": fingerprint(finding, &file) },
    })
}

fn region(place: &Place) -> Value {
    match place.column {
        Some(column) => json!({ "startLine": place.line, "startColumn": column }),
        None => json!({ "startLine": place.line }),
    }
}

fn artifact(file: &str) -> Value {
    if file.starts_with('/') {
        return json!({ "uri": format!("file://{}", percent(file)) });
    }
    json!({ "uri": percent(file), "uriBaseId": "%SRCROOT%" })
}

/// A path as a URI's path. Source: RFC 3986, section 3.3.
fn percent(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The same for the same thing found again: a line that moved, or a duration that differs, does not
/// make another of it.
fn fingerprint(finding: &Finding, file: &str) -> String {
    let subject = match finding.subject.rsplit_once(':') {
        Some((path, line)) if line.bytes().all(|it| it.is_ascii_digit()) => path,
        _ => &finding.subject,
    };
    let parts = format!("{}\n{subject}\n{file}", finding.code);
    Checksum::sha256(parts.as_bytes()).to_string().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_keeps_its_fingerprint_when_lines_move_and_times_differ() {
        let one = Finding::error("c", "db/1.sql:3", "it took 3 s", "");
        let two = Finding::error("c", "db/1.sql:40", "it took 5 s", "");
        assert_eq!(fingerprint(&one, "db/1.sql"), fingerprint(&two, "db/1.sql"));
        assert_ne!(fingerprint(&one, "db/1.sql"), fingerprint(&one, "db/2.sql"));
        assert_eq!(fingerprint(&one, "x").len(), 32);
    }

    #[test]
    fn paths_become_uris() {
        assert_eq!(percent("a b/größe%.sql"), "a%20b/gr%C3%B6%C3%9Fe%25.sql");
        assert_eq!(artifact("/x/a.sql")["uri"], "file:///x/a.sql");
    }
}
