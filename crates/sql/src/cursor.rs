//! A cursor over the tokens of a statement that mean something, which knows where they stand.

use crate::token::{Token, TokenKind, tokens};

/// The tokens of `statement` without white space, comments and the final `;`.
pub(crate) fn significant(statement: &str) -> Vec<Token<'_>> {
    let mut significant: Vec<_> =
        tokens(statement).filter(|token| !token.kind.is_trivia()).collect();
    if significant.last().is_some_and(|last| is_symbol(last, ";")) {
        significant.pop();
    }
    significant
}

/// The tokens that are left of a statement. Copying it is a way to look ahead.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    source: &'a str,
    tokens: &'a [Token<'a>],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(source: &'a str, tokens: &'a [Token<'a>]) -> Self {
        Self { source, tokens }
    }

    pub(crate) fn tokens(&self) -> &'a [Token<'a>] {
        self.tokens
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens of these places.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        Self { source: self.source, tokens: self.tokens.get(range).unwrap_or_default() }
    }

    /// The tokens before those that `later` has left.
    pub(crate) fn up_to(&self, later: &Self) -> Self {
        self.part(0..self.tokens.len().saturating_sub(later.tokens.len()))
    }

    /// As written, from the first token to the last: a comment after the last, which could
    /// swallow what is put behind it, is not part of it.
    pub(crate) fn text(&self) -> &'a str {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => &self.source[first.range.start..last.range.end],
            _ => "",
        }
    }

    pub(crate) fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    /// Whether these words come next, unquoted and in any case of letters.
    pub(crate) fn is(&self, words: &str) -> bool {
        let mut rest = self.tokens.iter();
        words.split(' ').all(|word| rest.next().is_some_and(|token| is_word(token, word)))
    }

    /// Takes these words, if they come next.
    pub(crate) fn eat(&mut self, words: &str) -> bool {
        let found = self.is(words);
        if found {
            self.tokens = &self.tokens[words.split(' ').count()..];
        }
        found
    }

    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.tokens.first().is_some_and(|token| is_symbol(token, symbol))
    }

    /// Whether the symbol stands anywhere in what is left.
    pub(crate) fn has_symbol(&self, symbol: &str) -> bool {
        self.tokens.iter().any(|token| is_symbol(token, symbol))
    }

    pub(crate) fn eat_star(&mut self) {
        if self.tokens.first().is_some_and(|it| it.kind == TokenKind::Operator && it.text == "*") {
            self.advance();
        }
    }

    /// Takes a number, if one comes next.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let token = self.tokens.first().filter(|token| token.kind == TokenKind::Number)?;
        let number = token.text.parse().ok()?;
        self.advance();
        Some(number)
    }

    /// Takes a parenthesised group, if one comes next, and gives what is inside.
    pub(crate) fn parentheses(&mut self) -> Option<Self> {
        if !self.is_symbol("(") {
            return None;
        }
        let mut depth = 0_usize;
        for (place, token) in self.tokens.iter().enumerate() {
            depth = depth_after(depth, token);
            if depth == 0 {
                let inside = self.part(1..place);
                self.tokens = &self.tokens[place + 1..];
                return Some(inside);
            }
        }
        None
    }

    /// What is inside of the one parenthesised group that this is.
    pub(crate) fn sole_group(mut self) -> Option<Self> {
        let inside = self.parentheses()?;
        self.is_empty().then_some(inside)
    }

    /// Takes one token, or a whole parenthesised group.
    pub(crate) fn skip(&mut self) {
        if self.parentheses().is_none() {
            self.advance();
        }
    }

    /// The parts between the commas outside of parentheses and brackets.
    pub(crate) fn split_at_commas(&self) -> Vec<Self> {
        let mut parts = Vec::new();
        let (mut depth, mut start) = (0_usize, 0);
        for (place, token) in self.tokens.iter().enumerate() {
            depth = depth_after(depth, token);
            if depth == 0 && is_symbol(token, ",") {
                parts.push(self.part(start..place));
                start = place + 1;
            }
        }
        parts.push(self.part(start..self.tokens.len()));
        parts
    }

    /// Takes an identifier, if one comes next.
    pub(crate) fn identifier(&mut self) -> Option<&'a str> {
        let token = self.tokens.first().filter(|token| is_identifier(token))?;
        self.advance();
        Some(token.text)
    }

    /// Takes a name with dots, if one comes next: its parts as written, without what stands
    /// between them.
    pub(crate) fn name(&mut self) -> Option<String> {
        let mut name = self.identifier()?.to_owned();
        while self.is_symbol(".") && self.tokens.get(1).is_some_and(is_identifier) {
            self.advance();
            if let Some(part) = self.identifier() {
                name.push('.');
                name.push_str(part);
            }
        }
        Some(name)
    }

    /// Takes `(name, …)`, if it comes next; `None` for a list of anything but names.
    pub(crate) fn name_list(&mut self) -> Option<Vec<String>> {
        let list = self.parentheses()?;
        let sole = |mut part: Self| {
            let name = part.identifier()?.to_owned();
            part.is_empty().then_some(name)
        };
        list.split_at_commas().into_iter().map(sole).collect()
    }
}

/// An identifier as the catalog has it: unquoted ones in lower case. One with Unicode escapes
/// stays as it is, and so equals no name of the catalog.
pub(crate) fn folded(identifier: &str) -> String {
    match identifier.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => identifier.to_ascii_lowercase(),
    }
}

/// The last part of a name with dots, as the catalog has it.
pub(crate) fn last_part(name: &str) -> String {
    let tokens = significant(name);
    tokens.last().map_or_else(String::new, |last| folded(last.text))
}

pub(crate) fn is_word(token: &Token<'_>, word: &str) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word)
}

pub(crate) fn is_identifier(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdent)
}

fn is_symbol(token: &Token<'_>, symbol: &str) -> bool {
    token.kind == TokenKind::Symbol && token.text == symbol
}

fn depth_after(depth: usize, token: &Token<'_>) -> usize {
    match (token.kind, token.text) {
        (TokenKind::Symbol, "(" | "[") => depth + 1,
        (TokenKind::Symbol, ")" | "]") => depth.saturating_sub(1),
        _ => depth,
    }
}
