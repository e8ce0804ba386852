//! A statement's error as a compiler shows one, as it is shown on a terminal.

use stopover_model::{Excerpt, StatementError};

use crate::markup::Markup;
use crate::sql_error::{condition_name, next_step};

use super::{LONGEST, clipped, prose};

/// A long line is cut this far from the mark: characters.
const AROUND: usize = 300;

pub(super) fn panel(page: &mut Markup, error: &StatementError) {
    page.line();
    let panel = [("class", "error"), ("aria-label", "The error")];
    page.element("section", &panel, |page| {
        page.of("h2", "", &clipped(&error.headline(), LONGEST));
        let file = clipped(&error.file, 400);
        page.of("p", "place", &format!("{file}:{}:{}", error.line, error.column));
        if let Some(excerpt) = &error.excerpt {
            page.element("pre", &[("tabindex", "0")], |page| lines(page, excerpt));
        }
        page.element("dl", &[], |page| facts(page, error));
    });
}

fn facts(page: &mut Markup, error: &StatementError) {
    let state = error.sqlstate.as_ref().map(|code| match condition_name(code) {
        Some(name) => format!("{code} ({name})"),
        None => code.clone(),
    });
    let facts = [
        ("SQLSTATE", state),
        ("constraint", error.constraint.clone()),
        ("detail", error.detail.clone()),
        ("hint", error.hint.clone()),
        ("next", Some(next_step(error))),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            page.of("dt", "", name);
            page.element("dd", &[], |page| prose(page, &value));
        }
    }
}

fn lines(page: &mut Markup, excerpt: &Excerpt) {
    let digits = excerpt.last_line().to_string().len();
    for (at, line) in excerpt.lines.iter().enumerate() {
        let number = excerpt.first_line.saturating_add(at);
        let is_marked = number == excerpt.line;
        let class = if is_marked { "line marked" } else { "line" };
        page.element("span", &[("class", class)], |page| {
            page.of("span", "number", &format!("{number:>digits$}"));
            page.text(" ");
            if is_marked {
                marked(page, line, excerpt);
            } else {
                page.text(&clipped(line, 2 * AROUND));
            }
        });
        page.line();
    }
}

fn marked(page: &mut Markup, line: &str, excerpt: &Excerpt) {
    let column = excerpt.column.saturating_sub(1);
    let skipped = column.saturating_sub(AROUND);
    let mut rest = line.chars().skip(skipped);
    let before: String = rest.by_ref().take(column - skipped).collect();
    let mark: String = rest.by_ref().take(excerpt.width.min(AROUND)).collect();
    let after: String = rest.take(AROUND).collect();
    page.text(if skipped > 0 { "…" } else { "" });
    page.text(&before);
    page.of("mark", "", if mark.is_empty() { " " } else { &mark });
    page.text(&after);
}
