//! A whole script that is in memory, as a migration is: its statements, with places and meaning.

use std::ops::Range;

use thiserror::Error;

use crate::classify::{Classification, classify_in, classify_with};
use crate::dialect::Dialect;
use crate::meta_command::MetaCommand;
use crate::splitter::{Piece, PieceKind, SplitError, Splitter};

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its place among the script's statements, from 1.
    pub index: usize,
    /// The bytes of its body in the script.
    pub range: Range<usize>,
    /// The line of its first character, from 1.
    pub line: usize,
    /// The column of its first character, in characters, from 1.
    pub column: usize,
    /// Its body: without the white space and comments around it and without the final `;`.
    pub text: String,
    /// What it is and needs.
    pub classification: Classification,
    /// The bytes of its inline COPY data, without the line `\.`.
    pub copy_data: Option<Range<usize>>,
}

/// Why a script cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    /// It cannot be split into statements.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// It has a psql command other than the two that guard a plain dump.
    #[error("line {line}: psql command `\\{command}` is not SQL and does not run here; remove it")]
    MetaCommand {
        /// The line of the backslash, from 1.
        line: u64,
        /// The command's name, without the backslash.
        command: String,
    },
    /// It has a command of SQLite's shell.
    #[error("line {line}: `{command}` is a command of the sqlite3 shell and no SQL; remove it")]
    ShellCommand {
        /// The line of the dot, from 1.
        line: u64,
        /// The command's name, with its dot.
        command: String,
    },
}

impl ScriptError {
    /// The line that the error is about, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        match self {
            ScriptError::Split(error) => error.line,
            ScriptError::MetaCommand { line, .. } | ScriptError::ShellCommand { line, .. } => *line,
        }
    }
}

/// The statements of a PostgreSQL script, in order.
///
/// psql's `\restrict TOKEN` and `\unrestrict TOKEN`, as pg_dump writes them, are accepted and
/// dropped.
///
/// # Errors
/// Every other psql command, and what the splitter refuses: all that was found, in order.
pub fn statements(script: &str) -> Result<Vec<Statement>, Vec<ScriptError>> {
    statements_in(Dialect::Postgres, script)
}

/// The statements of a script in a dialect, in order.
///
/// # Errors
/// As [`statements`]; in SQLite's any command of its shell, which begins with a dot.
pub fn statements_in(dialect: Dialect, script: &str) -> Result<Vec<Statement>, Vec<ScriptError>> {
    let mut splitter = Splitter::of(dialect);
    splitter.feed(script.as_bytes());
    splitter.end();
    let mut statements: Vec<Statement> = Vec::new();
    let mut column = Column { place: 0, before: 0 };
    let mut errors = Vec::new();
    loop {
        let piece = match splitter.next_piece() {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            // Behind it nobody knows what is a statement.
            Err(error) => {
                errors.push(error.into());
                break;
            }
        };
        match piece.kind {
            PieceKind::Statement => {
                let index = statements.len() + 1;
                statements.push(read(dialect, script, &piece, index, &mut column));
            }
            PieceKind::CopyData => {
                let end = place(piece.offset) + piece.bytes.len();
                if let Some(data) = statements.last_mut().and_then(|last| last.copy_data.as_mut()) {
                    data.end = end;
                }
            }
            PieceKind::MetaCommand => errors.extend(accept(dialect, &piece).err()),
            PieceKind::Blank | PieceKind::CopyEnd => {}
        }
    }
    if errors.is_empty() { Ok(statements) } else { Err(errors) }
}

fn accept(dialect: Dialect, piece: &Piece<'_>) -> Result<(), ScriptError> {
    if dialect == Dialect::Sqlite {
        let line = String::from_utf8_lossy(piece.body_bytes());
        let command = line.split_whitespace().next().unwrap_or_default().to_owned();
        return Err(ScriptError::ShellCommand { line: piece.body_line, command });
    }
    let command = MetaCommand::parse(piece.body_bytes());
    if command.guard().is_some() {
        return Ok(());
    }
    Err(ScriptError::MetaCommand { line: piece.body_line, command: command.name })
}

/// Counts columns once over the script: many statements may share a long line.
struct Column {
    place: usize,
    /// The characters before `place` in its line.
    before: usize,
}

impl Column {
    /// The column of a later place, from 1.
    fn at(&mut self, script: &str, place: usize) -> usize {
        let passed = &script[self.place..place];
        let (line, before) = match passed.rfind('\n') {
            Some(end) => (&passed[end + 1..], 0),
            None if self.place == 0 => (passed.trim_start_matches('\u{FEFF}'), 0),
            None => (passed, self.before),
        };
        self.before = before + line.chars().count();
        self.place = place;
        self.before + 1
    }
}

fn read(
    dialect: Dialect,
    script: &str,
    piece: &Piece<'_>,
    index: usize,
    column: &mut Column,
) -> Statement {
    let start = place(piece.offset);
    let range = start + piece.body.start..start + piece.body.end;
    let text = script[range.clone()].to_owned();
    let data = start + piece.bytes.len();
    Statement {
        index,
        line: usize::try_from(piece.body_line).unwrap_or(usize::MAX),
        column: column.at(script, range.start),
        classification: match dialect {
            Dialect::Postgres => classify_with(&text, piece.strings),
            Dialect::Sqlite => classify_in(dialect, &text),
        },
        copy_data: piece.copy.map(|_| data..data),
        range,
        text,
    }
}

/// A place in a script that is in memory.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
