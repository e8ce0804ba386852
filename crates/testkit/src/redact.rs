//! What differs from run to run, taken out of golden outputs.

use std::path::Path;

use regex_lite::Regex;

/// Replaces what differs from run to run by words in brackets:
///
/// | what | becomes |
/// | --- | --- |
/// | `12 ms`, `1.5s`, `3 min`, `80µs` | `[N ms]` |
/// | `"duration_ms": 12.5` | `"duration_ms": [N]` |
/// | `2026-11-20T10:15:00.123Z`, `2026-11-20 10:15:00+00` | `[TIME]` |
/// | `20261120T101500Z`, `20261120-101500` | `[TIME]` |
/// | `67e55044-10b1-426f-9247-bb680e5fe0c8` | `[UUID]` |
/// | `/tmp/anything` and the system's temporary folder | `[TEMP]` |
/// | folders and words of the test's own | what the test says |
#[derive(Debug)]
pub struct Redactor {
    own: Vec<(String, String)>,
    rules: Vec<(Regex, &'static str)>,
}

/// Patterns, the first that fits wins over later ones because it leaves nothing for them.
const RULES: [(&str, &str); 5] = [
    (r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "[UUID]"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?( ?(Z|UTC)\b|[+-]\d\d(:?\d\d)?\b)?", "[TIME]"),
    (r"\b\d{8}[T_-]\d{6}(\.\d+)?Z?\b", "[TIME]"),
    (r#"(_ms" ?: ?)\d+(\.\d+)?"#, "${1}[N]"),
    (r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s|seconds?|min|minutes?|h|hours?)\b", "[N ms]"),
];

impl Default for Redactor {
    fn default() -> Self {
        let temporary = regex_lite::escape(&std::env::temp_dir().to_string_lossy());
        let temporary =
            format!(r#"({}|(/private)?/tmp)/[^\s"':,;)\]]*"#, temporary.trim_end_matches('/'));
        let rule = |pattern: &str, word| {
            (Regex::new(pattern).expect("the patterns above are valid"), word)
        };
        let mut rules = RULES.map(|(pattern, word)| rule(pattern, word)).to_vec();
        rules.push(rule(&temporary, "[TEMP]"));
        Self { own: Vec::new(), rules }
    }
}

impl Redactor {
    /// The rules above.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also replaces a path, and what it really is behind symbolic links.
    pub fn path(mut self, path: &Path, word: &str) -> Self {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        for path in [path, &real] {
            self = self.word(&path.to_string_lossy(), word);
        }
        self
    }

    /// Also replaces a text.
    pub fn word(mut self, text: &str, word: &str) -> Self {
        self.own.push((text.to_owned(), word.to_owned()));
        // The longest first: a folder must not hide what lies in it.
        self.own.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        self
    }

    /// The text with everything replaced.
    pub fn redact(&self, text: &str) -> String {
        let own = self
            .own
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from.as_str(), to));
        self.rules
            .iter()
            .fold(own, |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let cases = [
            ("done in 12 ms", "done in [N ms]"),
            ("done in 1.5s.", "done in [N ms]."),
            ("took 80µs, then 3 min", "took [N ms], then [N ms]"),
            (r#"{"duration_ms": 12.5, "rows": 7}"#, r#"{"duration_ms": [N], "rows": 7}"#),
            ("at 2026-11-20T10:15:00.123Z: x", "at [TIME]: x"),
            ("2026-11-20 10:15:00.123+00 | a", "[TIME] | a"),
            ("backup-20261120T101500Z.sql.gz", "backup-[TIME].sql.gz"),
            ("id 67e55044-10b1-426f-9247-bb680e5fe0c8", "id [UUID]"),
            ("in /tmp/stopover-scratch-0a/socket: no", "in [TEMP]: no"),
        ];
        for (text, expected) in cases {
            assert_eq!(Redactor::new().redact(text), expected);
        }
    }

    #[test]
    fn what_does_not_differ_stays() {
        let redactor = Redactor::new();
        for text in ["version 20220123205937", "7 rows", "42 migrations", "2026-11-20", "s3 1st"] {
            assert_eq!(redactor.redact(text), text);
        }
    }

    #[test]
    fn own_words_win_and_longer_ones_first() {
        let redactor = Redactor::new()
            .path(Path::new("/tmp/run-1"), "[WORK]")
            .path(Path::new("/tmp/run-1/deep"), "[DEEP]");
        assert_eq!(redactor.redact("/tmp/run-1/deep/a /tmp/run-1/b"), "[DEEP]/a [WORK]/b");
    }
}
