//! Pieces of text: made safe to show, measured in columns, broken into lines.

use std::borrow::Cow;
use std::fmt::Write as _;

use stopover_model::redact_urls;
use unicode_width::UnicodeWidthStr;

/// Makes text that others wrote safe to show: passwords are redacted, and whatever could move the
/// cursor, change colours or reverse the reading order is spelled out. Line feeds stay.
pub(crate) fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in redact_urls(text).replace("\r\n", "\n").chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            _ if c.is_control() || is_bidi(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

/// [`tame`], and one line whatever comes.
pub(crate) fn tame_line(text: &str) -> String {
    let tamed = tame(text);
    tamed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The characters that override the direction of text (Unicode, UAX 9).
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns that `text` takes on a terminal; our own colours take none.
pub(crate) fn width(text: &str) -> usize {
    if text.contains(ESCAPE) {
        UnicodeWidthStr::width(uncoloured(text).as_str())
    } else {
        UnicodeWidthStr::width(text)
    }
}

/// What colours begin with. [`tame`] lets nobody else's through.
const ESCAPE: char = '\u{1b}';

/// `text` without our own colours.
pub(crate) fn uncoloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, code)) = rest.split_once(ESCAPE) {
        out.push_str(before);
        rest = code.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// A line that may be too long for `columns`, as lines of which all but the first are indented by
/// `hang` more than it is.
pub(crate) fn fold(line: &str, columns: usize, hang: usize) -> Vec<String> {
    if width(line) <= columns {
        return vec![line.to_owned()];
    }
    let indent = line.len() - line.trim_start().len();
    let mut lines = wrap(line, columns.saturating_sub(indent + hang), LongWords::Keep);
    for (at, line) in lines.iter_mut().enumerate() {
        line.insert_str(0, &" ".repeat(if at == 0 { indent } else { indent + hang }));
    }
    lines
}

/// What becomes of a word that is longer than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongWords {
    /// It stays whole and sticks out: paths, hashes and commands can be copied.
    Keep,
    /// It is broken: columns stay aligned.
    Break,
}

/// Breaks `text` into lines of at most `columns`, at blanks; line feeds break as well. What stands
/// between backticks is a command to be copied and is one word where it fits a line.
pub(crate) fn wrap(text: &str, columns: usize, long: LongWords) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for line in text.trim_end().split('\n') {
        let mut current = String::new();
        for word in words(line, columns) {
            let gap = usize::from(!current.is_empty());
            if !current.is_empty() && width(&current) + gap + width(&word) > columns {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(&word);
            if long == LongWords::Break {
                break_up(&mut current, columns, &mut lines);
            }
        }
        lines.push(current);
    }
    lines
}

/// The words of a line; a quoted command is one of them, and so is a number with what it counts.
fn words(line: &str, columns: usize) -> Vec<Cow<'_, str>> {
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    let mut open = false;
    let mut number = false;
    let mut measure = false;
    for word in line.split_whitespace() {
        let odd = word.matches('`').count() % 2 == 1;
        match words.last_mut() {
            Some(last)
                if (open || number || measure && is_number(word))
                    && width(last) + 1 + width(word) <= columns =>
            {
                let joined = last.to_mut();
                joined.push(' ');
                joined.push_str(word);
            }
            _ => words.push(Cow::Borrowed(word)),
        }
        open ^= odd;
        // `3 min 4 s` is one thing.
        measure = number && matches!(word, "min" | "h" | "d");
        number = is_number(word.trim_start_matches('('));
    }
    words
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.ends_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ':'))
}

/// Columns of the longest piece of `text` that [`wrap`] would not break.
pub(crate) fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(width).max().unwrap_or(0)
}

/// Moves whole lines out of `current` until it fits.
fn break_up(current: &mut String, columns: usize, lines: &mut Vec<String>) {
    while width(current) > columns {
        let fits = prefix_of(current, columns);
        // Behind a joint of the name, where that does not waste more than half of the line.
        let joint = current[..fits].rfind(['_', '.', '/', '-', ' ']).map_or(0, |at| at + 1);
        let cut = if joint * 2 >= fits { joint } else { fits };
        // A character that is wider than the column goes there all the same.
        let least = current.chars().next().map_or(0, char::len_utf8);
        let rest = current.split_off(cut.max(least)).trim_start().to_owned();
        let line = std::mem::replace(current, rest);
        lines.push(line.trim_end().to_owned());
    }
}

/// Bytes of the longest beginning of `text` that fits in `columns`.
fn prefix_of(text: &str, columns: usize) -> usize {
    let mut fits = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if width(&text[..end]) > columns {
            break;
        }
        fits = end;
    }
    fits
}

/// `text` in at most `columns`, ending in `mark` where something was left out.
pub(crate) fn clip(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if width(mark) > columns { "" } else { mark };
    let cut = prefix_of(text, columns - width(mark));
    format!("{}{mark}", &text[..cut])
}

/// `3 statements`, `1 statement`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", crate::units::count(number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_that_would_take_over_the_terminal_is_spelled_out() {
        assert_eq!(tame("a\u{1b}[2Jb\u{9b}c\u{202e}d"), "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d");
        assert_eq!(tame("one\r\ntwo\tx postgres://u:pw@h/d"), "one\ntwo    x postgres://u:***@h/d");
    }

    #[test]
    fn a_command_is_not_broken_while_it_fits_a_line() {
        assert_eq!(
            wrap("record it with `stopover repair --accept 9` or restore it", 30, LongWords::Keep),
            ["record it with", "`stopover repair --accept 9`", "or restore it"]
        );
    }

    #[test]
    fn a_long_line_is_folded_below_its_beginning_and_colours_take_no_room() {
        assert_eq!(fold("  one two three", 10, 2), ["  one", "    two", "    three"]);
        let red = "\u{1b}[31mone\u{1b}[0m two";
        assert_eq!(fold(red, 7, 2), [red]);
    }

    #[test]
    fn a_number_stays_with_what_it_counts() {
        assert_eq!(
            wrap("backup (1.4 GiB in 1 min 12 s)", 14, LongWords::Keep),
            ["backup", "(1.4 GiB in", "1 min 12 s)"]
        );
    }

    #[test]
    fn a_name_is_broken_at_its_joints() {
        assert_eq!(wrap("add_audit_log", 11, LongWords::Break), ["add_audit_", "log"]);
        assert_eq!(wrap("addauditlog", 6, LongWords::Break), ["addaud", "itlog"]);
    }

    #[test]
    fn a_path_stays_whole_in_prose_and_is_broken_in_a_cell() {
        assert_eq!(wrap("see abcdefgh now", 5, LongWords::Keep), ["see", "abcdefgh", "now"]);
        assert_eq!(wrap("see abcdefgh now", 5, LongWords::Break), ["see", "abcde", "fgh", "now"]);
    }

    #[test]
    fn columns_are_counted_not_bytes() {
        assert_eq!(wrap("größe 表表表 x", 6, LongWords::Break), ["größe", "表表表", "x"]);
        assert_eq!(clip("表表表", 5, ".."), "表..");
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_keeps_within_its_columns(
            text in "[a-zäß表` \n]{0,80}", columns in 2_usize..30
        ) {
            let lines = wrap(&text, columns, LongWords::Break);
            prop_assert!(lines.iter().all(|line| width(line) <= columns), "{lines:?}");
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }
    }
}
