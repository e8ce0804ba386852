//! SQL as canonical text: its tokens, without comments and white space of its own.
//!
//! A quoted name is written without its quotes where it needs none, as `ALTER TABLE … RENAME`
//! quotes names that were not. That is safe also where SQLite takes `"x"` for a string: `x` without
//! quotes would be an error there. Upper and lower case stay as they are.

use stopover_sql::{Dialect, Token, TokenKind, tokens_in};

use super::names::{meant, shown};

/// The tokens of a statement that mean something.
pub(super) fn significant(sql: &str) -> Vec<Token<'_>> {
    tokens_in(Dialect::Sqlite, sql).filter(|it| !it.kind.is_trivia()).collect()
}

/// Tokens as one line.
pub(super) fn canonical(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    let mut before: Option<&Token<'_>> = None;
    for token in tokens {
        if before.is_some_and(|before| is_apart(before, token)) {
            out.push(' ');
        }
        if token.kind == TokenKind::QuotedIdent {
            out.push_str(&shown(&meant(token.text)));
        } else {
            out.push_str(token.text);
        }
        before = Some(token);
    }
    out
}

/// Whether white space stands between two tokens. Characters of one operator stay together.
fn is_apart(before: &Token<'_>, after: &Token<'_>) -> bool {
    let joined = before.range.end == after.range.start;
    let operators = before.kind == TokenKind::Operator && after.kind == TokenKind::Operator;
    !(matches!(before.text, "(" | ".")
        || matches!(after.text, ")" | "," | "." | ";")
        || (operators && joined))
}

/// Whether a token is this keyword.
pub(super) fn is_word(token: &Token<'_>, keyword: &str) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_count() {
        let text = |sql: &str| canonical(&significant(sql));
        let same = "CREATE TABLE t (a integer CHECK (a <= 3), b text DEFAULT 'a  b')";
        assert_eq!(text(same), same);
        assert_eq!(
            text(
                "CREATE  TABLE\n\"t\"(a integer CHECK(a<=3) -- why\n , [b] text\tDEFAULT 'a  b' )"
            ),
            same
        );
        assert_ne!(text("SELECT 'a  b'"), text("SELECT 'a b'"));
        assert_ne!(text("SELECT \"null\""), text("SELECT null"));
    }
}
