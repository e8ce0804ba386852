//! What a server said when it refused a statement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Excerpt;

/// SQLSTATEs that the tool acts on. Source: PostgreSQL's documentation, appendix A.
pub mod sqlstate {
    /// `not_null_violation`
    pub const NOT_NULL_VIOLATION: &str = "23502";
    /// `foreign_key_violation`
    pub const FOREIGN_KEY_VIOLATION: &str = "23503";
    /// `unique_violation`
    pub const UNIQUE_VIOLATION: &str = "23505";
    /// `check_violation`
    pub const CHECK_VIOLATION: &str = "23514";
    /// `in_failed_sql_transaction`
    pub const IN_FAILED_TRANSACTION: &str = "25P02";
    /// `deadlock_detected`
    pub const DEADLOCK_DETECTED: &str = "40P01";
    /// `insufficient_privilege`
    pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
    /// `undefined_table`
    pub const UNDEFINED_TABLE: &str = "42P01";
    /// `disk_full`
    pub const DISK_FULL: &str = "53100";
    /// `lock_not_available`
    pub const LOCK_NOT_AVAILABLE: &str = "55P03";
    /// `query_canceled`
    pub const QUERY_CANCELED: &str = "57014";
}

/// What an error means to whoever has to go on: each backend says it of its own codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same would happen again.
    #[default]
    Final,
    /// Somebody else was in the way (a lock not to be had in time, a deadlock): worth trying
    /// again.
    Contention,
    /// The disk of the database is full: what ran there has no part in it.
    NoRoom,
}

/// An error as the server reports it, field by field.
///
/// Source of the fields: PostgreSQL's documentation, "Error and Notice Message Fields".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseError {
    /// What it means to whoever has to go on.
    pub class: ErrorClass,
    /// Five characters; `None` where the error is not the server's.
    pub sqlstate: Option<String>,
    /// The primary message.
    pub message: String,
    /// The detail field.
    pub detail: Option<String>,
    /// The hint field.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<usize>,
    /// The call stack of an error inside a function.
    pub context: Option<String>,
    /// Schema of the object that it is about.
    pub schema: Option<String>,
    /// Table of the object that it is about.
    pub table: Option<String>,
    /// Column that it is about.
    pub column: Option<String>,
    /// Constraint that it is about.
    pub constraint: Option<String>,
}

impl DatabaseError {
    /// An error that is not the server's: a broken connection, a failure on our side.
    pub fn local(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Whether the SQLSTATE is `code`.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.sqlstate.as_deref() == Some(code)
    }
}

/// The error of one statement, with its place in the file: as reports hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatementError {
    /// Five characters; null where the error is not the server's.
    pub sqlstate: Option<String>,
    /// The server's message.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// The constraint that it is about.
    pub constraint: Option<String>,
    /// The migration's file.
    pub file: String,
    /// Line in the file, from 1: of the error's position, else of the statement's first line.
    pub line: usize,
    /// Column in that line, from 1, in characters.
    pub column: usize,
    /// The lines around it; null where the file's text was not at hand.
    pub excerpt: Option<Excerpt>,
}

impl StatementError {
    /// `message`, followed by what makes it actionable on one line: constraint and detail.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut text = self.message.clone();
        if let Some(constraint) = &self.constraint
            && !text.contains(constraint.as_str())
        {
            text.push_str(&format!(" (constraint \"{constraint}\")"));
        }
        text
    }
}
