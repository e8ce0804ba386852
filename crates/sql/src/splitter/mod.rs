//! Splits SQL text of any size, in chunks of any size, into exact pieces.
//!
//! The same code reads a migration of ten lines and a dump of a hundred gigabytes: memory holds
//! one statement or one block of COPY data, and what was fed and not yet taken. It does not say
//! what statements mean (see [`crate::classify()`]) and never changes a byte.

mod copy_block;
mod draft;
mod error;
mod find;
mod piece;
mod setting;
mod statement;
mod trigger;

pub use copy_block::COPY_BLOCK_BYTES;
pub use error::{SplitError, SplitErrorKind};
pub use piece::{Piece, PieceKind};
pub(crate) use statement::StatementTracker;

use std::ops::Range;

use memchr::memchr_iter;

use copy_block::CopyCutter;
use draft::Draft;
use statement::SessionStrings;

use crate::copy::CopyStdin;
use crate::dialect::Dialect;
use crate::lexer::{Input, Lexer};

/// The most bytes of a statement unless [`Splitter::with_limit`] says otherwise: as much as
/// PostgreSQL takes in one message.
pub const DEFAULT_STATEMENT_LIMIT: usize = 1 << 30;

/// A buffer that has grown beyond this is given back when it is no longer needed.
const KEPT_CAPACITY: usize = 8 << 20;

/// A splitter that is fed chunks, and asked for pieces until it has none.
pub struct Splitter {
    buffer: Vec<u8>,
    /// Where the next piece begins in the buffer.
    head: usize,
    /// The place of the buffer's first byte in the input.
    base: u64,
    /// The line at `head`.
    line: u64,
    input: Input,
    limit: usize,
    dialect: Dialect,
    lexer: Lexer,
    draft: Draft,
    strings: SessionStrings,
    phase: Phase,
    failure: Option<SplitError>,
}

enum Phase {
    Sql,
    /// In the line of a psql command.
    MetaCommand,
    /// After the `;` of a COPY from stdin, in the same line.
    CopyLine(CopyStdin),
    CopyData {
        cutter: CopyCutter,
        rows: u64,
    },
}

/// A piece as positions in the buffer; `body` is relative to `head`.
struct Found {
    kind: PieceKind,
    end: usize,
    body: Option<Range<usize>>,
    copy: Option<CopyStdin>,
}

/// What is wrong, and where in the buffer.
struct Wrong {
    kind: SplitErrorKind,
    at: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// A splitter of PostgreSQL's SQL with the [`DEFAULT_STATEMENT_LIMIT`].
    #[must_use]
    pub fn new() -> Self {
        Self::of(Dialect::Postgres)
    }

    /// A splitter of a dialect with the [`DEFAULT_STATEMENT_LIMIT`].
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        Self::limited(dialect, DEFAULT_STATEMENT_LIMIT)
    }

    /// A splitter of PostgreSQL's SQL that refuses a statement (with the trivia before it) of
    /// more than `max_statement_bytes`.
    #[must_use]
    pub fn with_limit(max_statement_bytes: usize) -> Self {
        Self::limited(Dialect::Postgres, max_statement_bytes)
    }

    fn limited(dialect: Dialect, max_statement_bytes: usize) -> Self {
        let strings = SessionStrings::new();
        Splitter {
            buffer: Vec::new(),
            head: 0,
            base: 0,
            line: 1,
            input: Input::Open,
            limit: max_statement_bytes,
            dialect,
            lexer: Lexer::new(dialect, strings.current),
            draft: Draft::new(dialect),
            strings,
            phase: Phase::Sql,
            failure: None,
        }
    }

    /// Takes the next bytes of the input. Take all pieces before feeding more: what is not taken
    /// is kept in memory. What is fed after [`Splitter::end`] is not read.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.input == Input::Ended || self.failure.is_some() {
            return;
        }
        self.forget_taken();
        self.buffer.extend_from_slice(chunk);
    }

    /// Tells that no more input comes.
    pub fn end(&mut self) {
        self.input = Input::Ended;
    }

    /// The place in the input up to which pieces were given out.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.base + self.head as u64
    }

    /// The next piece; `None` when it takes more input to know it, or when all is given out.
    ///
    /// # Errors
    /// What makes the input unreadable from here on; every later call says the same.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, SplitError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        match self.find() {
            Ok(found) => Ok(found.map(|found| self.take(found))),
            Err(wrong) => {
                let failure = self.error(wrong);
                self.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn forget_taken(&mut self) {
        if self.head == 0 {
            return;
        }
        self.buffer.drain(..self.head);
        self.lexer.shift(self.head);
        self.base += self.head as u64;
        self.head = 0;
        if self.buffer.capacity() > KEPT_CAPACITY && self.buffer.len() < KEPT_CAPACITY / 2 {
            self.buffer.shrink_to(KEPT_CAPACITY);
        }
    }

    fn error(&self, wrong: Wrong) -> SplitError {
        SplitError {
            kind: wrong.kind,
            offset: self.base + wrong.at as u64,
            line: self.line + count_lines(&self.buffer[self.head..wrong.at]),
        }
    }

    /// Cuts the piece off, and prepares for the next.
    fn take(&mut self, found: Found) -> Piece<'_> {
        let (head, offset, line, strings) =
            (self.head, self.offset(), self.line, self.strings.current);
        let line_ends = count_lines(&self.buffer[head..found.end]);
        self.head = found.end;
        self.line += line_ends;
        self.lexer.jump(found.end);
        self.prepare(&found, line_ends);
        let bytes = &self.buffer[head..found.end];
        let body = found.body.unwrap_or(bytes.len()..bytes.len());
        let data = found.kind == PieceKind::CopyData;
        Piece {
            kind: found.kind,
            offset,
            line,
            bytes,
            body_line: line + if data { 0 } else { count_lines(&bytes[..body.start]) },
            body,
            copy: found.copy,
            rows: if data { line_ends } else { 0 },
            row_end: !data || bytes.ends_with(b"\n"),
            strings,
        }
    }

    /// Sets what the piece changes for the text after it.
    fn prepare(&mut self, found: &Found, line_ends: u64) {
        match found.kind {
            PieceKind::CopyData => {
                if let Phase::CopyData { rows, .. } = &mut self.phase {
                    *rows += line_ends;
                }
                return;
            }
            PieceKind::Statement if found.copy.is_some() => {
                self.phase = Phase::CopyData { cutter: CopyCutter::new(), rows: 0 };
            }
            PieceKind::Statement
            | PieceKind::Blank
            | PieceKind::CopyEnd
            | PieceKind::MetaCommand => self.phase = Phase::Sql,
        }
        let draft = std::mem::replace(&mut self.draft, Draft::new(self.dialect));
        self.strings.apply(draft.tracker.strings_change());
        self.lexer.set_strings(self.strings.current);
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
