//! Operators, comment starts and the punctuation of two characters.

use super::byte_class::{ByteClass, class_of};
use super::number::NumberPart;
use super::{Lexer, Mode, Peek, Step, View};
use crate::token::TokenKind;

impl Lexer {
    /// `--` and `/*` begin comments wherever an operator may begin.
    pub(super) fn comment_or_operator(&mut self, view: View<'_>, byte: u8) -> Step {
        let next = view.peek(self.position + 1);
        match (byte, next) {
            (b'-' | b'/', Peek::NotYet) => Step::Wait,
            (b'-', Peek::Byte(b'-')) => self.enter(Mode::LineComment, self.position + 2),
            (b'/', Peek::Byte(b'*')) => {
                self.enter(Mode::BlockComment { depth: 1 }, self.position + 2)
            }
            _ => self.enter(Mode::Operator, self.position),
        }
    }

    /// `{operator}`: a run of operator characters, up to a comment start within.
    pub(super) fn operator(&mut self, view: View<'_>) -> Step {
        loop {
            let byte = match view.peek(self.position) {
                Peek::NotYet => return Step::Wait,
                Peek::Byte(byte) if class_of(byte) == ByteClass::Operator => byte,
                Peek::Byte(_) | Peek::Nothing => break,
            };
            match (byte, view.peek(self.position + 1)) {
                (b'-' | b'/', Peek::NotYet) => return Step::Wait,
                (b'-', Peek::Byte(b'-')) | (b'/', Peek::Byte(b'*')) => break,
                _ => self.position += 1,
            }
        }
        self.trim_signs(view)
    }

    /// An operator of several characters may end in `+` or `-` only when it has a character that
    /// no SQL operator has: `=-1` is `=` and `-1`, but `?-` is one operator.
    fn trim_signs(&mut self, view: View<'_>) -> Step {
        let operator = &view.bytes[self.start..self.position];
        let is_sign = |byte: &u8| matches!(byte, b'+' | b'-');
        let is_special = |byte: &u8| {
            matches!(byte, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%')
        };
        let end = self.position;
        let step = self.found(TokenKind::Operator);
        if operator.last().is_some_and(is_sign) && !operator.iter().any(is_special) {
            let kept = operator.iter().rposition(|byte| !is_sign(byte)).map_or(1, |last| last + 1);
            self.position = self.start + kept;
            if self.position < end {
                self.mode = Mode::Signs { until: end };
            }
        }
        step
    }

    pub(super) fn sign(&mut self, until: usize) -> Step {
        self.start = self.position;
        self.position += 1;
        let step = self.found(TokenKind::Operator);
        if self.position < until {
            self.mode = Mode::Signs { until };
        }
        step
    }

    /// `.5`, `..`, `::`, `:=`, or the one character.
    pub(super) fn pair(&mut self, view: View<'_>, byte: u8) -> Step {
        let length = match (byte, view.peek(self.position + 1)) {
            (_, Peek::NotYet) => return Step::Wait,
            (b'.', Peek::Byte(b'0'..=b'9')) => {
                return self.enter(Mode::Number(NumberPart::Fraction), self.position + 1);
            }
            (b'.', Peek::Byte(b'.')) | (b':', Peek::Byte(b':' | b'=')) => 2,
            _ => 1,
        };
        self.position += length;
        self.found(TokenKind::Symbol)
    }
}
