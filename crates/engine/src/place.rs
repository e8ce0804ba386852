//! From a position in a statement to a place in a file.

use stopover_model::{DatabaseError, Excerpt, PlannedStatement, StatementError, Step};

/// The error with its place: where the server points to, else where the statement begins.
pub(crate) fn located(
    step: &Step,
    statement: Option<&PlannedStatement>,
    error: &DatabaseError,
) -> StatementError {
    let (line, column) = match statement {
        Some(statement) => position(step, statement, error.position),
        None => (1, 1),
    };
    StatementError {
        sqlstate: error.sqlstate.clone(),
        message: error.message.clone(),
        detail: error.detail.clone(),
        hint: error.hint.clone(),
        constraint: error.constraint.clone(),
        file: step.path.clone(),
        line,
        column,
        excerpt: Excerpt::cut(&step.text, line, column),
    }
}

/// Line and column from 1. `position` counts characters of the statement from 1.
fn position(step: &Step, statement: &PlannedStatement, position: Option<usize>) -> (usize, usize) {
    let Some(position) = position.filter(|&it| it > 0) else {
        return (statement.line, statement.column);
    };
    let into =
        statement.text.char_indices().nth(position - 1).map_or(statement.text.len(), |it| it.0);
    // With values put in, the text is not the file's: lines still are, columns are those of the
    // text that was sent.
    if step.text.get(statement.range.clone()) != Some(statement.text.as_str()) {
        let before = &statement.text[..into];
        let lines = before.matches('\n').count();
        let in_line = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let column = if lines == 0 { statement.column + in_line } else { in_line + 1 };
        return (statement.line + lines, column);
    }
    let byte = statement.range.start + into;
    let Some(before) = step.text.get(..byte) else { return (statement.line, statement.column) };
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let column = before[line_start..].chars().filter(|&c| c != '\u{feff}').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use stopover_model::{Boundary, Checksum, Version};

    use super::*;

    fn step(text: &str, range: std::ops::Range<usize>) -> Step {
        let before = &text[..range.start];
        let statement = PlannedStatement {
            index: 1,
            line: before.matches('\n').count() + 1,
            column: 1,
            range: range.clone(),
            text: text[range].to_owned(),
            tag: "SELECT".into(),
            locks: Vec::new(),
            copy_data: None,
            place: stopover_model::StatementPlace::Anywhere,
            session: stopover_model::SessionUse::Nothing,
        };
        Step {
            version: Version::Integer(1),
            name: "x".into(),
            path: "1_x.up.sql".into(),
            file: "1_x.up.sql".into(),
            text: text.to_owned(),
            checksum: None,
            sha256: Checksum::sha256(text.as_bytes()),
            boundary: Boundary::Transactional,
            statements: vec![statement],
            lock_timeout: None,
            statement_timeout: None,
            foreign_keys: stopover_model::ForeignKeys::Enforced,
            out_of_order: false,
            resume: None,
        }
    }

    fn place(step: &Step, position: Option<usize>) -> (usize, usize) {
        let error = DatabaseError { position, ..DatabaseError::default() };
        let located = located(step, step.statements.first(), &error);
        (located.line, located.column)
    }

    #[test]
    fn characters_count_not_bytes() {
        let step = step("-- ü\nselect 'äö',\n  nope;", 6..27);
        assert_eq!(&step.statements[0].text, "select 'äö',\n  nope");
        assert_eq!(place(&step, Some(16)), (3, 3));
        assert_eq!(place(&step, None), (2, 1));
        assert_eq!(place(&step, Some(1)), (2, 1));
    }

    #[test]
    fn values_that_were_put_in_do_not_move_lines() {
        let mut step = step("-- x\nselect '$A',\n  nope;", 5..23);
        step.statements[0].text = "select 'a longer value',\n  nope".to_owned();
        assert_eq!(place(&step, Some(28)), (3, 3));
        assert_eq!(place(&step, Some(8)), (2, 8));
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let step = step("\u{feff}selec 1;", 3..10);
        assert_eq!(place(&step, Some(1)), (1, 1));
    }
}
