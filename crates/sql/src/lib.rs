//! Stopover's SQL lexer: statements, classification and the reader of plain dumps.
//!
//! Everything here is a pure function of bytes: no I/O, no clock, no database. One lexer (after
//! PostgreSQL's own `scan.l`) serves the [`Splitter`], which cuts input of any size into exact
//! pieces, [`tokens`], which looks into one statement, and [`classify()`], which says what a
//! statement needs and locks as far as its text tells. It is not a parser: it accepts text that
//! PostgreSQL would refuse, and leaves that judgement to PostgreSQL.
//!
//! What has a [`Dialect`] also reads SQLite's SQL; everything else is PostgreSQL's.

mod added;
mod classify;
mod copy;
mod cursor;
mod dialect;
mod difference;
pub mod dump;
mod effect;
mod envelope;
mod lexer;
mod meta_command;
pub mod offending;
mod script;
mod session;
mod splitter;
mod token;

pub use added::{Added, added};
pub use classify::{
    Classification, LockClaim, LockMode, TransactionControl, TransactionNeed, classify,
    classify_in, classify_with,
};
pub use copy::{CopyFormat, CopyStdin};
pub use dialect::Dialect;
pub use difference::{Difference, difference};
pub use effect::{Effect, effect};
pub use envelope::{Envelope, chains, envelope, envelope_modes};
pub use lexer::Strings;
pub use meta_command::{Guard, MetaCommand};
pub use script::{ScriptError, Statement, statements, statements_in};
pub use session::{SessionTrace, session_trace};
pub use splitter::{
    COPY_BLOCK_BYTES, DEFAULT_STATEMENT_LIMIT, Piece, PieceKind, SplitError, SplitErrorKind,
    Splitter,
};
pub use token::{Token, TokenKind, tokens, tokens_in};
