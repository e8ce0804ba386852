//! The part of a file that runs, with everything at its place.

use stopover_model::{Extent, Script};

/// The file's text in which all that does not run (the other direction's part) is blank, so that
/// places in it are places in the file.
pub(crate) fn running(script: &Script) -> String {
    let text = script.text.as_str();
    match &script.extent {
        Extent::Whole => without_mark(text),
        Extent::Passages(passages) => {
            let runs = |at: usize| passages.iter().any(|it| it.range.contains(&at));
            text.char_indices().map(|(at, c)| if runs(at) { c.into() } else { blank(c) }).collect()
        }
    }
}

/// A byte-order mark is nothing that runs.
fn without_mark(text: &str) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => format!("{}{rest}", blank('\u{feff}')),
        None => text.to_owned(),
    }
}

/// As many bytes of nothing; ends of lines stay.
fn blank(c: char) -> String {
    if matches!(c, '\n' | '\r') { c.to_string() } else { " ".repeat(c.len_utf8()) }
}

/// The line that a byte stands in, from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
