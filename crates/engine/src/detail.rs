//! `detail`: what an operator reads first. Its first line is enough to act on.

use stopover_backend::Offending;
use stopover_model::report::FailedMigration;
use stopover_model::{Finding, redact_urls};

/// Longest `detail`, in bytes.
pub const DETAIL_LIMIT: usize = 4096;

/// `text` without passwords, cut to [`DETAIL_LIMIT`] bytes at a whole character. What was cut is
/// said in the last line.
#[must_use]
pub fn clip(text: &str) -> String {
    const MARK: &str = "\n… (cut)";
    let text = redact_urls(text.trim_end());
    if text.len() <= DETAIL_LIMIT {
        return text;
    }
    let mut end = DETAIL_LIMIT - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

/// Drift and other reasons against a plan, each on a line, then what to do.
pub(crate) fn of_findings(findings: &[Finding]) -> String {
    let errors: Vec<&Finding> = findings.iter().filter(|it| it.is_error()).collect();
    let mut lines: Vec<String> = errors.iter().map(|it| it.message.clone()).collect();
    let mut remedies: Vec<&str> = Vec::new();
    for finding in &errors {
        if !finding.remedy.is_empty() && !remedies.contains(&finding.remedy.as_str()) {
            remedies.push(&finding.remedy);
        }
    }
    lines.extend(remedies.iter().map(|remedy| format!("hint: {remedy}")));
    lines.join("\n")
}

/// A migration that broke on production's data: `migration 42: <server's error>`, the constraint,
/// the rows that stand against it.
pub(crate) fn of_failure(failed: &FailedMigration, offending: Option<&Offending>) -> String {
    let error = &failed.error;
    let mut lines = vec![format!("migration {}: {}", failed.version, error.headline())];
    if let Some(offending) = offending {
        lines.push(rows(offending));
    }
    lines.push(format!("at {}:{}:{}", error.file, error.line, error.column));
    let labelled =
        [("sqlstate", &error.sqlstate), ("detail", &error.detail), ("hint", &error.hint)];
    for (label, text) in labelled {
        if let Some(text) = text {
            lines.push(format!("{label}: {text}"));
        }
    }
    lines.join("\n")
}

/// `12 rows of orders where note is null, e.g. id = 3, id = 17`.
pub(crate) fn rows(offending: &Offending) -> String {
    let mut text = format!("{} {}", offending.count, offending.what);
    if !offending.samples.is_empty() {
        text.push_str(&format!(", e.g. {}", offending.samples.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_is_cut_at_a_whole_character_and_says_so() {
        let cut = clip(&"ä".repeat(4000));
        assert!(cut.len() <= DETAIL_LIMIT && cut.ends_with("… (cut)"), "{}", cut.len());
        assert_eq!(clip("short\n"), "short");
    }

    #[test]
    fn detail_never_holds_a_password() {
        assert_eq!(clip("postgres://u:secret@h/db"), "postgres://u:***@h/db");
    }
}
