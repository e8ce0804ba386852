//! The piece that is being read: where its body lies and what its statement does to the reading.

use crate::lexer::Lexeme;
use crate::splitter::statement::{StatementEnd, StatementTracker};
use crate::token::TokenKind;

/// What a lexeme did to the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Growing,
    /// The lexeme is the `;` that ends it.
    Complete,
    /// The lexeme is the backslash of a psql command before any statement.
    MetaCommand,
    /// The lexeme is a backslash within the statement.
    StrayBackslash,
}

/// Positions are relative to the piece's first byte, so that the buffer may move under them.
pub(super) struct Draft {
    body: Option<(usize, usize)>,
    pub(super) tracker: StatementTracker,
}

impl Draft {
    pub(super) fn new() -> Self {
        Draft { body: None, tracker: StatementTracker::new() }
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
        if lexeme.kind == TokenKind::Symbol && text == b"\\" {
            if self.body.is_some() {
                return Progress::StrayBackslash;
            }
            self.body = Some((lexeme.start - head, lexeme.end - head));
            return Progress::MetaCommand;
        }
        if self.tracker.token(lexeme.kind, text) == StatementEnd::Here {
            return Progress::Complete;
        }
        let start = self.body.map_or(lexeme.start - head, |(start, _)| start);
        self.body = Some((start, lexeme.end - head));
        Progress::Growing
    }
}
