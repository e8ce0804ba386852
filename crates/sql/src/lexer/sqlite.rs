//! What differs in SQLite: after `sqlite3GetToken` in its `src/tokenize.c`.
//!
//! No dollar quotes, no string prefixes but `x'…'`, no nested comments; names also in backticks
//! and in brackets; parameters `?1`, `:a`, `@a`, `#a` and `$a`, the last with Tcl's `::` and
//! `(…)`. A comment that the text ends in is a comment. Operators are given out one character at
//! a time: nothing here needs them whole.

use memchr::memmem;

use super::byte_class::{ByteClass, class_of, is_identifier_byte, is_space};
use super::number::NumberPart;
use super::quoted::Quote;
use super::{BYTE_ORDER_MARK, Input, Lexer, Mode, Peek, Step, View};
use crate::token::TokenKind;

impl Lexer {
    pub(super) fn begin_sqlite(&mut self, view: View<'_>, byte: u8) -> Step {
        let next = self.position + 1;
        match byte {
            b'\'' => self.enter(Mode::Quoted(Quote::Plain), next),
            b'"' => self.enter(Mode::Quoted(Quote::Identifier), next),
            b'`' => self.enter(Mode::Quoted(Quote::Backtick), next),
            b'[' => self.enter(Mode::Quoted(Quote::Bracket), next),
            b'?' => self.enter(Mode::Param, next),
            b'$' | b'@' | b'#' | b':' => self.variable(view),
            b'-' => self.line_comment_or_operator(view),
            b'/' => self.block_comment_or_operator(view),
            b'.' => self.dot(view),
            0xEF => self.mark_or_word(view),
            _ => match class_of(byte) {
                ByteClass::Space => self.enter(Mode::Space, next),
                ByteClass::Letter => self.enter(Mode::Word, next),
                ByteClass::Digit => self.enter(Mode::Number(NumberPart::Leading), self.position),
                ByteClass::Operator => self.one(TokenKind::Operator),
                _ => self.one(TokenKind::Symbol),
            },
        }
    }

    fn one(&mut self, kind: TokenKind) -> Step {
        self.position = self.start + 1;
        self.found(kind)
    }

    /// `CC_X` and identifiers: of all prefixes only `x` makes a string.
    pub(super) fn sqlite_word(&mut self, view: View<'_>) -> Step {
        let is_blob = self.position - self.start == 1
            && matches!(view.bytes[self.start], b'x' | b'X')
            && view.peek(self.position) == Peek::Byte(b'\'');
        if is_blob {
            return self.enter(Mode::Quoted(Quote::Bits), self.position + 1);
        }
        self.found(TokenKind::Word)
    }

    /// `CC_DOLLAR` and `CC_VARALPHA`: letters and digits, `::`, and once letters were seen a
    /// `(…)` without white space, in which even a `;` may stand.
    fn variable(&mut self, view: View<'_>) -> Step {
        let (mut at, mut letters) = (self.start + 1, 0_usize);
        loop {
            match view.peek(at) {
                Peek::NotYet => return Step::Wait,
                Peek::Byte(byte) if is_identifier_byte(byte) => {
                    (at, letters) = (at + 1, letters + 1);
                }
                Peek::Byte(b'(') if letters > 0 => {
                    at = view.skip_while(at + 1, |byte| byte != b')' && !is_space(byte));
                    match view.peek(at) {
                        Peek::NotYet => return Step::Wait,
                        Peek::Byte(b')') => at += 1,
                        Peek::Byte(_) | Peek::Nothing => {}
                    }
                    break;
                }
                Peek::Byte(b':') => match view.peek(at + 1) {
                    Peek::NotYet => return Step::Wait,
                    Peek::Byte(b':') => at += 2,
                    Peek::Byte(_) | Peek::Nothing => break,
                },
                Peek::Byte(_) | Peek::Nothing => break,
            }
        }
        self.position = at;
        self.found(if letters > 0 { TokenKind::Param } else { TokenKind::Symbol })
    }

    fn line_comment_or_operator(&mut self, view: View<'_>) -> Step {
        match view.peek(self.position + 1) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(b'-') => self.enter(Mode::LineComment, self.position + 2),
            Peek::Byte(_) | Peek::Nothing => self.one(TokenKind::Operator),
        }
    }

    /// `/*` at the very end begins no comment.
    fn block_comment_or_operator(&mut self, view: View<'_>) -> Step {
        match (view.peek(self.position + 1), view.peek(self.position + 2)) {
            (Peek::NotYet, _) | (Peek::Byte(b'*'), Peek::NotYet) => Step::Wait,
            (Peek::Byte(b'*'), Peek::Byte(_)) => {
                self.enter(Mode::BlockComment { depth: 1 }, self.position + 2)
            }
            _ => self.one(TokenKind::Operator),
        }
    }

    /// Up to the first `*/`, or to the end of the input.
    pub(super) fn sqlite_block_comment(&mut self, view: View<'_>) -> Step {
        match memmem::find(&view.bytes[self.position..], b"*/") {
            Some(length) => self.position += length + 2,
            None if view.input == Input::Ended => self.position = view.bytes.len(),
            None => {
                let kept = view.bytes.len().saturating_sub(1);
                self.position = self.position.max(kept);
                return Step::Wait;
            }
        }
        self.found(TokenKind::BlockComment)
    }

    fn dot(&mut self, view: View<'_>) -> Step {
        match view.peek(self.position + 1) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(b'0'..=b'9') => {
                self.enter(Mode::Number(NumberPart::Fraction), self.position + 1)
            }
            Peek::Byte(_) | Peek::Nothing => self.one(TokenKind::Symbol),
        }
    }

    /// `CC_BOM`: a byte-order mark is white space wherever a token may begin.
    fn mark_or_word(&mut self, view: View<'_>) -> Step {
        let rest = &view.bytes[self.position..];
        if rest.starts_with(BYTE_ORDER_MARK) {
            self.position += BYTE_ORDER_MARK.len();
            return self.found(TokenKind::Whitespace);
        }
        if view.input == Input::Open && BYTE_ORDER_MARK.starts_with(rest) {
            return Step::Wait;
        }
        self.enter(Mode::Word, self.position + 1)
    }
}
