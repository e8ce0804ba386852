//! `BEGIN … COMMIT` around a whole file, and transaction control that cannot be replaced by the
//! runner's own transaction.

use crate::classify::{TransactionControl, Words, significant};
use crate::dialect::Dialect;
use crate::lexer::Strings;
use crate::script::Statement;

/// How a script handles transactions by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Not at all.
    None,
    /// Its first statement begins a transaction, its last commits it, and none between ends it:
    /// the runner's transaction can take its place. Savepoints may stand inside.
    Whole,
    /// It begins or ends a transaction in some other place.
    Broken {
        /// The line of the statement, from 1.
        line: usize,
        /// What it is, as `COMMIT`.
        what: String,
    },
}

/// Recognises an envelope.
///
/// Savepoints and `SET TRANSACTION` belong to whatever transaction there is and break nothing.
/// `COMMIT AND CHAIN` begins another transaction and is never the end of an envelope.
#[must_use]
pub fn envelope(statements: &[Statement]) -> Envelope {
    let (inner, kind) = match statements {
        [first, inner @ .., last] if begins(first) && commits(last) => (inner, Envelope::Whole),
        all => (all, Envelope::None),
    };
    match inner.iter().find(|statement| breaks(statement)) {
        Some(statement) => {
            Envelope::Broken { line: statement.line, what: statement.classification.tag.clone() }
        }
        None => kind,
    }
}

fn begins(statement: &Statement) -> bool {
    statement.classification.control == Some(TransactionControl::Begin)
}

fn commits(statement: &Statement) -> bool {
    statement.classification.control == Some(TransactionControl::Commit) && !chains(&statement.text)
}

/// `COMMIT AND CHAIN`, `ROLLBACK AND CHAIN`: the end of one transaction, and the beginning of the
/// next.
#[must_use]
pub fn chains(end: &str) -> bool {
    let significant = significant(Dialect::Postgres, end, Strings::Standard);
    Words::new(&significant).eat("COMMIT|END|ROLLBACK|ABORT [WORK|TRANSACTION] AND CHAIN")
}

/// The transaction modes that the BEGIN of a PostgreSQL envelope asks for, as `ISOLATION LEVEL
/// SERIALIZABLE`: a transaction that takes its place must keep them.
#[must_use]
pub fn envelope_modes(statements: &[Statement]) -> Option<String> {
    let first = statements.first().filter(|first| begins(first))?;
    let significant = significant(Dialect::Postgres, &first.text, Strings::Standard);
    let mut words = Words::new(&significant);
    if !words.eat("START TRANSACTION") {
        words.eat("BEGIN [WORK|TRANSACTION]");
    }
    let modes: Vec<&str> = words.rest().iter().map(|token| token.text).collect();
    if modes.is_empty() { None } else { Some(modes.join(" ")) }
}

fn breaks(statement: &Statement) -> bool {
    match statement.classification.control {
        Some(
            TransactionControl::Begin
            | TransactionControl::Commit
            | TransactionControl::Rollback
            | TransactionControl::PrepareTransaction
            | TransactionControl::CommitPrepared
            | TransactionControl::RollbackPrepared,
        ) => true,
        Some(
            TransactionControl::Savepoint
            | TransactionControl::ReleaseSavepoint
            | TransactionControl::RollbackTo
            | TransactionControl::SetTransaction,
        )
        | None => false,
    }
}
