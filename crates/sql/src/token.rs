//! The tokens of one statement: the same lexer that splits files, over text that is all there.

use std::ops::Range;

use crate::dialect::Dialect;
use crate::lexer::{Input, Lexer, Strings};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenKind {
    /// A keyword or an unquoted identifier.
    Word,
    /// `"…"` or `U&"…"`, in SQLite also `` `…` `` and `[…]`, with its quotes.
    QuotedIdent,
    /// `'…'` with its prefix (`E`, `B`, `X`, `N`, `U&`) and quotes. A string that goes on in the
    /// next line is one token for each of its parts.
    String,
    /// `$tag$…$tag$`
    DollarString,
    /// An integer, decimal or real number, without a sign.
    Number,
    /// `$1`; in SQLite `?`, `?1`, `:a`, `@a`, `#a`, `$a`
    Param,
    /// One operator, by PostgreSQL's rule for where it ends; for SQLite one character of it.
    Operator,
    /// Punctuation: one character, or one of `::`, `:=`, `..`.
    Symbol,
    /// `-- …` without its line end.
    LineComment,
    /// `/* … */`, in PostgreSQL with those nested in it.
    BlockComment,
    /// White space, or the byte-order mark at the very start.
    Whitespace,
}

impl TokenKind {
    /// White space and comments: what separates tokens and means nothing else.
    #[must_use]
    pub fn is_trivia(self) -> bool {
        matches!(self, TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Whitespace)
    }
}

/// One token of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// As written.
    pub text: &'a str,
    /// Its bytes in the statement.
    pub range: Range<usize>,
}

/// The tokens of a PostgreSQL statement, white space and comments included: joined they are the statement.
///
/// Strings are read as with `standard_conforming_strings = on`. What is not closed runs to the end
/// of the text; [`crate::Splitter`] is what reports it.
pub fn tokens(statement: &str) -> impl Iterator<Item = Token<'_>> {
    tokens_in(Dialect::Postgres, statement)
}

/// The tokens of a statement in a dialect, as [`tokens`] gives PostgreSQL's.
pub fn tokens_in(dialect: Dialect, statement: &str) -> impl Iterator<Item = Token<'_>> {
    let mut lexer = Lexer::new(dialect, Strings::Standard);
    std::iter::from_fn(move || {
        let lexeme = lexer.next(statement.as_bytes(), Input::Ended)?;
        let range = lexeme.start..lexeme.end;
        Some(Token { kind: lexeme.kind, text: &statement[range.clone()], range })
    })
}
