//! A statement as the tokens that mean something, with the few questions that a policy asks.

use stopover_sql::{Token, TokenKind, tokens};

/// A statement without white space and comments.
#[derive(Debug)]
pub(in crate::restore) struct Reading<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
}

impl<'a> Reading<'a> {
    pub(in crate::restore) fn of(text: &'a str) -> Self {
        Self { text, tokens: tokens(text).filter(|token| !token.kind.is_trivia()).collect() }
    }

    pub(in crate::restore) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(in crate::restore) fn get(&self, at: usize) -> Option<&Token<'a>> {
        self.tokens.get(at)
    }

    /// Whether the unquoted word at `at` is `word` (given in lower case).
    pub(in crate::restore) fn is(&self, at: usize, word: &str) -> bool {
        self.get(at).is_some_and(|token| {
            token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word)
        })
    }

    /// Whether the words from `at` on are those of `phrase`.
    pub(in crate::restore) fn are(&self, at: usize, phrase: &str) -> bool {
        phrase.split(' ').enumerate().all(|(place, word)| self.is(at + place, word))
    }

    /// Whether the statement begins with the words of `phrase`.
    pub(in crate::restore) fn begins(&self, phrase: &str) -> bool {
        self.are(0, phrase)
    }

    /// The place behind the words of `phrase`, if they stand at `at`; else `at`.
    pub(in crate::restore) fn skip(&self, at: usize, phrase: &str) -> usize {
        if self.are(at, phrase) { at + phrase.split(' ').count() } else { at }
    }

    /// Whether the token at `at` is the symbol or operator `text`.
    pub(in crate::restore) fn symbol(&self, at: usize, text: &str) -> bool {
        self.get(at).is_some_and(|token| {
            matches!(token.kind, TokenKind::Symbol | TokenKind::Operator) && token.text == text
        })
    }

    /// The name that the token at `at` stands for: folded to lower case, or as quoted.
    pub(in crate::restore) fn name(&self, at: usize) -> Option<String> {
        let token = self.get(at)?;
        match token.kind {
            // The server folds ASCII letters; others only in single-byte encodings.
            TokenKind::Word => Some(token.text.to_ascii_lowercase()),
            TokenKind::QuotedIdent => quoted(token.text),
            _ => None,
        }
    }

    /// The value of the plain string literal at `at`.
    pub(in crate::restore) fn string(&self, at: usize) -> Option<String> {
        let token = self.get(at).filter(|token| token.kind == TokenKind::String)?;
        let inner = token.text.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inner.replace("''", "'"))
    }

    /// The place behind a name, maybe qualified, at `at`.
    pub(in crate::restore) fn behind_name(&self, at: usize) -> Option<usize> {
        self.name(at)?;
        let mut end = at + 1;
        while self.symbol(end, ".") {
            self.name(end + 1)?;
            end += 2;
        }
        Some(end)
    }

    /// The place behind the balanced parentheses that open at `at`; `at` when none do.
    pub(in crate::restore) fn behind_parentheses(&self, at: usize) -> Option<usize> {
        if !self.symbol(at, "(") {
            return Some(at);
        }
        let mut depth = 0;
        for place in at..self.len() {
            if self.symbol(place, "(") {
                depth += 1;
            } else if self.symbol(place, ")") {
                depth -= 1;
                if depth == 0 {
                    return Some(place + 1);
                }
            }
        }
        None
    }

    /// The first place from `at` on, outside of parentheses, with the word `word`.
    pub(in crate::restore) fn find(&self, at: usize, word: &str) -> Option<usize> {
        let mut depth = 0_i32;
        for place in at..self.len() {
            if self.symbol(place, "(") {
                depth += 1;
            } else if self.symbol(place, ")") {
                depth -= 1;
            } else if depth == 0 && self.is(place, word) {
                return Some(place);
            }
        }
        None
    }

    /// Whether the symbol `text` stands outside of parentheses from `at` on.
    pub(in crate::restore) fn has_symbol(&self, at: usize, text: &str) -> bool {
        let mut depth = 0_i32;
        (at..self.len()).any(|place| {
            if self.symbol(place, "(") {
                depth += 1;
            } else if self.symbol(place, ")") {
                depth -= 1;
            }
            depth == 0 && self.symbol(place, text)
        })
    }

    /// The text of the tokens from `from` to before `to`, as written.
    pub(in crate::restore) fn text_between(&self, from: usize, to: usize) -> Option<&'a str> {
        let start = self.get(from)?.range.start;
        let end = self.get(to.checked_sub(1)?)?.range.end;
        self.text.get(start..end)
    }

    /// Whether the word `word` stands anywhere, also in parentheses.
    pub(in crate::restore) fn mentions(&self, word: &str) -> bool {
        (0..self.len()).any(|at| self.is(at, word))
    }
}

/// The name inside of `"…"`; `None` for `U&"…"`, which nobody's pg_dump writes.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.replace("\"\"", "\""))
}
