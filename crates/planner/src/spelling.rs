//! Other spellings of a file that mean the same: with or without byte-order mark, CRLF and last
//! newline. They explain a checksum that differs although nobody changed anything.

use stopover_model::{Checksum, Fingerprinted};

const MARK: &str = "\u{feff}";

/// A text in another spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// The text.
    pub(crate) text: String,
    /// How it is spelled; reads after "save the file …".
    pub(crate) described: String,
}

/// How the migration's text would have to be spelled for `applied` to be its checksum, if any of
/// the other spellings does it.
pub(crate) fn applied_as(migration: Fingerprinted<'_>, applied: &Checksum) -> Option<Spelling> {
    let text = migration.text;
    let plain = text.strip_prefix(MARK).unwrap_or(text).replace("\r\n", "\n");
    let body = plain.trim_end_matches('\n');
    let endings = [plain[body.len()..].to_owned(), "\n".to_owned(), String::new()];
    for mark in ["", MARK] {
        for newline in ["\n", "\r\n"] {
            for ending in &endings {
                let text = format!("{mark}{body}{ending}").replace('\n', newline);
                if applied.is_of(Fingerprinted { text: &text, ..migration }) {
                    return Some(Spelling { text, described: describe(mark, newline, ending) });
                }
            }
        }
    }
    None
}

fn describe(mark: &str, newline: &str, ending: &str) -> String {
    format!(
        "with {} line ends, {} a byte-order mark and {} a newline at its end",
        if newline == "\n" { "LF" } else { "CRLF" },
        if mark.is_empty() { "without" } else { "with" },
        if ending.is_empty() { "without" } else { "with" },
    )
}
