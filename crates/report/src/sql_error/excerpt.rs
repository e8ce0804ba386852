//! The few lines of a file around an error.

use std::ops::Range;

use stopover_model::redact_urls;

/// Lines shown before the marked one.
const BEFORE: usize = 2;
/// Lines shown after the marked one.
const AFTER: usize = 1;
/// Of a longer line only the characters around the column are looked at: a dump's INSERT may have
/// megabytes. What fits the terminal is cut out of that later.
const LONG_LINE: usize = 2_000;

/// Whether columns of the excerpt are columns of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// They are.
    AsInFile,
    /// Something before the mark was cut out or made shorter.
    Shifted,
}

/// A few whole lines, ready to be shown: passwords redacted, line ends unified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Number of the first line, from 1.
    pub(super) first_line: usize,
    /// Bytes of `text` that are marked.
    pub(super) mark: Range<usize>,
    pub(super) place: Place,
}

impl Excerpt {
    /// Cuts out the lines around `line` and `column` (characters, both from 1). A place behind the
    /// end is taken for the end; `None` for a text without any character.
    pub(super) fn cut(source: &str, line: usize, column: usize) -> Option<Self> {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        if source.trim().is_empty() {
            return None;
        }
        let last = source.lines().count();
        let marked = line.clamp(1, last);
        let first_line = marked.saturating_sub(BEFORE).max(1);
        let skipped = source.lines().skip(first_line - 1);
        let lines: Vec<&str> = skipped.take(marked + AFTER + 1 - first_line).collect();
        let mut excerpt =
            Self { text: String::new(), first_line, mark: 0..0, place: Place::AsInFile };
        if line > last {
            excerpt.place = Place::Shifted;
        }
        for (at, text) in lines.iter().enumerate() {
            if at > 0 {
                excerpt.text.push('\n');
            }
            if first_line + at == marked {
                let column = if line > last { usize::MAX } else { column };
                excerpt.push_marked(text, column);
            } else {
                let beginning: String = text.chars().take(LONG_LINE).collect();
                excerpt.text.push_str(&redact_urls(&beginning));
            }
        }
        Some(excerpt)
    }

    /// Number of the last line.
    pub(super) fn last_line(&self) -> usize {
        self.first_line + self.text.matches('\n').count()
    }

    fn push_marked(&mut self, line: &str, column: usize) {
        let before = redact_urls(&line[..byte_of(line, column.saturating_sub(1))]);
        let whole = redact_urls(line);
        // Where a password spans the mark, the line's beginning is marked.
        let start = if whole.starts_with(&before) { before.len() } else { 0 };
        let characters = whole[..start].chars().count();
        let cut = byte_of(&whole, characters.saturating_sub(LONG_LINE / 2));
        let shown = &whole[cut..start + byte_of(&whole[start..], LONG_LINE / 2)];
        if column != usize::MAX && (cut > 0 || characters + 1 != column) {
            self.place = Place::Shifted;
        }
        let mark = self.text.len() + start - cut;
        self.mark = mark..mark + word_length(&shown[start - cut..]);
        self.text.push_str(shown);
    }
}

/// The byte where the character number `index` (from 0) begins; the end where there is none.
fn byte_of(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// Bytes of the word, quoted name or single character that `text` begins with.
fn word_length(text: &str) -> usize {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let Some(first) = text.chars().next() else { return 0 };
    if first == '"' {
        return text[1..].find('"').map_or(1, |end| end + 2);
    }
    if in_word(first) {
        return text.find(|c| !in_word(c)).unwrap_or(text.len());
    }
    first.len_utf8()
}
