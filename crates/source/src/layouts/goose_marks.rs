//! goose's marks: which bytes of a file are its up and its down script.
//!
//! After `internal/sqlparser/parser.go`. Two things differ. A line in a string, a dollar quote or
//! a block comment is never a mark: goose would cut the file there, so no file that works with
//! goose has one. And statements outside of `StatementBegin` and `StatementEnd` end where
//! PostgreSQL ends them, not at a line with a semicolon.

use std::ops::Range;

use stopover_model::{Boundaries, Extent, Finding, Passage, TransactionMark};

use super::one_file::{Part, Parts, bad_parts, marked_text};
use crate::environment::{self, Environment};
use crate::lines::{Comments, Line, lines};

const UP_REMEDY: &str = "begin the file with a line -- +goose Up";
const KNOWN: &str = "the marks are, at the beginning of a line after `-- +goose`: Up, Down, \
                     StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON, ENVSUB OFF";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Up,
    Down,
    StatementBegin,
    StatementEnd,
    NoTransaction,
    SubstitutionOn,
    SubstitutionOff,
}

impl Mark {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Up, "Up"),
        (Self::Down, "Down"),
        (Self::StatementBegin, "StatementBegin"),
        (Self::StatementEnd, "StatementEnd"),
        (Self::NoTransaction, "NO TRANSACTION"),
        (Self::SubstitutionOn, "ENVSUB ON"),
        (Self::SubstitutionOff, "ENVSUB OFF"),
    ];

    /// Reads the mark of a line that holds `+goose` (`extractAnnotation`).
    fn read(line: &str) -> Result<Self, String> {
        if line.starts_with([' ', '\t']) {
            return Err("a mark must stand at the beginning of its line".to_owned());
        }
        let text = line.replace("--", "").replacen("+goose", "", 1);
        let text = text.trim();
        let found = Self::ALL.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(mark, _)| mark).ok_or_else(|| format!("`+goose {text}` is no mark"))
    }
}

/// Tells the parts of a file apart.
pub(super) fn parts(path: &str, text: &str, environment: Environment<'_>) -> Parts {
    let mut reader = Reader::new(path, text, environment);
    let comments = Comments::of(text);
    for line in lines(text) {
        let is_mark = line.text.trim_start().starts_with("--") && line.text.contains("+goose");
        match (comments.has(&line), is_mark) {
            (true, true) => reader.marked(&line),
            // Nothing is put into comments: there it would only be in the way.
            (true, false) => {}
            (false, _) => {
                if is_mark {
                    reader.findings.push(marked_text(path, line.number, "goose"));
                }
                reader.plain(&line);
            }
        }
    }
    reader.end()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Before,
    Up,
    Down,
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    environment: Environment<'a>,
    section: Section,
    /// The first line before all marks that is no comment.
    stray: Option<usize>,
    /// Where the passage that is open began, and who bounds its statements.
    open: (usize, Boundaries),
    /// Ranges in which the environment is put in, with their lines.
    substituted: Vec<(usize, Range<usize>)>,
    is_substituting: bool,
    transaction: TransactionMark,
    up: Vec<Passage>,
    down: Vec<Passage>,
    starts: (usize, usize),
    findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a str, text: &'a str, environment: Environment<'a>) -> Self {
        Self {
            path,
            text,
            environment,
            section: Section::Before,
            stray: None,
            open: (0, Boundaries::Text),
            substituted: Vec::new(),
            is_substituting: false,
            transaction: TransactionMark::Unmarked,
            up: Vec::new(),
            down: Vec::new(),
            starts: (0, 0),
            findings: Vec::new(),
        }
    }

    fn problem(&mut self, line: usize, reason: &str, remedy: &str) {
        self.findings.push(bad_parts(self.path, line, reason, remedy));
    }

    /// Takes a line that is no mark.
    fn plain(&mut self, line: &Line<'_>) {
        let text = line.text.trim();
        if self.section == Section::Before {
            if !text.is_empty() {
                self.stray.get_or_insert(line.number);
            }
        } else if self.is_substituting {
            self.substituted.push((line.number, line.range.clone()));
        }
    }

    fn marked(&mut self, line: &Line<'_>) {
        let mark = match Mark::read(line.text) {
            Ok(mark) => mark,
            Err(reason) => return self.problem(line.number, &reason, KNOWN),
        };
        let is_inside = self.open.1 == Boundaries::Marked;
        match (mark, self.section) {
            (Mark::NoTransaction, _) => {
                let mark = "-- +goose NO TRANSACTION".to_owned();
                self.transaction = TransactionMark::NoTransaction(mark);
            }
            (Mark::SubstitutionOn, _) => self.is_substituting = true,
            (Mark::SubstitutionOff, _) => self.is_substituting = false,
            (Mark::Up, Section::Before) => {
                if let Some(stray) = self.stray {
                    let reason = "there is SQL before -- +goose Up, which goose refuses";
                    self.problem(stray, reason, "move it below -- +goose Up");
                }
                self.section = Section::Up;
                self.open = (line.next, Boundaries::Text);
            }
            (Mark::Up, _) => self.problem(line.number, "there is a second -- +goose Up", KNOWN),
            (Mark::Down, Section::Up) if !is_inside => {
                self.close(line.range.start);
                self.section = Section::Down;
                self.starts.1 = line.range.start;
                self.open = (line.next, Boundaries::Text);
            }
            (Mark::Down, _) => {
                let reason = "-- +goose Down must come once, after -- +goose Up";
                self.problem(line.number, reason, KNOWN);
            }
            (Mark::StatementBegin | Mark::StatementEnd, section) => {
                let fits = section != Section::Before && is_inside == (mark == Mark::StatementEnd);
                self.bound(line, mark, fits);
            }
        }
    }

    /// Begins or ends a statement that the author bounds.
    fn bound(&mut self, line: &Line<'_>, mark: Mark, fits: bool) {
        if !fits {
            let reason = "-- +goose StatementBegin and StatementEnd must stand in pairs, below \
                          -- +goose Up or Down";
            return self.problem(line.number, reason, KNOWN);
        }
        self.close(line.range.start);
        let is_begin = mark == Mark::StatementBegin;
        let boundaries = if is_begin { Boundaries::Marked } else { Boundaries::Text };
        self.open = (line.next, boundaries);
    }

    /// Ends the open passage.
    fn close(&mut self, end: usize) {
        let (start, boundaries) = self.open;
        let range = start..end;
        let mut substitutions = Vec::new();
        for (line, piece) in std::mem::take(&mut self.substituted) {
            match environment::substitutions(self.text, piece, self.environment) {
                Ok(found) => substitutions.extend(found),
                Err(reason) => self.findings.push(unset(self.path, line, &reason)),
            }
        }
        let passage = Passage { range: range.clone(), boundaries, substitutions };
        let passages = if self.section == Section::Down { &mut self.down } else { &mut self.up };
        if !self.text[range].trim().is_empty() {
            passages.push(passage);
        }
    }

    fn end(mut self) -> Parts {
        let last = lines(self.text).last().map_or(1, |line| line.number);
        if self.section == Section::Before {
            let line = self.stray.unwrap_or(last);
            self.problem(line, "there is no line -- +goose Up", UP_REMEDY);
        } else {
            if self.open.1 == Boundaries::Marked {
                let reason = "-- +goose StatementBegin has no StatementEnd";
                self.problem(last, reason, "end the statement with -- +goose StatementEnd");
            }
            self.close(self.text.len());
        }
        let part = |passages, start| Part {
            extent: Extent::Passages(passages),
            start,
            mark: self.transaction.clone(),
        };
        Parts {
            down: (self.section == Section::Down).then(|| part(self.down, self.starts.1)),
            up: part(self.up, self.starts.0),
            findings: self.findings,
        }
    }
}

fn unset(path: &str, line: usize, reason: &str) -> Finding {
    let place = format!("{path}:{line}");
    Finding::error(
        "bad-substitution",
        place.clone(),
        format!("{place}: {reason}; -- +goose ENVSUB ON asks for it"),
        "set the variable where stopover runs, write ${NAME:-default}, or end the part with \
         -- +goose ENVSUB OFF",
    )
}
