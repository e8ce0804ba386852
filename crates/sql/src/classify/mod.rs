//! What a statement is, what it needs and what it locks, as far as its text tells.
//!
//! Everything is read from tables: [`commands`] has a row for each command, [`alter_table`] one for
//! each ALTER TABLE action. The lock modes are those of PostgreSQL's documentation ("Explicit
//! Locking" and each command's page) and, where that is silent, of its source; each table says
//! which. What text cannot tell (the table of an index that is dropped, the partitions of a table,
//! what a function does) is not claimed: the rehearsal measures that.

mod alter_table;
mod commands;
mod create_table;
mod lock_mode;
mod maintenance;
mod pattern;
mod query;
mod reading;
mod row_marks;
mod sqlite;
mod subscription;
mod words;

pub use lock_mode::{LockClaim, LockMode};
pub(crate) use words::Words;

use crate::copy::CopyStdin;
use crate::dialect::Dialect;
use crate::lexer::{Input, Lexer, Strings};
use crate::splitter::StatementTracker;
use crate::token::TokenKind;
use reading::Reading;
use words::Significant;

/// What a statement is, needs and locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// PostgreSQL's command tag, as `CREATE TABLE` or `DO`, and the like for SQLite; for an
    /// unknown command its first word in capitals.
    pub tag: String,
    /// Whether it can run in a transaction block.
    pub transaction: TransactionNeed,
    /// What it does to transactions, if anything.
    pub control: Option<TransactionControl>,
    /// The relations it locks and how strongly: each once, in the order of the text.
    pub locks: Vec<LockClaim>,
    /// Whether its COPY data follows in the text.
    pub copy: Option<CopyStdin>,
    /// What holds in a transaction block only with a restriction.
    pub caveat: Option<String>,
}

/// Whether a statement can run in a transaction block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionNeed {
    /// Inside or outside, as far as text tells.
    Either,
    /// Only outside: the server refuses it in a transaction block.
    Outside {
        /// Why, in the server's words.
        reason: String,
    },
}

/// What a statement does to transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionControl {
    /// BEGIN, START TRANSACTION
    Begin,
    /// COMMIT, END
    Commit,
    /// ROLLBACK, ABORT
    Rollback,
    /// SAVEPOINT
    Savepoint,
    /// RELEASE SAVEPOINT
    ReleaseSavepoint,
    /// ROLLBACK TO SAVEPOINT
    RollbackTo,
    /// PREPARE TRANSACTION
    PrepareTransaction,
    /// COMMIT PREPARED
    CommitPrepared,
    /// ROLLBACK PREPARED
    RollbackPrepared,
    /// SET TRANSACTION
    SetTransaction,
}

/// Classifies one PostgreSQL statement, with or without its `;`, under
/// `standard_conforming_strings = on`.
#[must_use]
pub fn classify(statement: &str) -> Classification {
    classify_with(statement, Strings::Standard)
}

/// Classifies one statement of a dialect, with or without its `;`.
#[must_use]
pub fn classify_in(dialect: Dialect, statement: &str) -> Classification {
    match dialect {
        Dialect::Postgres => classify(statement),
        Dialect::Sqlite => {
            let significant = significant(dialect, statement, Strings::Standard);
            let mut reading = Reading::new();
            sqlite::read(Words::new(&significant), &mut reading);
            reading.into_classification(None)
        }
    }
}

/// Classifies one PostgreSQL statement as it reads where it stands; see [`crate::Piece::strings`].
#[must_use]
pub fn classify_with(statement: &str, strings: Strings) -> Classification {
    let significant = significant(Dialect::Postgres, statement, strings);
    let mut reading = Reading::new();
    commands::read(Words::new(&significant), &mut reading);
    let mut tracker = StatementTracker::new(Dialect::Postgres);
    for token in &significant {
        tracker.token(token.kind, token.text.as_bytes());
    }
    reading.into_classification(tracker.copy())
}

/// The tokens that mean something, up to the final `;`.
pub(crate) fn significant(
    dialect: Dialect,
    statement: &str,
    strings: Strings,
) -> Vec<Significant<'_>> {
    let mut lexer = Lexer::new(dialect, strings);
    let lexemes = std::iter::from_fn(|| lexer.next(statement.as_bytes(), Input::Ended));
    let mut significant: Vec<_> = lexemes
        .filter(|lexeme| !lexeme.kind.is_trivia())
        .map(|lexeme| Significant { kind: lexeme.kind, text: &statement[lexeme.start..lexeme.end] })
        .collect();
    if significant.last().is_some_and(|last| last.kind == TokenKind::Symbol && last.text == ";") {
        significant.pop();
    }
    significant
}
