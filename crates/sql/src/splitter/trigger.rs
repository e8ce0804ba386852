//! Where a statement of SQLite's ends.
//!
//! A `;` ends it, except in the body of a trigger, whose statements each have their own: it ends
//! with `;`, END, `;`. No other END (of a CASE) can stand right after a `;`, so that none has to
//! be counted. Source: `sqlite3_complete` in SQLite's `src/complete.c`, whose states these are.

use crate::copy::is_any;
use crate::splitter::statement::StatementEnd;
use crate::token::TokenKind;

/// Reads a statement token by token, trivia left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TriggerTracker {
    /// Before the first token.
    Start,
    /// EXPLAIN was seen, and QUERY, PLAN at most.
    Explain,
    /// CREATE was seen, and TEMP or TEMPORARY at most.
    Create,
    /// In a CREATE TRIGGER.
    Trigger,
    /// After a `;` in it.
    Semicolon,
    /// After the END that follows such a `;`.
    End,
    /// In a statement that the next `;` ends.
    Plain,
}

impl TriggerTracker {
    pub(super) fn new() -> Self {
        Self::Start
    }

    pub(super) fn token(&mut self, kind: TokenKind, text: &[u8]) -> StatementEnd {
        let is_semicolon = kind == TokenKind::Symbol && text == b";";
        if is_semicolon && !matches!(self, Self::Trigger | Self::Semicolon) {
            return StatementEnd::Here;
        }
        let is = |words: &[&str]| kind == TokenKind::Word && is_any(text, words);
        *self = match self {
            Self::Start if is(&["explain"]) => Self::Explain,
            Self::Explain if is(&["query", "plan"]) => Self::Explain,
            Self::Start | Self::Explain if is(&["create"]) => Self::Create,
            Self::Create if is(&["temp", "temporary"]) => Self::Create,
            Self::Create if is(&["trigger"]) => Self::Trigger,
            Self::Trigger | Self::Semicolon if is_semicolon => Self::Semicolon,
            Self::Semicolon if is(&["end"]) => Self::End,
            Self::Trigger | Self::Semicolon | Self::End => Self::Trigger,
            Self::Start | Self::Explain | Self::Create | Self::Plain => Self::Plain,
        };
        StatementEnd::Later
    }
}
