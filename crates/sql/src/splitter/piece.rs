//! What a splitter gives out.

use std::ops::Range;

use crate::copy::CopyStdin;
use crate::lexer::Strings;

/// What a piece of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// One statement with its `;` (the last of a file may lack it) and the trivia before it. That
    /// of a `COPY … FROM stdin` includes the rest of its line.
    Statement,
    /// White space, comments and a lone `;`.
    Blank,
    /// Data of a COPY: whole lines of it, or a part of a line that is longer than
    /// [`crate::COPY_BLOCK_BYTES`].
    CopyData,
    /// The line `\.` that ends the data of a COPY.
    CopyEnd,
    /// A line with a command of psql, or of SQLite's shell, that stands outside of any statement,
    /// and the trivia before it.
    MetaCommand,
}

/// A part of the input. The bytes of all pieces, joined, are the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub kind: PieceKind,
    /// The place of its first byte in the whole input.
    pub offset: u64,
    /// The line of its first byte, from 1. Lines end with a line feed.
    pub line: u64,
    /// Exactly what stands there.
    pub bytes: &'a [u8],
    /// The part of `bytes` that means something: without the white space and comments around it
    /// and without the final `;`. Empty, at the end, when there is no such part.
    pub body: Range<usize>,
    /// The line where the body starts, from 1.
    pub body_line: u64,
    /// For a statement: whether COPY data follows, and in which format.
    pub copy: Option<CopyStdin>,
    /// For COPY data: how many line ends it holds, which in text format is how many rows end in it.
    pub rows: u64,
    /// For COPY data: false when the piece ends within a line.
    pub row_end: bool,
    /// How plain strings are to be read in this piece.
    pub strings: Strings,
}

impl<'a> Piece<'a> {
    /// The bytes of the body.
    #[must_use]
    pub fn body_bytes(&self) -> &'a [u8] {
        &self.bytes[self.body.clone()]
    }

    /// The white space and comments (and, in a blank piece, the `;`) before the body.
    #[must_use]
    pub fn leading_trivia(&self) -> &'a [u8] {
        &self.bytes[..self.body.start]
    }

    /// The place of the body's first byte in the whole input.
    #[must_use]
    pub fn body_offset(&self) -> u64 {
        self.offset + self.body.start as u64
    }
}
