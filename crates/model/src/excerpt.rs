//! The few lines of a file around an error, as reports keep them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redact_urls;

/// Lines shown before the marked one.
const BEFORE: usize = 2;
/// Lines shown after the marked one.
const AFTER: usize = 1;
/// Of a longer line only the characters around the column are kept: a dump's INSERT may have
/// megabytes. What fits a terminal is cut out of that later.
const LONG_LINE: usize = 2_000;

/// A few whole lines around an error, ready to be shown: passwords redacted, line ends unified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excerpt {
    /// Number of the first line in the file, from 1.
    pub first_line: usize,
    /// The lines. Of a very long one only a part.
    pub lines: Vec<String>,
    /// Number of the marked line in the file, from 1.
    pub line: usize,
    /// Where the mark begins in the marked line as it stands in `lines`: characters, from 1.
    pub column: usize,
    /// How many characters are marked; 0 at the end of a line.
    pub width: usize,
}

impl Excerpt {
    /// Cuts out the lines around `line` and `column` (characters, both from 1). A place behind the
    /// end is taken for the end; `None` for a text without any character.
    #[must_use]
    pub fn cut(source: &str, line: usize, column: usize) -> Option<Self> {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        if source.trim().is_empty() {
            return None;
        }
        let last = source.lines().count();
        let marked = line.clamp(1, last);
        let first_line = marked.saturating_sub(BEFORE).max(1);
        let mut excerpt = Self { first_line, lines: Vec::new(), line: marked, column: 1, width: 0 };
        let shown = source.lines().skip(first_line - 1).take(marked + AFTER + 1 - first_line);
        for (at, text) in shown.enumerate() {
            if first_line + at == marked {
                excerpt.push_marked(text, if line > last { usize::MAX } else { column });
            } else {
                let beginning: String = text.chars().take(LONG_LINE).collect();
                excerpt.lines.push(redact_urls(&beginning));
            }
        }
        Some(excerpt)
    }

    /// Number of the last line.
    #[must_use]
    pub fn last_line(&self) -> usize {
        self.first_line.saturating_add(self.lines.len().saturating_sub(1))
    }

    fn push_marked(&mut self, line: &str, column: usize) {
        let before = redact_urls(&line[..byte_of(line, column.saturating_sub(1))]);
        let whole = redact_urls(line);
        // Where a password spans the mark, the line's beginning is marked.
        let start = if whole.starts_with(&before) { before.len() } else { 0 };
        let characters = whole[..start].chars().count();
        let skipped = characters.saturating_sub(LONG_LINE / 2);
        let cut = byte_of(&whole, skipped);
        let shown = &whole[cut..start + byte_of(&whole[start..], LONG_LINE / 2)];
        self.column = characters - skipped + 1;
        self.width = word_length(&shown[start - cut..]);
        self.lines.push(shown.to_owned());
    }
}

/// The byte where the character number `index` (from 0) begins; the end where there is none.
fn byte_of(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// Characters of the word, quoted name or single character that `text` begins with.
fn word_length(text: &str) -> usize {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let Some(first) = text.chars().next() else { return 0 };
    if first == '"' {
        return text.chars().skip(1).position(|c| c == '"').map_or(1, |end| end + 2);
    }
    if in_word(first) {
        return text.chars().take_while(|&c| in_word(c)).count();
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_at_the_place_is_marked_in_its_line() {
        let excerpt = Excerpt::cut("one;\ntwo;\nselect näme;\nfour;\nfive;", 3, 8).unwrap();
        assert_eq!(excerpt.lines, ["one;", "two;", "select näme;", "four;"]);
        assert_eq!((excerpt.first_line, excerpt.line, excerpt.last_line()), (1, 3, 4));
        assert_eq!((excerpt.column, excerpt.width), (8, 4));
    }

    #[test]
    fn of_a_very_long_line_the_part_around_the_place_is_kept() {
        let line = format!("{}here{}", "x ".repeat(50_000), " y".repeat(50_000));
        let excerpt = Excerpt::cut(&line, 1, 100_001).unwrap();
        assert!(excerpt.lines[0].len() <= LONG_LINE, "{}", excerpt.lines[0].len());
        let marked: String =
            excerpt.lines[0].chars().skip(excerpt.column - 1).take(excerpt.width).collect();
        assert_eq!(marked, "here");
    }

    #[test]
    fn passwords_do_not_stand_in_it() {
        let text = "CREATE ROLE a PASSWORD 'one';\nCREATE ROLE b PASSWORD 'two' nope;";
        let excerpt = Excerpt::cut(text, 2, 30).unwrap();
        assert_eq!(excerpt.lines[0], "CREATE ROLE a PASSWORD ***;");
        assert!(!excerpt.lines[1].contains("two"), "{}", excerpt.lines[1]);
    }

    #[test]
    fn a_place_behind_the_end_is_the_end() {
        let excerpt = Excerpt::cut("select", 9, 9).unwrap();
        assert_eq!((excerpt.line, excerpt.column, excerpt.width), (1, 7, 0));
        assert_eq!(Excerpt::cut(" \n", 1, 1), None);
    }
}
