//! How two texts of one script differ: in what the database would see, or only for people.
//!
//! Directives (`-- stopover: …`, `-- no-transaction`, `-- +goose StatementBegin`) are comments, and
//! an edit of one counts as an edit of a comment: they say how a script is to be run, and one that
//! is applied is not run again because of it. Not so the marks of sections (`-- +goose Down`,
//! `-- migrate:up`): they say which statements are run at all.

use std::ops::Range;

use crate::dialect::Dialect;
use crate::script::statements_in;
use crate::token::{TokenKind, tokens_in};

/// How two texts of one script differ, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Not at all, or in a byte-order mark, line ends, and white space at the ends of lines and of
    /// the text. That is looked at over the whole text: a string or a function's body of several
    /// lines has the line ends of its file, and a team that lets its version control change them
    /// changes those too.
    LineEndings,
    /// In white space and comments between the tokens. Bodies of strings, dollar-quoted ones
    /// included, and inline COPY data are the same, byte for byte.
    Cosmetic,
    /// In anything else.
    Semantic,
}

/// How `after` differs from `before`.
#[must_use]
pub fn difference(dialect: Dialect, before: &str, after: &str) -> Difference {
    if plain(before).eq(plain(after)) {
        return Difference::LineEndings;
    }
    match (meaning(dialect, before), meaning(dialect, after)) {
        (Some(before), Some(after)) if before == after => Difference::Cosmetic,
        _ => Difference::Semantic,
    }
}

/// The lines of a text without what [`Difference::LineEndings`] leaves out.
fn plain(text: &str) -> impl Iterator<Item = &str> {
    const BLANKS: [char; 5] = [' ', '\t', '\r', '\u{b}', '\u{c}'];
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let body = text.trim_end_matches(|c| c == '\n' || BLANKS.contains(&c));
    body.split('\n').map(|line| line.trim_end_matches(BLANKS))
}

/// The tokens of a script that mean something, and its inline data as it is; `None` for one that
/// nobody can read for sure.
fn meaning(dialect: Dialect, text: &str) -> Option<Vec<&str>> {
    // With backslashes that escape, tokens would end elsewhere.
    if text.to_ascii_lowercase().contains("standard_conforming_strings") {
        return None;
    }
    let statements = statements_in(dialect, text).ok()?;
    let mut found = Vec::new();
    let mut at = 0;
    for Range { start, end } in statements.into_iter().filter_map(|it| it.copy_data) {
        found.extend(significant(dialect, text.get(at..start)?));
        found.push(text.get(start..end)?);
        at = end;
    }
    found.extend(significant(dialect, text.get(at..)?));
    Some(found)
}

fn significant(dialect: Dialect, text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    // Where the last string ended, while nothing but trivia has followed.
    let mut string = None;
    for token in tokens_in(dialect, text) {
        let meant = match token.kind {
            TokenKind::LineComment => section(token.text),
            kind => (!kind.is_trivia()).then_some(token.text),
        };
        let Some(meant) = meant else { continue };
        let behind = string.take().filter(|_| dialect == Dialect::Postgres);
        if let Some(end) = behind.filter(|_| token.kind == TokenKind::String) {
            found.push(joint(text.get(end..token.range.start).unwrap_or_default()));
        }
        if token.kind == TokenKind::String {
            string = Some(token.range.end);
        }
        found.push(meant);
    }
    found
}

/// What stands between two strings of PostgreSQL's, as far as it means something: behind a line
/// break, with comments up to a line's end at most, the second goes on with the first; on one line
/// two strings are an error (PostgreSQL's documentation, "String Constants").
fn joint(between: &str) -> &str {
    match between.find(['\n', '\r']) {
        Some(_) if between.contains("/*") => between,
        Some(_) => "\n",
        None => " ",
    }
}

/// The mark in a comment that begins a section of goose's or dbmate's, or says what goose puts in
/// for variables.
fn section(comment: &str) -> Option<&str> {
    const MARKS: [&str; 5] =
        ["+goose up", "+goose down", "+goose envsub", "migrate:up", "migrate:down"];
    let mark = comment.trim_start_matches('-').trim();
    let words = || mark.split_ascii_whitespace().map(str::to_ascii_lowercase);
    let is_it = |known: &&str| {
        known.split(' ').zip(words()).filter(|(a, b)| a == b).count() == known.split(' ').count()
    };
    let known = MARKS.into_iter().find(|it| is_it(it))?;
    // Whether variables are put in stands behind it; options of the others are directives.
    Some(if known.ends_with("envsub") { mark } else { known })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn of(before: &str, after: &str) -> Difference {
        let found = difference(Dialect::Postgres, before, after);
        assert_eq!(difference(Dialect::Postgres, after, before), found, "{before:?} {after:?}");
        found
    }

    #[test]
    fn marks_line_ends_and_blanks_at_the_ends_are_no_change() {
        let text = "CREATE TABLE a (b int);\nSELECT '\n';\n";
        for other in [
            "CREATE TABLE a (b int);\r\nSELECT '\r\n';\r\n",
            "\u{feff}CREATE TABLE a (b int);\nSELECT '\n';",
            "CREATE TABLE a (b int);  \t\nSELECT '\n';\n\n  \n",
        ] {
            assert_eq!(of(text, other), Difference::LineEndings, "{other:?}");
        }
    }

    #[test]
    fn comments_and_white_space_are_cosmetic() {
        let text = "CREATE TABLE a (b int);";
        for other in [
            "-- Copyright\nCREATE TABLE a (b int);",
            "CREATE TABLE a (\n    b int /* the /* only */ one */\n);\n",
            "CREATE TABLE a(b int)\n\n;",
        ] {
            assert_eq!(of(text, other), Difference::Cosmetic, "{other:?}");
        }
        for other in ["SELECT 'a'\n\n    'b';", "SELECT 'a' -- why\n'b';", "SELECT 'a'\r\n'b'\n\n;"]
        {
            let found = of("SELECT 'a'\n'b';", other);
            assert!(found <= Difference::Cosmetic, "{other:?}");
        }
    }

    #[test]
    fn what_the_database_sees_is_semantic() {
        for (before, after) in [
            ("CREATE TABLE a (b int);", "CREATE TABLE a (b bigint);"),
            ("SELECT 'a b';", "SELECT 'a  b';"),
            ("DO $$ BEGIN END $$;", "DO $$ BEGIN  END $$;"),
            ("DO $$ BEGIN END $$;", "DO $$ -- more\nBEGIN END $$;"),
            ("SELECT 1;", "SELECT 1; SELECT 1;"),
            ("SELECT 1 - -1;", "SELECT 1 --1;"),
            ("SELECT \"a\";", "SELECT \"A\";"),
            ("SELECT 1;", "SELECT 'open"),
            ("SELECT 'a'\n'b';", "SELECT 'a' 'b';"),
            ("SELECT E'a'\n  'b';", "SELECT E'a' 'b';"),
            ("SELECT 'a' -- why\n'b';", "SELECT 'a' 'b';"),
            ("SELECT 'a'\n'b';", "SELECT 'a' /*\n*/ 'b';"),
            ("SELECT 'a'\n'b';", "SELECT 'ab';"),
            ("SELECT 1;", ""),
        ] {
            assert_eq!(of(before, after), Difference::Semantic, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_mark_that_moved_a_statement_out_of_the_up_section_was_a_comment() {
        for [up, down] in [["-- +goose Up", "-- +goose Down"], ["--migrate:up", "-- migrate:down"]]
        {
            let whole = format!("{up}\nSELECT 1;\nSELECT 2;\n{down}\nSELECT 3;\n");
            let moved = format!("{up}\nSELECT 1;\n{down}\nSELECT 2;\nSELECT 3;\n");
            let gone = format!("{up}\nSELECT 1;\nSELECT 2;\nSELECT 3;\n");
            for other in [moved, gone] {
                assert_eq!(of(&whole, &other), Difference::Semantic, "{other:?}");
            }
            let spaced = whole.replace("SELECT 2", "-- why\nSELECT  2");
            assert_eq!(of(&whole, &spaced), Difference::Cosmetic);
        }
        let bounds = "-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementEnd\n";
        assert_eq!(of(bounds, "SELECT 1;"), Difference::Cosmetic);
        let on = "-- +goose ENVSUB ON\nSELECT '${A}';";
        assert_eq!(of(on, &on.replace("ON", "OFF")), Difference::Semantic);
    }

    #[test]
    fn inline_data_counts_as_it_is() {
        let script = |data: &str| format!("COPY t FROM stdin; \n{data}\n\\.\nSELECT 1;\n");
        for (before, after) in [("1\ta b", "1\ta  b"), ("1\t--x", "1\t--y"), ("1\t2", "1 2")] {
            assert_eq!(of(&script(before), &script(after)), Difference::Semantic, "{before:?}");
        }
        let commented = format!("-- why\n{}", script("1\ta b"));
        assert_eq!(of(&script("1\ta b"), &commented), Difference::Cosmetic);
    }

    #[test]
    fn a_script_that_makes_backslashes_escape_is_not_looked_into() {
        let set = "SET standard_conforming_strings = off;\nSELECT 'a\\' -- ';";
        assert_eq!(of(set, &set.replace("-- ", "--")), Difference::Semantic);
    }

    const TOKENS: &[&str] = &[
        "select",
        "a",
        "\"A b\"",
        "'it''s'",
        "'-- no'",
        "$$ body; $$",
        "$t$ /* $t$",
        "1.5",
        "(",
        ")",
        ",",
        "=",
        "<=",
        "::",
        ".",
        "+",
        "[",
        "]",
        "E'\\''",
        "x'0F'",
    ];
    const SQLITE_TOKENS: &[&str] =
        &["select", "a", "\"A b\"", "`c`", "[d e]", "'it''s'", "1.5", "(", ")", ",", ".", "?1"];
    const GAPS: &[&str] =
        &[" ", "\n", "\t ", "\r\n", " -- why\n", " /* so */ ", "\n-- 'a\n", " /* ; */\n"];

    /// Never a string right behind another: what stands between those decides whether the second
    /// goes on with the first.
    fn script() -> impl Strategy<Value = (Dialect, Vec<&'static str>)> {
        let apart = |tokens: Vec<&'static str>| {
            tokens.into_iter().flat_map(|it| [it, if it.contains('\'') { "," } else { "a" }])
        };
        let of = move |dialect, pool| {
            prop::collection::vec(select(pool), 1..20)
                .prop_map(move |it| (dialect, apart(it).collect::<Vec<_>>()))
        };
        prop_oneof![of(Dialect::Postgres, TOKENS), of(Dialect::Sqlite, SQLITE_TOKENS)]
    }

    fn spaced(tokens: &[&str], gaps: &[&str]) -> String {
        let gap = |at: usize| gaps[at % gaps.len()];
        let parts = tokens.iter().enumerate().flat_map(|(at, token)| [gap(at), token]);
        parts.chain([gap(tokens.len())]).collect()
    }

    fn gaps() -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(select(GAPS), 1..20)
    }

    proptest! {
        #[test]
        fn a_text_does_not_differ_from_itself(text in ".{0,80}") {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                prop_assert_eq!(difference(dialect, &text, &text), Difference::LineEndings);
            }
        }

        #[test]
        fn what_stands_between_the_tokens_is_never_semantic(
            (dialect, tokens) in script(), before in gaps(), after in gaps(),
        ) {
            // A group that is not closed swallows the statement's end, which changes nothing here:
            // both texts are read the same way.
            let (before, after) = (spaced(&tokens, &before), spaced(&tokens, &after));
            prop_assume!(statements_in(dialect, &before).is_ok());
            prop_assert_ne!(difference(dialect, &before, &after), Difference::Semantic);
        }

        #[test]
        fn another_token_is_always_semantic(
            (dialect, tokens) in script(), gaps in gaps(), at in any::<prop::sample::Index>(),
        ) {
            let mut other = tokens.clone();
            let at = at.index(tokens.len());
            other[at] = if tokens[at] == "a" { "b" } else { "a" };
            let (before, after) = (spaced(&tokens, &gaps), spaced(&other, &gaps));
            prop_assert_eq!(difference(dialect, &before, &after), Difference::Semantic);
        }
    }
}
