//! The statements of a script that is a part of its file, or has values put into it: with their
//! places in the file.

use std::ops::Range;

use stopover_model::{Boundaries, Extent, Passage, Script};
use stopover_sql::{
    Classification, Dialect, ScriptError, Statement, TransactionNeed, statements_in,
};

/// Why a script has no statements.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The line of the file, from 1.
    pub(crate) line: usize,
    /// What is wrong there.
    pub(crate) reason: String,
}

/// The statements of a script, in order.
///
/// # Errors
/// Everything for which it has none, in order.
pub(crate) fn statements(
    script: &Script,
    dialect: Dialect,
) -> Result<Vec<Statement>, Vec<Unreadable>> {
    let passages = match &script.extent {
        Extent::Whole => {
            return statements_in(dialect, &script.text).map_err(|errors| unreadable(&errors, 0));
        }
        Extent::Passages(passages) => passages,
    };
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for passage in passages {
        let expanded = Expanded::of(&script.text, passage);
        let before = lines_before(&script.text, passage.range.start);
        let inner = match statements_in(dialect, &expanded.text) {
            Ok(inner) => inner,
            Err(errors) => {
                wrong.extend(unreadable(&errors, before));
                continue;
            }
        };
        let placed = |it| expanded.placed(&script.text, it);
        match passage.boundaries {
            Boundaries::Text => found.extend(inner.into_iter().map(placed)),
            Boundaries::Marked => match merged(inner, &expanded.text) {
                Ok(whole) => found.extend(whole.map(placed)),
                Err(error) => wrong.push(error),
            },
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    for (at, statement) in found.iter_mut().enumerate() {
        statement.index = at + 1;
    }
    Ok(found)
}

fn lines_before(text: &str, place: usize) -> usize {
    text.as_bytes().iter().take(place).filter(|&&byte| byte == b'\n').count()
}

fn unreadable(errors: &[ScriptError], lines_before: usize) -> Vec<Unreadable> {
    errors.iter().map(|error| place_of(error, lines_before)).collect()
}

fn place_of(error: &ScriptError, lines_before: usize) -> Unreadable {
    let text = match error {
        ScriptError::Split(error) => error.kind.to_string(),
        other => other.to_string(),
    };
    // The line stands in the place.
    let reason = text.strip_prefix(&format!("line {}: ", error.line()));
    let line = usize::try_from(error.line()).unwrap_or(usize::MAX);
    Unreadable {
        line: line.saturating_add(lines_before),
        reason: reason.map_or_else(|| text.clone(), str::to_owned),
    }
}

/// What is between an author's marks, as the one statement that it is to be: from the beginning
/// of its first statement to the end of its last.
fn merged(
    inner: Vec<Statement>,
    text: &str,
) -> Result<impl Iterator<Item = Statement> + use<>, Unreadable> {
    let mut rest = inner.into_iter();
    let mut whole = rest.next();
    for next in rest {
        let Some(whole) = &mut whole else { break };
        if whole.copy_data.is_some() || next.copy_data.is_some() {
            let reason = "COPY … FROM stdin must be a statement of its own".to_owned();
            return Err(Unreadable { line: next.line, reason });
        }
        whole.range.end = next.range.end;
        whole.text = text[whole.range.clone()].to_owned();
        add(&mut whole.classification, next.classification);
    }
    Ok(whole.into_iter())
}

/// What holds for two statements that are sent as one. The tag is the first one's.
fn add(whole: &mut Classification, next: Classification) {
    if whole.transaction == TransactionNeed::Either {
        whole.transaction = next.transaction;
    }
    whole.control = whole.control.or(next.control);
    whole.caveat = whole.caveat.take().or(next.caveat);
    for lock in next.locks {
        if !whole.locks.contains(&lock) {
            whole.locks.push(lock);
        }
    }
}

/// The text of a passage with values in the place of what asks for them.
struct Expanded {
    text: String,
    /// Where the passage begins in the file.
    start: usize,
    /// Pieces of the expanded text that were put in, and what they stand for in the file.
    put: Vec<(Range<usize>, Range<usize>)>,
}

impl Expanded {
    fn of(file: &str, passage: &Passage) -> Self {
        let mut text = String::new();
        let mut put = Vec::new();
        let mut at = passage.range.start;
        for substitution in &passage.substitutions {
            text.push_str(&file[at..substitution.range.start]);
            let start = text.len();
            text.push_str(&substitution.text);
            put.push((start..text.len(), substitution.range.clone()));
            at = substitution.range.end;
        }
        text.push_str(&file[at..passage.range.end]);
        Self { text, start: passage.range.start, put }
    }

    /// The place in the file of a place in the expanded text. Inside of a value it is the place
    /// of what asks for it.
    fn place(&self, place: usize) -> usize {
        let before = self.put.iter().take_while(|(put, _)| put.start < place).last();
        match before {
            None => self.start + place,
            Some((put, from)) if place < put.end => from.start,
            Some((put, from)) => from.end + (place - put.end),
        }
    }

    fn placed(&self, file: &str, mut statement: Statement) -> Statement {
        let range = self.place(statement.range.start)..self.place(statement.range.end);
        let line_start = file[..range.start].rfind('\n').map_or(0, |end| end + 1);
        statement.line = lines_before(file, range.start) + 1;
        let before = file[line_start..range.start].trim_start_matches('\u{feff}');
        statement.column = before.chars().count() + 1;
        statement.range = range;
        statement.copy_data =
            statement.copy_data.map(|data| self.place(data.start)..self.place(data.end));
        statement
    }
}
