//! Comments and settings of a dump.

use crate::classify::{Words, significant};
use crate::dialect::Dialect;
use crate::lexer::{Input, Lexer, Strings};
use crate::token::TokenKind;

/// The `--` comments of trivia, each as one line with its dashes. Those that are not UTF-8 are
/// none that this is for.
pub(super) fn comments(trivia: &[u8]) -> impl Iterator<Item = &str> {
    let mut lexer = Lexer::new(Dialect::Postgres, Strings::Standard);
    std::iter::from_fn(move || lexer.next(trivia, Input::Ended))
        .filter(|lexeme| lexeme.kind == TokenKind::LineComment)
        .filter_map(|lexeme| std::str::from_utf8(&trivia[lexeme.start..lexeme.end]).ok())
        .map(str::trim_end)
}

/// The value of `SET name = value` or `SET name TO value`, without quotes.
pub(super) fn setting(name: &str, statement: &[u8]) -> Option<String> {
    // Most statements of a dump are none, and some of them are large.
    if !statement.get(..3).is_some_and(|first| first.eq_ignore_ascii_case(b"SET")) {
        return None;
    }
    let text = std::str::from_utf8(statement).ok()?;
    let tokens = significant(Dialect::Postgres, text, Strings::Standard);
    let mut words = Words::new(&tokens);
    if !(words.eat("SET [SESSION|LOCAL]") && words.eat_word(name)) {
        return None;
    }
    let [_, value] = words.rest() else { return None };
    Some(value.text.trim_matches(['\'', '"']).to_owned())
}
