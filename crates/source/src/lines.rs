//! The lines of a file, and which of them are comments: what tools that keep up and down in one
//! file put their marks on.

use std::ops::Range;

use stopover_sql::{TokenKind, tokens};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// Its bytes, without its end and without a byte-order mark.
    pub(crate) range: Range<usize>,
    /// Where the next line begins.
    pub(crate) next: usize,
    /// What it holds.
    pub(crate) text: &'a str,
}

/// The lines of `text`. They end at LF or CRLF.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n').enumerate().map(move |(index, whole)| {
        let start = at;
        at += whole.len();
        let mark =
            if start == 0 && whole.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let body = whole.strip_suffix('\n').unwrap_or(whole);
        let body = &body.strip_suffix('\r').unwrap_or(body)[mark..];
        let range = start + mark..start + mark + body.len();
        Line { number: index + 1, range, next: at, text: body }
    })
}

/// Where the `--` comments of a file begin, as PostgreSQL reads it: two hyphens in a string, in a
/// dollar quote or in a block comment begin none.
pub(crate) struct Comments(Vec<usize>);

impl Comments {
    pub(crate) fn of(text: &str) -> Self {
        let comments = tokens(text).filter(|token| token.kind == TokenKind::LineComment);
        Self(comments.map(|token| token.range.start).collect())
    }

    /// Whether the line is a comment and nothing else.
    pub(crate) fn has(&self, line: &Line<'_>) -> bool {
        let blank = line.text.len() - line.text.trim_start().len();
        self.0.binary_search(&(line.range.start + blank)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_without_their_ends_and_mark() {
        let found: Vec<_> =
            lines("\u{feff}a\r\n\nb").map(|it| (it.number, it.range, it.text)).collect();
        assert_eq!(found, [(1, 3..4, "a"), (2, 6..6, ""), (3, 7..8, "b")]);
    }

    #[test]
    fn hyphens_in_strings_are_no_comments() {
        let text = "-- a\n'\n-- b\n' $$\n-- c\n$$ /*\n-- d\n*/\n  -- e\nx -- f";
        let comments = Comments::of(text);
        let found: Vec<_> = lines(text).filter(|it| comments.has(it)).map(|it| it.text).collect();
        assert_eq!(found, ["-- a", "  -- e"]);
    }
}
