//! Finding the end of the next piece, in each of the splitter's phases.

use memchr::memchr;

use super::copy_block::Cut;
use super::draft::Progress;
use super::{Found, Phase, PieceKind, SplitErrorKind, Splitter, Wrong, count_lines};
use crate::copy::CopyStdin;
use crate::lexer::{Closing, Input, Lexeme, is_space};
use crate::token::TokenKind;

impl Splitter {
    /// The next piece, when its end is known. Every answer depends on the bytes alone, never on
    /// how they were cut into chunks.
    pub(super) fn find(&mut self) -> Result<Option<Found>, Wrong> {
        match self.phase {
            Phase::Sql => self.find_statement(),
            Phase::MetaCommand => self.find_meta_command(),
            Phase::CopyLine(copy) => self.find_copy_line(copy),
            Phase::CopyData { .. } => self.find_copy_data(),
        }
    }

    fn find_statement(&mut self) -> Result<Option<Found>, Wrong> {
        loop {
            let lexeme = self.lexer.next(&self.buffer, self.input);
            let token = lexeme.map_or(self.lexer.token_start(), |lexeme| lexeme.start);
            self.check_size(token, self.lexer.position())?;
            let Some(lexeme) = lexeme else { return self.find_rest() };
            if lexeme.closing == Closing::Unterminated {
                return Err(self.unterminated(&lexeme));
            }
            match self.draft.add(&lexeme, &self.buffer, self.head) {
                Progress::Growing => {}
                Progress::Complete => return self.complete(lexeme.end),
                Progress::MetaCommand => {
                    self.phase = Phase::MetaCommand;
                    return self.find_meta_command();
                }
                Progress::StrayBackslash => {
                    let kind = SplitErrorKind::BackslashInStatement;
                    return Err(Wrong { kind, at: lexeme.start });
                }
            }
        }
    }

    /// After the `;` at the end of a statement, or of nothing.
    fn complete(&mut self, end: usize) -> Result<Option<Found>, Wrong> {
        let Some(body) = self.draft.body() else {
            return Ok(Some(Found { kind: PieceKind::Blank, end, body: None, copy: None }));
        };
        if let Some(copy) = self.draft.tracker.copy() {
            self.phase = Phase::CopyLine(copy);
            return self.find_copy_line(copy);
        }
        Ok(Some(Found { kind: PieceKind::Statement, end, body: Some(body), copy: None }))
    }

    /// When the lexer has nothing more to give: the last statement may lack its `;`.
    fn find_rest(&mut self) -> Result<Option<Found>, Wrong> {
        let end = self.buffer.len();
        if self.input == Input::Open || end == self.head {
            return Ok(None);
        }
        let body = self.draft.body();
        if body.is_some() && self.draft.tracker.copy().is_some() {
            return Err(Wrong { kind: SplitErrorKind::UnterminatedCopy { rows: 0 }, at: end });
        }
        let kind = if body.is_some() { PieceKind::Statement } else { PieceKind::Blank };
        Ok(Some(Found { kind, end, body, copy: None }))
    }

    /// A psql command goes up to the end of its line; psql's lines end with a line feed.
    fn find_meta_command(&mut self) -> Result<Option<Found>, Wrong> {
        let searched = self.lexer.position();
        let end = match memchr(b'\n', &self.buffer[searched..]) {
            Some(length) => searched + length + 1,
            None => self.buffer.len(),
        };
        self.check_size(searched, end)?;
        if self.input == Input::Open && self.buffer[..end].last() != Some(&b'\n') {
            self.lexer.jump(end);
            return Ok(None);
        }
        let body = self.draft.body().map(|body| {
            let text = self.buffer[self.head + body.start..end].trim_ascii_end();
            body.start..body.start + text.len()
        });
        Ok(Some(Found { kind: PieceKind::MetaCommand, end, body, copy: None }))
    }

    /// The rest of the line after `COPY … FROM stdin;`: white space, or a `--` comment.
    fn find_copy_line(&mut self, copy: CopyStdin) -> Result<Option<Found>, Wrong> {
        let rest = self.lexer.position();
        let line = &self.buffer[rest..];
        let blank =
            line.iter().position(|&byte| byte == b'\n' || !is_space(byte)).unwrap_or(line.len());
        let end = match &line[blank..] {
            [b'\n', ..] => Some(blank + 1),
            [] | [b'-'] if self.input == Input::Open => None,
            [] => None,
            [b'-', b'-', ..] => memchr(b'\n', &line[blank..]).map(|length| blank + length + 1),
            _ => {
                self.check_size(rest, rest + blank + 1)?;
                return Err(Wrong { kind: SplitErrorKind::TextAfterCopy, at: rest + blank });
            }
        };
        self.check_size(rest, rest + end.unwrap_or(line.len()))?;
        match end {
            Some(length) => Ok(Some(Found {
                kind: PieceKind::Statement,
                end: rest + length,
                body: self.draft.body(),
                copy: Some(copy),
            })),
            None if self.input == Input::Open => Ok(None),
            None => {
                let kind = SplitErrorKind::UnterminatedCopy { rows: 0 };
                Err(Wrong { kind, at: self.buffer.len() })
            }
        }
    }

    fn find_copy_data(&mut self) -> Result<Option<Found>, Wrong> {
        let Phase::CopyData { cutter, rows } = &mut self.phase else { return Ok(None) };
        let data = &self.buffer[self.head..];
        let found = |kind, length, body| Found { kind, end: self.head + length, body, copy: None };
        match cutter.cut(data, self.input) {
            Cut::Data(length) => Ok(Some(found(PieceKind::CopyData, length, Some(0..length)))),
            Cut::End(length) => Ok(Some(found(PieceKind::CopyEnd, length, Some(0..2)))),
            Cut::Wait => Ok(None),
            Cut::Missing => {
                let rows = *rows + count_lines(data);
                let kind = SplitErrorKind::UnterminatedCopy { rows };
                Err(Wrong { kind, at: self.buffer.len() })
            }
        }
    }

    /// Refuses a piece that reaches up to `end`; `token` is where the token there began.
    fn check_size(&self, token: usize, end: usize) -> Result<(), Wrong> {
        if end - self.head <= self.limit {
            return Ok(());
        }
        let at = self.draft.body().map_or(token, |body| self.head + body.start);
        Err(Wrong { kind: SplitErrorKind::StatementTooLarge { limit: self.limit }, at })
    }

    fn unterminated(&self, lexeme: &Lexeme) -> Wrong {
        let text = &self.buffer[lexeme.start..lexeme.end];
        let kind = match lexeme.kind {
            TokenKind::QuotedIdent => match text.first() {
                Some(b'[') => SplitErrorKind::UnterminatedName { close: ']' },
                Some(b'`') => SplitErrorKind::UnterminatedName { close: '`' },
                _ => SplitErrorKind::UnterminatedIdentifier,
            },
            TokenKind::BlockComment => SplitErrorKind::UnterminatedComment,
            TokenKind::DollarString => {
                let length = memchr(b'$', &text[1..]).map_or(text.len(), |second| second + 2);
                let tag = String::from_utf8_lossy(&text[..length]).into_owned();
                SplitErrorKind::UnterminatedDollarQuote { tag }
            }
            _ => SplitErrorKind::UnterminatedString,
        };
        Wrong { kind, at: lexeme.start }
    }
}
