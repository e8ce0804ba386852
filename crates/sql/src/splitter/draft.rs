//! The piece that is being read: where its body lies and what its statement does to the reading.

use crate::dialect::Dialect;
use crate::lexer::Lexeme;
use crate::splitter::statement::{StatementEnd, StatementTracker};
use crate::token::TokenKind;

/// What a lexeme did to the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Growing,
    /// The lexeme is the `;` that ends it.
    Complete,
    /// The lexeme begins a command of psql (a backslash) or of SQLite's shell (a dot) before any
    /// statement.
    MetaCommand,
    /// The lexeme is a backslash within the statement.
    StrayBackslash,
}

/// Positions are relative to the piece's first byte, so that the buffer may move under them.
pub(super) struct Draft {
    body: Option<(usize, usize)>,
    dialect: Dialect,
    pub(super) tracker: StatementTracker,
}

impl Draft {
    pub(super) fn new(dialect: Dialect) -> Self {
        Draft { body: None, dialect, tracker: StatementTracker::new(dialect) }
    }

    /// From the first to after the last token that is not trivia and not the final `;`.
    pub(super) fn body(&self) -> Option<std::ops::Range<usize>> {
        self.body.map(|(start, end)| start..end)
    }

    /// Takes the next lexeme; `head` is where the piece begins in the buffer.
    pub(super) fn add(&mut self, lexeme: &Lexeme, bytes: &[u8], head: usize) -> Progress {
        if lexeme.kind.is_trivia() {
            return Progress::Growing;
        }
        let text = &bytes[lexeme.start..lexeme.end];
        if lexeme.kind == TokenKind::Symbol {
            let begins = match self.dialect {
                Dialect::Postgres => text == b"\\",
                // Inside of a statement a dot is a dot.
                Dialect::Sqlite => text == b"." && self.body.is_none(),
            };
            if begins && self.body.is_some() {
                return Progress::StrayBackslash;
            }
            if begins {
                self.body = Some((lexeme.start - head, lexeme.end - head));
                return Progress::MetaCommand;
            }
        }
        if self.tracker.token(lexeme.kind, text) == StatementEnd::Here {
            return Progress::Complete;
        }
        let start = self.body.map_or(lexeme.start - head, |(start, _)| start);
        self.body = Some((start, lexeme.end - head));
        Progress::Growing
    }
}
