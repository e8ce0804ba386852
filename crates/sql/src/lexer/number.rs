//! Numbers: `{integer}`, `{decimal}`, `{real}`, and the newer `0x`, `0o`, `0b` and `1_000`.
//!
//! Where servers differ (`1_000` is a number since PostgreSQL 16) the newest reading is taken;
//! no reading changes where a statement ends.

use super::byte_class::{ByteClass, class_of, is_tag_byte};
use super::{Lexer, Mode, Peek, Step, View};
use crate::token::TokenKind;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberPart {
    /// At the first digit, where a radix prefix may stand.
    Leading,
    Integer,
    Fraction,
    Exponent,
    /// After `0x` and the like.
    Radix,
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

fn is_radix_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'_'
}

impl Lexer {
    pub(super) fn number(&mut self, view: View<'_>, part: NumberPart) -> Step {
        match part {
            NumberPart::Leading => self.radix_prefix(view),
            NumberPart::Radix => self.last_digits(view, TokenKind::Number, is_radix_digit),
            NumberPart::Exponent => self.last_digits(view, TokenKind::Number, is_digit),
            NumberPart::Integer | NumberPart::Fraction => {
                self.position = view.skip_while(self.position, is_digit);
                match view.peek(self.position) {
                    Peek::NotYet => Step::Wait,
                    Peek::Byte(b'.') if part == NumberPart::Integer => self.decimal_point(view),
                    Peek::Byte(b'e' | b'E') => self.exponent(view),
                    Peek::Byte(_) | Peek::Nothing => self.number_end(view, TokenKind::Number),
                }
            }
        }
    }

    fn radix_prefix(&mut self, view: View<'_>) -> Step {
        let integer = Mode::Number(NumberPart::Integer);
        if view.bytes[self.start] != b'0' {
            return self.enter(integer, self.position);
        }
        match view.peek(self.start + 1) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(b'x' | b'X' | b'o' | b'O' | b'b' | b'B') => {
                match view.peek(self.start + 2) {
                    Peek::NotYet => Step::Wait,
                    Peek::Byte(byte) if is_radix_digit(byte) => {
                        self.enter(Mode::Number(NumberPart::Radix), self.start + 2)
                    }
                    Peek::Byte(_) | Peek::Nothing => self.enter(integer, self.position),
                }
            }
            Peek::Byte(_) | Peek::Nothing => self.enter(integer, self.position),
        }
    }

    /// `{decimalfail}`: `1..10` is 1, `..`, 10.
    fn decimal_point(&mut self, view: View<'_>) -> Step {
        match view.peek(self.position + 1) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(b'.') => self.found(TokenKind::Number),
            Peek::Byte(_) | Peek::Nothing => {
                self.enter(Mode::Number(NumberPart::Fraction), self.position + 1)
            }
        }
    }

    /// `{real}`, or the number before it where `{realfail1}` or `{realfail2}` would match.
    fn exponent(&mut self, view: View<'_>) -> Step {
        let mut digit = self.position + 1;
        if let Peek::Byte(b'+' | b'-') = view.peek(digit) {
            digit += 1;
        }
        match view.peek(digit) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(byte) if byte.is_ascii_digit() => {
                self.enter(Mode::Number(NumberPart::Exponent), digit)
            }
            Peek::Byte(_) | Peek::Nothing => self.number_end(view, TokenKind::Number),
        }
    }

    pub(super) fn last_digits(
        &mut self,
        view: View<'_>,
        kind: TokenKind,
        wanted: impl Fn(u8) -> bool,
    ) -> Step {
        self.position = view.skip_while(self.position, wanted);
        match view.peek(self.position) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(_) | Peek::Nothing => self.number_end(view, kind),
        }
    }

    /// `{integer_junk}` and its like: letters right after a number are an error to every server
    /// since PostgreSQL 15, and begin no string, whatever letter it is: `1e'` is no `e'`. Where
    /// the number ends like an identifier (`0x1F`, `1e5`), a `$` goes on with that.
    fn number_end(&mut self, view: View<'_>, kind: TokenKind) -> Step {
        let junk = match view.peek(self.position) {
            Peek::Byte(b'$') => view.bytes[self.start..self.position]
                .iter()
                .rev()
                .take_while(|&&byte| is_tag_byte(byte))
                .any(|&byte| class_of(byte) == ByteClass::Letter),
            Peek::Byte(byte) => class_of(byte) == ByteClass::Letter,
            Peek::NotYet | Peek::Nothing => false,
        };
        let step = self.found(kind);
        if junk {
            self.mode = Mode::Junk;
        }
        step
    }
}
