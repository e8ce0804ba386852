//! Where a statement ends, and what it changes for the text after it.
//!
//! A `;` ends a statement unless it stands in parentheses (`CREATE RULE … DO (a; b)`) or in the
//! body of an SQL-standard routine (`BEGIN ATOMIC a; b; END`). By `gram.y` each statement of such
//! a body has its own `;` (`routine_body_stmt_list`), so that the body's END is the one that comes
//! right after a `;` or after ATOMIC. No other END, BEGIN or CASE (expressions, columns, labels)
//! can stand there, and none has to be counted.

use crate::copy::{CopyStdin, CopyTracker, is_any};
use crate::dialect::Dialect;
use crate::lexer::Strings;
use crate::splitter::setting::{SettingTracker, StringsChange};
use crate::splitter::trigger::TriggerTracker;
use crate::token::TokenKind;

/// Whether a token ends the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementEnd {
    Here,
    Later,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Routine {
    /// CREATE was seen, and OR, REPLACE at most.
    Prefix,
    /// In the head of a CREATE FUNCTION or PROCEDURE.
    Head,
    /// After a BEGIN in the head.
    Begin,
    /// In the body, within a statement.
    Body,
    /// In the body, where a statement or the END may begin.
    BodyStatement,
}

enum Shape {
    Unknown,
    Routine(Routine),
    Copy(CopyTracker),
    Setting(SettingTracker),
    /// Any statement of SQLite.
    Sqlite(TriggerTracker),
    Other,
}

/// Reads a statement token by token, trivia left out.
pub(crate) struct StatementTracker {
    depth: u64,
    shape: Shape,
}

impl StatementTracker {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let shape = match dialect {
            Dialect::Postgres => Shape::Unknown,
            Dialect::Sqlite => Shape::Sqlite(TriggerTracker::new()),
        };
        StatementTracker { depth: 0, shape }
    }

    /// Whether data follows the statement.
    pub(crate) fn copy(&self) -> Option<CopyStdin> {
        match &self.shape {
            Shape::Copy(copy) => copy.outcome(),
            _ => None,
        }
    }

    /// What the statement does to the meaning of plain strings.
    pub(crate) fn strings_change(&self) -> StringsChange {
        match &self.shape {
            Shape::Setting(setting) => setting.outcome(),
            _ => StringsChange::None,
        }
    }

    pub(crate) fn token(&mut self, kind: TokenKind, text: &[u8]) -> StatementEnd {
        if let Shape::Sqlite(trigger) = &mut self.shape {
            return trigger.token(kind, text);
        }
        if kind == TokenKind::Symbol {
            match text {
                b";" if self.depth == 0 && !self.in_body() => return StatementEnd::Here,
                b")" => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        match &mut self.shape {
            Shape::Unknown => self.shape = Shape::of(kind, text),
            Shape::Routine(routine) => match routine.after(kind, text, self.depth) {
                Some(next) => *routine = next,
                None => self.shape = Shape::Other,
            },
            Shape::Copy(copy) => copy.token(kind, text, self.depth),
            Shape::Setting(setting) => setting.token(kind, text),
            Shape::Sqlite(_) | Shape::Other => {}
        }
        if kind == TokenKind::Symbol && text == b"(" {
            self.depth += 1;
        }
        StatementEnd::Later
    }

    fn in_body(&self) -> bool {
        matches!(self.shape, Shape::Routine(Routine::Body | Routine::BodyStatement))
    }
}

impl Shape {
    fn of(kind: TokenKind, text: &[u8]) -> Shape {
        if kind != TokenKind::Word {
            return Shape::Other;
        }
        if is_any(text, &["create"]) {
            return Shape::Routine(Routine::Prefix);
        }
        if is_any(text, &["copy"]) {
            return Shape::Copy(CopyTracker::new());
        }
        SettingTracker::begin(text).map_or(Shape::Other, Shape::Setting)
    }
}

impl Routine {
    /// The state after a token; none when the statement is (or is from here on) like any other.
    fn after(self, kind: TokenKind, text: &[u8], depth: u64) -> Option<Routine> {
        let word = kind == TokenKind::Word && depth == 0;
        let is = |wanted: &str| word && is_any(text, &[wanted]);
        match self {
            Routine::Prefix if is("or") || is("replace") => Some(Routine::Prefix),
            Routine::Prefix if is("function") || is("procedure") => Some(Routine::Head),
            Routine::Prefix => None,
            Routine::Head | Routine::Begin if is("begin") => Some(Routine::Begin),
            Routine::Begin if is("atomic") => Some(Routine::BodyStatement),
            Routine::Head | Routine::Begin => Some(Routine::Head),
            Routine::BodyStatement if is("end") => None,
            Routine::Body | Routine::BodyStatement
                if depth == 0 && kind == TokenKind::Symbol && text == b";" =>
            {
                Some(Routine::BodyStatement)
            }
            Routine::Body | Routine::BodyStatement => Some(Routine::Body),
        }
    }
}

/// The meaning of plain strings in the session that the input describes.
pub(crate) struct SessionStrings {
    session: Strings,
    pub(crate) current: Strings,
}

impl SessionStrings {
    pub(crate) fn new() -> Self {
        SessionStrings { session: Strings::Standard, current: Strings::Standard }
    }

    pub(crate) fn apply(&mut self, change: StringsChange) {
        match change {
            StringsChange::None => {}
            StringsChange::Session(strings) => {
                (self.session, self.current) = (strings, strings);
            }
            StringsChange::Local(strings) => self.current = strings,
            StringsChange::TransactionEnd => self.current = self.session,
        }
    }
}
