//! What a plain dump by pg_dump says of itself, and whether it is whole.
//!
//! A layer over [`crate::Splitter`]: it is shown each piece, keeps a few facts and no data. It
//! reads nothing by itself and runs nothing. A dump that was cut off (a disk that was full, a
//! connection that broke) is told by its missing trailer, and by where it broke off.

mod encoding;
mod header;

pub use encoding::lexable_encoding;

use std::fmt;

use thiserror::Error;

use crate::classify::{Words, significant};
use crate::copy::CopyStdin;
use crate::dialect::Dialect;
use crate::meta_command::MetaCommand;
use crate::splitter::{Piece, PieceKind, SplitError, SplitErrorKind};
use header::{comments, setting};

const SERVER_VERSION: &str = "-- Dumped from database version ";
const PG_DUMP_VERSION: &str = "-- Dumped by pg_dump version ";
const TRAILERS: [&str; 2] =
    ["-- PostgreSQL database dump complete", "-- PostgreSQL database cluster dump complete"];

/// Whether the dump's trailer was seen, with nothing of weight after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trailer {
    Missing,
    Seen,
}

/// Where in a dump something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpPlace {
    /// The byte of the decompressed dump.
    pub offset: u64,
    /// The table whose COPY data is there, as written in the dump.
    pub table: Option<String>,
    /// The rows of that data before that byte.
    pub rows: u64,
}

impl fmt::Display for DumpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.offset)?;
        match &self.table {
            Some(table) => write!(f, ", in table {table}, after {} rows", self.rows),
            None => Ok(()),
        }
    }
}

/// Why a dump is not whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DumpError {
    /// The text ends within something.
    #[error("the dump breaks off at {place}")]
    BrokenOff {
        /// Where the text ends.
        place: DumpPlace,
    },
    /// The text ends between statements, but pg_dump had not finished.
    #[error(
        "the dump ends at {place}, without the line \"-- PostgreSQL database dump complete\" that \
         pg_dump writes last"
    )]
    NoTrailer {
        /// Where the text ends.
        place: DumpPlace,
    },
    /// The text is none that a dump can have.
    #[error("the dump cannot be read at {place}: {error}")]
    Unreadable {
        /// Where the reading stopped.
        place: DumpPlace,
        /// What is wrong there.
        error: SplitError,
    },
}

/// Watches the pieces of a plain dump.
#[derive(Clone, Debug)]
pub struct DumpScanner {
    server_version: Option<String>,
    pg_dump_version: Option<String>,
    client_encoding: Option<String>,
    trailer: Trailer,
    table: Option<String>,
    copy: Option<CopyStdin>,
    rows: u64,
    total_rows: u64,
    end: u64,
}

impl Default for DumpScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl DumpScanner {
    /// A scanner before the first piece.
    #[must_use]
    pub fn new() -> Self {
        DumpScanner {
            server_version: None,
            pg_dump_version: None,
            client_encoding: None,
            trailer: Trailer::Missing,
            table: None,
            copy: None,
            rows: 0,
            total_rows: 0,
            end: 0,
        }
    }

    /// Takes note of the next piece; all pieces must come, in order.
    pub fn piece(&mut self, piece: &Piece<'_>) {
        self.end = piece.offset + piece.bytes.len() as u64;
        match piece.kind {
            PieceKind::CopyData => {
                self.rows += piece.rows;
                self.total_rows += piece.rows;
            }
            PieceKind::CopyEnd => self.leave_table(),
            PieceKind::Statement => {
                self.read_comments(piece);
                self.trailer = Trailer::Missing;
                self.read_statement(piece);
            }
            PieceKind::MetaCommand => {
                self.read_comments(piece);
                if MetaCommand::parse(piece.body_bytes()).guard() != Some(crate::Guard::Unrestrict)
                {
                    self.trailer = Trailer::Missing;
                }
            }
            PieceKind::Blank => self.read_comments(piece),
        }
    }

    /// The version of the server that was dumped, as `15.14 (Debian 15.14-1)`.
    #[must_use]
    pub fn server_version(&self) -> Option<&str> {
        self.server_version.as_deref()
    }

    /// The version of the pg_dump that wrote this.
    #[must_use]
    pub fn pg_dump_version(&self) -> Option<&str> {
        self.pg_dump_version.as_deref()
    }

    /// The encoding of the dump's text, as its `SET client_encoding` names it.
    #[must_use]
    pub fn client_encoding(&self) -> Option<&str> {
        self.client_encoding.as_deref()
    }

    /// The table of the COPY data that is being read, as written, with unquoted parts in lower
    /// case.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The format of the COPY data that is being read.
    #[must_use]
    pub fn copy(&self) -> Option<CopyStdin> {
        self.copy
    }

    /// The rows seen of that data.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows seen in all tables.
    #[must_use]
    pub fn total_rows(&self) -> u64 {
        self.total_rows
    }

    /// Where the pieces shown so far end.
    #[must_use]
    pub fn place(&self) -> DumpPlace {
        DumpPlace { offset: self.end, table: self.table.clone(), rows: self.rows }
    }

    /// Judges the dump when its text has ended; `bytes` is the length of all of it, and `result`
    /// what the splitter said last.
    ///
    /// # Errors
    /// When the dump is not whole.
    pub fn finish(&self, bytes: u64, result: Result<(), SplitError>) -> Result<(), DumpError> {
        let mut place = DumpPlace { offset: bytes, ..self.place() };
        match result {
            Ok(()) if self.trailer == Trailer::Seen => Ok(()),
            Ok(()) => Err(DumpError::NoTrailer { place }),
            Err(error) => match error.kind {
                SplitErrorKind::UnterminatedCopy { rows } => {
                    place.rows = rows;
                    Err(DumpError::BrokenOff { place })
                }
                SplitErrorKind::UnterminatedString
                | SplitErrorKind::UnterminatedIdentifier
                | SplitErrorKind::UnterminatedName { .. }
                | SplitErrorKind::UnterminatedDollarQuote { .. }
                | SplitErrorKind::UnterminatedComment => Err(DumpError::BrokenOff { place }),
                SplitErrorKind::TextAfterCopy
                | SplitErrorKind::BackslashInStatement
                | SplitErrorKind::StatementTooLarge { .. } => {
                    place.offset = error.offset;
                    Err(DumpError::Unreadable { place, error })
                }
            },
        }
    }

    fn leave_table(&mut self) {
        self.table = None;
        self.copy = None;
        self.rows = 0;
    }

    fn read_statement(&mut self, piece: &Piece<'_>) {
        if piece.copy.is_some() {
            let text = String::from_utf8_lossy(piece.body_bytes());
            let tokens = significant(Dialect::Postgres, &text, piece.strings);
            let mut words = Words::new(&tokens);
            self.table = if words.eat("COPY [BINARY]") { words.relation() } else { None };
            self.copy = piece.copy;
            self.rows = 0;
        } else if self.client_encoding.is_none() {
            self.client_encoding = setting("client_encoding", piece.body_bytes());
        }
    }

    /// pg_dump's header and trailer are comments, which stand before some piece's body or, at the
    /// end, in a blank piece.
    fn read_comments(&mut self, piece: &Piece<'_>) {
        for comment in comments(piece.leading_trivia()) {
            if TRAILERS.contains(&comment) {
                self.trailer = Trailer::Seen;
            } else if let Some(version) = comment.strip_prefix(SERVER_VERSION) {
                self.server_version.get_or_insert_with(|| version.trim().to_owned());
            } else if let Some(version) = comment.strip_prefix(PG_DUMP_VERSION) {
                self.pg_dump_version.get_or_insert_with(|| version.trim().to_owned());
            }
        }
    }
}
