//! `${name}` in Flyway's scripts.
//!
//! Flyway replaces it everywhere: in strings, in names, in comments (`PlaceholderReplacingReader`).
//! The values are in its own configuration, which is not read here. So a script with one is an
//! error: sent as it is, it would do something else, and in a string nobody would notice.

use stopover_model::Finding;

const OPENING: &str = "${";

/// A finding for each placeholder, where it first stands.
pub(crate) fn find(path: &str, text: &str) -> Vec<Finding> {
    let mut seen: Vec<&str> = Vec::new();
    let mut findings = Vec::new();
    for (at, _) in text.match_indices(OPENING) {
        let rest = &text[at..];
        let length = rest.find('}').map_or(OPENING.len(), |end| end + 1);
        // A placeholder is short: what has no end near by is shown by its beginning.
        let shown = rest[..length].lines().next().unwrap_or(OPENING);
        if seen.contains(&shown) {
            continue;
        }
        seen.push(shown);
        let line = text[..at].matches('\n').count() + 1;
        findings.push(finding(&format!("{path}:{line}"), shown));
    }
    findings
}

fn finding(place: &str, shown: &str) -> Finding {
    Finding::error(
        "placeholder",
        place,
        format!("{place}: Flyway puts a value in the place of {shown}, which is not known here"),
        "write the value into the script; where it is text, put placeholderReplacement=false into \
         the script's settings, a file beside it named like it with .conf at the end",
    )
}
