//! A cursor over the tokens of a statement that mean something.

use crate::token::TokenKind;

/// A token that is not white space or a comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Significant<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a str,
}

impl Significant<'_> {
    /// Whether this is an unquoted word, in any case of letters.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }

    fn is_name(&self) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::QuotedIdent)
    }
}

/// The tokens that are left. Copying it is a way to look ahead.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    tokens: &'a [Significant<'a>],
}

impl<'a> Words<'a> {
    pub(crate) fn new(tokens: &'a [Significant<'a>]) -> Self {
        Words { tokens }
    }

    pub(crate) fn rest(&self) -> &'a [Significant<'a>] {
        self.tokens
    }

    pub(super) fn first(&self) -> Option<&'a Significant<'a>> {
        self.tokens.first()
    }

    pub(super) fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.first().is_some_and(|token| token.is_word(word))
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.first().is_some_and(|token| token.is_symbol(symbol))
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_number(&mut self) -> bool {
        let found = self.first().is_some_and(|token| token.kind == TokenKind::Number);
        if found {
            self.advance();
        }
        found
    }

    /// Takes a parenthesised group, if one comes next, and gives what is inside.
    pub(super) fn parentheses(&mut self) -> Option<Words<'a>> {
        if !self.is_symbol("(") {
            return None;
        }
        let mut depth = 0_usize;
        for (place, token) in self.tokens.iter().enumerate() {
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth -= 1;
            }
            if depth == 0 {
                let inside = Words::new(&self.tokens[1..place]);
                self.tokens = &self.tokens[place + 1..];
                return Some(inside);
            }
        }
        let inside = Words::new(&self.tokens[1..]);
        self.tokens = &[];
        Some(inside)
    }

    pub(super) fn skip_parentheses(&mut self) {
        self.parentheses();
    }

    /// What comes after the next `keyword` outside of parentheses.
    pub(crate) fn after(&self, keyword: &str) -> Option<Words<'a>> {
        let mut words = *self;
        while words.first().is_some() {
            if words.eat_word(keyword) {
                return Some(words);
            }
            if words.parentheses().is_none() {
                words.advance();
            }
        }
        None
    }

    /// The parts between the commas outside of parentheses.
    pub(super) fn split_at_commas(&self) -> Vec<Words<'a>> {
        let mut parts = Vec::new();
        let (mut depth, mut start) = (0_usize, 0);
        for (place, token) in self.tokens.iter().enumerate() {
            match (token.kind, token.text) {
                (TokenKind::Symbol, "(" | "[") => depth += 1,
                (TokenKind::Symbol, ")" | "]") => depth = depth.saturating_sub(1),
                (TokenKind::Symbol, ",") if depth == 0 => {
                    parts.push(Words::new(&self.tokens[start..place]));
                    start = place + 1;
                }
                _ => {}
            }
        }
        parts.push(Words::new(&self.tokens[start..]));
        parts
    }

    /// Takes the parts of a name with dots, if one comes next.
    pub(super) fn name_parts(&mut self) -> Vec<String> {
        let mut parts = Vec::new();
        while let Some(token) = self.first().filter(|token| token.is_name()) {
            parts.push(normalised(token));
            self.advance();
            let more = self.tokens.get(1).is_some_and(Significant::is_name);
            if !(more && self.is_symbol(".")) {
                break;
            }
            self.advance();
        }
        parts
    }

    /// Takes a relation's name: `[ONLY] name [*]` or `ONLY (name)`.
    pub(crate) fn relation(&mut self) -> Option<String> {
        let more = self.tokens.get(1).is_some_and(|token| token.is_name() || token.is_symbol("("));
        if more && self.eat_word("ONLY") && self.is_symbol("(") {
            return self.parentheses()?.relation();
        }
        let parts = self.name_parts();
        if self.first().is_some_and(|token| token.kind == TokenKind::Operator && token.text == "*")
        {
            self.advance();
        }
        if parts.is_empty() { None } else { Some(parts.join(".")) }
    }
}

/// A part of a name as PostgreSQL would print it: without quotes where it needs none for its
/// letters, in lower case where it was written without.
fn normalised(token: &Significant<'_>) -> String {
    if token.kind == TokenKind::Word {
        return token.text.to_ascii_lowercase();
    }
    let plain = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    match token.text.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(name) if plain(name) => name.to_owned(),
        _ => token.text.to_owned(),
    }
}
