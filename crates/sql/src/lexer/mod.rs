//! The one lexer of this crate: bytes in, lexemes out, resumable at every byte.
//!
//! For PostgreSQL it follows the rules of its `src/backend/parser/scan.l` (which
//! `src/fe_utils/psqlscan.l` mirrors); each rule below names the pattern it comes from. It is for
//! finding where tokens begin and end in text of any size that arrives in chunks of any size, and
//! it never fails: what is not closed at the end of the input is reported as such and judged by
//! the caller. It is not a parser, and knows nothing of statements.
//!
//! Bytes of 0x80 and above are identifier characters, as in scan.l. That is right for UTF-8 and
//! every other encoding that PostgreSQL allows on the server; see
//! [`crate::dump::lexable_encoding`] for those that it is wrong for.
//!
//! What is different for SQLite stands in `sqlite.rs`.

mod byte_class;
mod number;
mod quoted;
mod sqlite;
mod symbol;

pub(crate) use byte_class::is_space;
use byte_class::{ByteClass, class_of, is_identifier_byte, is_newline};
use number::NumberPart;
use quoted::Quote;

use crate::dialect::Dialect;
use crate::token::TokenKind;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Whether more bytes may follow those in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Open,
    Ended,
}

/// What a plain `'…'` means: the setting `standard_conforming_strings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// A backslash is an ordinary character (`on`, the default since PostgreSQL 9.1).
    Standard,
    /// A backslash escapes, as in `E'…'` (`off`, in old dumps).
    Escaping,
}

/// Whether a lexeme met its closing delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    Closed,
    Unterminated,
}

/// A token as positions in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexeme {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) closing: Closing,
}

/// The buffer as the lexer sees it.
#[derive(Clone, Copy)]
struct View<'a> {
    bytes: &'a [u8],
    input: Input,
}

/// What stands at a place that may not have arrived yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peek {
    Byte(u8),
    NotYet,
    Nothing,
}

impl View<'_> {
    fn peek(self, at: usize) -> Peek {
        match (self.bytes.get(at), self.input) {
            (Some(&byte), _) => Peek::Byte(byte),
            (None, Input::Open) => Peek::NotYet,
            (None, Input::Ended) => Peek::Nothing,
        }
    }

    /// The first place from `from` on whose byte is not `wanted`, or the buffer's end.
    fn skip_while(self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        self.bytes[from..]
            .iter()
            .position(|&byte| !wanted(byte))
            .map_or(self.bytes.len(), |length| from + length)
    }
}

enum Step {
    /// Go on in the mode that is now set.
    Again,
    /// More input is needed (or all is consumed).
    Wait,
    Found(TokenKind, Closing),
}

#[derive(Clone, Copy)]
enum Mode {
    /// Before the first byte of the input: a byte-order mark may stand here.
    Origin,
    Between,
    Space,
    LineComment,
    BlockComment {
        depth: u64,
    },
    Quoted(Quote),
    /// After a `$` that may open a dollar quote.
    DollarTag,
    /// Inside of a dollar quote whose delimiter has `delimiter` bytes.
    DollarQuoted {
        delimiter: usize,
    },
    Param,
    Word,
    /// In letters right after a number.
    Junk,
    Number(NumberPart),
    Operator,
    /// In trailing `+` and `-` that were cut off an operator; each is one of its own.
    Signs {
        until: usize,
    },
}

/// What a `'` would continue: scan.l's `{quotecontinue}`, state `<xqs>`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StringTail {
    None,
    /// Right after a string, with white space and `--` comments only since then.
    SameLine(Quote),
    /// The same, and a line end among them: a `'` now continues that string.
    NextLine(Quote),
}

/// The state of lexing between two calls. Positions are indexes into the caller's buffer.
pub(crate) struct Lexer {
    mode: Mode,
    start: usize,
    position: usize,
    dialect: Dialect,
    strings: Strings,
    tail: StringTail,
}

impl Lexer {
    /// A lexer at the first byte of an input.
    pub(crate) fn new(dialect: Dialect, strings: Strings) -> Self {
        let mode = Mode::Origin;
        Lexer { mode, start: 0, position: 0, dialect, strings, tail: StringTail::None }
    }

    /// The end of what has been looked at for good.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The start of the token that is being read.
    pub(crate) fn token_start(&self) -> usize {
        self.start
    }

    /// Goes on at `position`, outside of any token.
    pub(crate) fn jump(&mut self, position: usize) {
        self.mode = Mode::Between;
        self.tail = StringTail::None;
        self.start = position;
        self.position = position;
    }

    /// Tells that `count` bytes were removed from the buffer's front.
    pub(crate) fn shift(&mut self, count: usize) {
        self.start -= count;
        self.position -= count;
        if let Mode::Signs { until } = &mut self.mode {
            *until -= count;
        }
    }

    /// Sets the meaning of plain strings from here on.
    pub(crate) fn set_strings(&mut self, strings: Strings) {
        self.strings = strings;
    }

    /// The next lexeme, or `None` when more input is needed or (at the end) all is consumed.
    pub(crate) fn next(&mut self, bytes: &[u8], input: Input) -> Option<Lexeme> {
        let view = View { bytes, input };
        loop {
            let step = match self.mode {
                Mode::Origin => self.origin(view),
                Mode::Between => self.begin(view),
                Mode::Space => self.run(view, TokenKind::Whitespace, is_space),
                Mode::LineComment => self.line_comment(view),
                Mode::BlockComment { depth } => self.block_comment(view, depth),
                Mode::Quoted(quote) => self.quoted(view, quote),
                Mode::DollarTag => self.dollar_tag(view),
                Mode::DollarQuoted { delimiter } => self.dollar_quoted(view, delimiter),
                Mode::Param => {
                    self.last_digits(view, TokenKind::Param, |byte| byte.is_ascii_digit())
                }
                Mode::Word => self.word(view),
                Mode::Junk => self.run(view, TokenKind::Word, is_identifier_byte),
                Mode::Number(part) => self.number(view, part),
                Mode::Operator => self.operator(view),
                Mode::Signs { until } => self.sign(until),
            };
            match step {
                Step::Again => {}
                Step::Wait => return None,
                Step::Found(kind, closing) => return Some(self.lexeme(bytes, kind, closing)),
            }
        }
    }

    fn lexeme(&mut self, bytes: &[u8], kind: TokenKind, closing: Closing) -> Lexeme {
        let lexeme = Lexeme { kind, start: self.start, end: self.position, closing };
        self.start = self.position;
        self.tail = match (self.tail, kind) {
            (StringTail::SameLine(quote), TokenKind::Whitespace)
                if bytes[lexeme.start..lexeme.end].iter().copied().any(is_newline) =>
            {
                StringTail::NextLine(quote)
            }
            // A string's own end has just set it.
            (tail, TokenKind::String | TokenKind::LineComment | TokenKind::Whitespace) => tail,
            _ => StringTail::None,
        };
        lexeme
    }

    fn found(&mut self, kind: TokenKind) -> Step {
        self.mode = Mode::Between;
        Step::Found(kind, Closing::Closed)
    }

    fn unterminated(&mut self, view: View<'_>, kind: TokenKind) -> Step {
        self.mode = Mode::Between;
        self.position = view.bytes.len();
        Step::Found(kind, Closing::Unterminated)
    }

    fn enter(&mut self, mode: Mode, position: usize) -> Step {
        self.mode = mode;
        self.position = position;
        Step::Again
    }

    /// psql skips a UTF-8 byte-order mark at the start of a file (`mainloop.c`); so does this.
    fn origin(&mut self, view: View<'_>) -> Step {
        if view.bytes.starts_with(BYTE_ORDER_MARK) {
            self.position = BYTE_ORDER_MARK.len();
            return self.found(TokenKind::Whitespace);
        }
        if view.input == Input::Open && BYTE_ORDER_MARK.starts_with(view.bytes) {
            return Step::Wait;
        }
        self.enter(Mode::Between, 0)
    }

    fn begin(&mut self, view: View<'_>) -> Step {
        self.start = self.position;
        let Some(&byte) = view.bytes.get(self.position) else { return Step::Wait };
        if self.dialect == Dialect::Sqlite {
            return self.begin_sqlite(view, byte);
        }
        let next = self.position + 1;
        match class_of(byte) {
            ByteClass::Space => self.enter(Mode::Space, next),
            ByteClass::Letter => self.enter(Mode::Word, next),
            ByteClass::Digit => self.enter(Mode::Number(NumberPart::Leading), self.position),
            ByteClass::Quote => {
                let quote = self.plain_quote();
                self.enter(Mode::Quoted(quote), next)
            }
            ByteClass::DoubleQuote => self.enter(Mode::Quoted(Quote::Identifier), next),
            ByteClass::Dollar => self.enter(Mode::DollarTag, next),
            ByteClass::Operator => self.comment_or_operator(view, byte),
            ByteClass::Dot | ByteClass::Colon => self.pair(view, byte),
            ByteClass::Other => {
                self.position = next;
                self.found(TokenKind::Symbol)
            }
        }
    }

    fn run(&mut self, view: View<'_>, kind: TokenKind, wanted: impl Fn(u8) -> bool) -> Step {
        self.position = view.skip_while(self.position, wanted);
        if view.peek(self.position) == Peek::NotYet { Step::Wait } else { self.found(kind) }
    }

    /// `{identifier}`, and the one-letter prefixes of strings.
    fn word(&mut self, view: View<'_>) -> Step {
        self.position = view.skip_while(self.position, is_identifier_byte);
        let next = view.peek(self.position);
        if next == Peek::NotYet {
            return Step::Wait;
        }
        if self.dialect == Dialect::Sqlite {
            return self.sqlite_word(view);
        }
        if self.position - self.start > 1 {
            return self.found(TokenKind::Word);
        }
        match (view.bytes[self.start], next) {
            (b'e' | b'E', Peek::Byte(b'\'')) => {
                self.enter(Mode::Quoted(Quote::Escape), self.position + 1)
            }
            (b'b' | b'B' | b'x' | b'X', Peek::Byte(b'\'')) => {
                self.enter(Mode::Quoted(Quote::Bits), self.position + 1)
            }
            (b'n' | b'N', Peek::Byte(b'\'')) => {
                self.enter(Mode::Quoted(Quote::plain(self.strings)), self.position + 1)
            }
            (b'u' | b'U', Peek::Byte(b'&')) => self.unicode_prefix(view),
            _ => self.found(TokenKind::Word),
        }
    }

    /// `{xusstart}`, `{xuistart}`, and `{xufailed}` where neither quote follows.
    fn unicode_prefix(&mut self, view: View<'_>) -> Step {
        let after = self.position + 2;
        match view.peek(self.position + 1) {
            Peek::NotYet => Step::Wait,
            Peek::Byte(b'\'') => self.enter(Mode::Quoted(Quote::Plain), after),
            Peek::Byte(b'"') => self.enter(Mode::Quoted(Quote::Identifier), after),
            Peek::Byte(_) | Peek::Nothing => self.found(TokenKind::Word),
        }
    }
}
