//! dbmate's marks: which bytes of a file are its up and its down script.
//!
//! After `pkg/dbmate/migration.go`. Three things differ. A line in a string, a dollar quote or a
//! block comment is never a mark (dbmate would cut the file there, so no file that works with it
//! has one). An option that dbmate does not know is an error, not nothing. And a file without a
//! down part is read, with a warning; dbmate refuses it.

use std::ops::Range;

use stopover_model::{Boundaries, Extent, Finding, Passage, TransactionMark};

use super::one_file::{Part, Parts, bad_parts, marked_text};
use crate::lines::{Comments, Line, lines};

const ORDER: &str = "a file has one line -- migrate:up, and below it one line -- migrate:down";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Up,
    Down,
}

/// The mark that a line is for dbmate, and its options: `upRegExp`, `downRegExp`.
fn mark(line: &str) -> Option<(Mark, &str)> {
    let text = line.strip_prefix("--")?.trim_start().strip_prefix("migrate:")?;
    let (mark, options) = text
        .strip_prefix("up")
        .map(|rest| (Mark::Up, rest))
        .or_else(|| text.strip_prefix("down").map(|rest| (Mark::Down, rest)))?;
    (options.is_empty() || options.starts_with(char::is_whitespace)).then_some((mark, options))
}

/// A part as far as it is read.
struct Open {
    /// Its mark.
    line: Range<usize>,
    /// Where the text below the mark begins.
    body: usize,
    transaction: TransactionMark,
}

/// Tells the parts of a file apart.
pub(super) fn parts(path: &str, text: &str) -> Parts {
    let mut reader = Reader { path, up: None, down: None, stray: None, findings: Vec::new() };
    let comments = Comments::of(text);
    for line in lines(text) {
        match mark(line.text) {
            Some((mark, options)) if comments.has(&line) => reader.marked(&line, mark, options),
            Some(_) => {
                reader.findings.push(marked_text(path, line.number, "dbmate"));
                reader.plain(&line);
            }
            None if comments.has(&line) => {}
            None => reader.plain(&line),
        }
    }
    reader.end(text)
}

struct Reader<'a> {
    path: &'a str,
    up: Option<Open>,
    down: Option<Open>,
    /// The first line before all marks that is no comment.
    stray: Option<usize>,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn problem(&mut self, line: usize, reason: &str, remedy: &str) {
        self.findings.push(bad_parts(self.path, line, reason, remedy));
    }

    fn plain(&mut self, line: &Line<'_>) {
        if self.up.is_none() && self.down.is_none() && !line.text.trim().is_empty() {
            self.stray.get_or_insert(line.number);
        }
    }

    fn marked(&mut self, line: &Line<'_>, mark: Mark, options: &str) {
        let transaction = self.options(line, options);
        let open = Open { line: line.range.clone(), body: line.next, transaction };
        match (mark, &self.up, &self.down) {
            (Mark::Up, None, None) => {
                self.up = Some(open);
                if let Some(stray) = self.stray {
                    let reason = "there is SQL before -- migrate:up, which dbmate refuses";
                    self.problem(stray, reason, "move it below -- migrate:up");
                }
            }
            (Mark::Down, Some(_), None) => self.down = Some(open),
            // Newer versions of dbmate run every block and record the version each time, which
            // its table refuses from the second on.
            (Mark::Up, Some(_), _) => {
                let remedy = "split the file into migrations of their own";
                self.problem(line.number, "there is a second -- migrate:up", remedy);
            }
            (Mark::Up, None, Some(_)) | (Mark::Down, ..) => {
                self.problem(line.number, "this mark stands out of its order", ORDER);
            }
        }
    }

    /// Reads `transaction:false`.
    fn options(&mut self, line: &Line<'_>, options: &str) -> TransactionMark {
        let mut transaction = TransactionMark::Unmarked;
        for option in options.split_whitespace() {
            match option {
                "transaction:false" => {
                    let mark = line.text.trim_end().to_owned();
                    transaction = TransactionMark::NoTransaction(mark);
                }
                "transaction:true" => {}
                other => {
                    let place = format!("{}:{}", self.path, line.number);
                    self.findings.push(Finding::error(
                        "bad-directive",
                        place.clone(),
                        format!("{place}: `{other}` is no option of dbmate's marks"),
                        "the option is transaction:false, or transaction:true",
                    ));
                }
            }
        }
        transaction
    }

    fn end(mut self, text: &str) -> Parts {
        let last = lines(text).last().map_or(1, |line| line.number);
        if self.up.is_none() {
            let line = self.stray.unwrap_or(last);
            self.problem(line, "there is no line -- migrate:up", ORDER);
        } else if self.down.is_none() {
            self.findings.push(Finding::warning(
                "missing-down",
                self.path,
                format!("{} has no line -- migrate:down: dbmate refuses the file", self.path),
                "add the line at the end, with nothing below it if the change cannot be undone",
            ));
        }
        let up_end = self.down.as_ref().map_or(text.len(), |down| down.line.start);
        let up = self.up.map(|open| part(text, open, 0, up_end));
        let down = self.down.map(|open| {
            let start = open.line.start;
            part(text, open, start, text.len())
        });
        let nothing = || Part {
            extent: Extent::Passages(Vec::new()),
            start: 0,
            mark: TransactionMark::Unmarked,
        };
        Parts { up: up.unwrap_or_else(nothing), down, findings: self.findings }
    }
}

fn part(text: &str, open: Open, start: usize, end: usize) -> Part {
    let range = open.body..end;
    let passage =
        Passage { range: range.clone(), boundaries: Boundaries::Text, substitutions: Vec::new() };
    let is_blank = text[range].trim().is_empty();
    let passages = if is_blank { Vec::new() } else { vec![passage] };
    Part { extent: Extent::Passages(passages), start, mark: open.transaction }
}
