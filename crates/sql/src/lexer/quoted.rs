//! Everything that runs up to a delimiter: strings, quoted identifiers, dollar quotes, comments.

use memchr::{memchr, memchr2, memmem};

use super::byte_class::{ByteClass, class_of, is_tag_byte};
use super::{Input, Lexer, Mode, Peek, Step, StringTail, Strings, View};
use crate::dialect::Dialect;
use crate::token::TokenKind;

/// The kinds of quotes, by what counts inside of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    /// `'…'` and `U&'…'`: only a doubled quote (`<xq>`, `<xus>`).
    Plain,
    /// `E'…'`: backslashes and a doubled quote (`<xe>`).
    Escape,
    /// `B'…'` and `X'…'`: nothing at all (`<xb>`, `<xh>`).
    Bits,
    /// `"…"` and `U&"…"`: only a doubled quote (`<xd>`, `<xui>`).
    Identifier,
    /// SQLite's `` `…` ``: only a doubled quote.
    Backtick,
    /// SQLite's `[…]`: nothing at all.
    Bracket,
}

impl Quote {
    /// What a string without a prefix is.
    pub(super) fn plain(strings: Strings) -> Quote {
        match strings {
            Strings::Standard => Quote::Plain,
            Strings::Escaping => Quote::Escape,
        }
    }

    fn mark(self) -> u8 {
        match self {
            Quote::Identifier => b'"',
            Quote::Backtick => b'`',
            Quote::Bracket => b']',
            Quote::Plain | Quote::Escape | Quote::Bits => b'\'',
        }
    }

    fn kind(self) -> TokenKind {
        match self {
            Quote::Identifier | Quote::Backtick | Quote::Bracket => TokenKind::QuotedIdent,
            Quote::Plain | Quote::Escape | Quote::Bits => TokenKind::String,
        }
    }

    /// Whether a doubled quote stands for one of them.
    fn doubles(self) -> bool {
        !matches!(self, Quote::Bits | Quote::Bracket)
    }

    /// The next byte that counts.
    fn find(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Quote::Escape => memchr2(b'\\', b'\'', bytes),
            _ => memchr(self.mark(), bytes),
        }
    }
}

impl Lexer {
    /// The kind of string that a bare `'` opens here: a continued one keeps its kind.
    pub(super) fn plain_quote(&self) -> Quote {
        match self.tail {
            StringTail::NextLine(quote) => quote,
            StringTail::None | StringTail::SameLine(_) => Quote::plain(self.strings),
        }
    }

    pub(super) fn quoted(&mut self, view: View<'_>, quote: Quote) -> Step {
        loop {
            let Some(length) = quote.find(&view.bytes[self.position..]) else {
                self.position = view.bytes.len();
                return self.wait_or_unterminated(view, quote.kind());
            };
            self.position += length;
            let next = view.peek(self.position + 1);
            if quote == Quote::Escape && view.bytes[self.position] == b'\\' {
                if !matches!(next, Peek::Byte(_)) {
                    return self.wait_or_unterminated(view, quote.kind());
                }
                self.position += 2;
            } else if quote.doubles() && next == Peek::NotYet {
                return Step::Wait;
            } else if quote.doubles() && next == Peek::Byte(quote.mark()) {
                self.position += 2;
            } else {
                return self.close_quote(quote);
            }
        }
    }

    fn close_quote(&mut self, quote: Quote) -> Step {
        self.position += 1;
        if quote.kind() == TokenKind::String {
            self.tail = StringTail::SameLine(quote);
        }
        self.found(quote.kind())
    }

    /// `{dolqdelim}`, `{param}`, or the lone `$` of `{dolqfailed}` and `{other}`.
    pub(super) fn dollar_tag(&mut self, view: View<'_>) -> Step {
        let first = self.start + 1;
        match view.peek(first) {
            Peek::NotYet => return Step::Wait,
            Peek::Byte(byte) if byte.is_ascii_digit() => return self.enter(Mode::Param, first),
            Peek::Byte(b'$') => {}
            Peek::Byte(byte) if class_of(byte) == ByteClass::Letter => {}
            Peek::Byte(_) | Peek::Nothing => return self.found(TokenKind::Symbol),
        }
        self.position = view.skip_while(self.position, is_tag_byte);
        match view.peek(self.position) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(b'$') => {
                let end = self.position + 1;
                self.enter(Mode::DollarQuoted { delimiter: end - self.start }, end)
            }
            Peek::Byte(_) | Peek::Nothing => {
                self.position = first;
                self.found(TokenKind::Symbol)
            }
        }
    }

    /// `<xdolq>`: it ends at the first place where its delimiter stands again. As a delimiter has
    /// no `$` inside, scan.l's re-reading of the last `$` finds just that place.
    pub(super) fn dollar_quoted(&mut self, view: View<'_>, delimiter: usize) -> Step {
        let needle = &view.bytes[self.start..self.start + delimiter];
        match memmem::find(&view.bytes[self.position..], needle) {
            Some(length) => {
                self.position += length + delimiter;
                self.found(TokenKind::DollarString)
            }
            None => {
                let keep = view.bytes.len().saturating_sub(delimiter - 1);
                self.position = self.position.max(keep);
                self.wait_or_unterminated(view, TokenKind::DollarString)
            }
        }
    }

    /// `{comment}`: up to a line end, which is not part of it. SQLite's go on after a carriage
    /// return.
    pub(super) fn line_comment(&mut self, view: View<'_>) -> Step {
        let rest = &view.bytes[self.position..];
        let length = match self.dialect {
            Dialect::Postgres => memchr2(b'\n', b'\r', rest),
            Dialect::Sqlite => memchr(b'\n', rest),
        };
        match length {
            Some(length) => self.position += length,
            None => {
                self.position = view.bytes.len();
                if view.input == Input::Open {
                    return Step::Wait;
                }
            }
        }
        self.found(TokenKind::LineComment)
    }

    /// `<xc>`: nested.
    pub(super) fn block_comment(&mut self, view: View<'_>, mut depth: u64) -> Step {
        if self.dialect == Dialect::Sqlite {
            return self.sqlite_block_comment(view);
        }
        while depth > 0 {
            let Some(length) = memchr2(b'/', b'*', &view.bytes[self.position..]) else {
                self.position = view.bytes.len();
                break;
            };
            self.position += length;
            match (view.bytes[self.position], view.peek(self.position + 1)) {
                (_, Peek::NotYet) => break,
                (b'/', Peek::Byte(b'*')) => (depth, self.position) = (depth + 1, self.position + 2),
                (b'*', Peek::Byte(b'/')) => (depth, self.position) = (depth - 1, self.position + 2),
                _ => self.position += 1,
            }
        }
        self.mode = Mode::BlockComment { depth };
        if depth == 0 {
            return self.found(TokenKind::BlockComment);
        }
        self.wait_or_unterminated(view, TokenKind::BlockComment)
    }

    fn wait_or_unterminated(&mut self, view: View<'_>, kind: TokenKind) -> Step {
        match view.input {
            Input::Open => Step::Wait,
            Input::Ended => self.unterminated(view, kind),
        }
    }
}
