//! What was seen from outside of a tool of the user's own: its sessions on the timeline, and the
//! statements that held locks or took long.
//!
//! Nobody tells when that tool's statements began and ended; how far apart the looks were is said
//! wherever times stand that come of them.

use std::collections::BTreeMap;

use stopover_model::report::{CommandReport, RehearsalReport, SessionStatementReport};

use crate::markup::Markup;
use crate::picture::{Picture, Seen};
use crate::{facts, text, units};

use super::axis::Axis;
use super::chart::{box_of, lane};
use super::grid::{Column, Named, grid};
use super::migrations::locks_that_matter;
use super::{clipped, section as part};

/// Sessions with a lane of their own; more are folded away.
const LANES: usize = 8;
/// Statements that are unfolded from the beginning.
const SHOWN: usize = 50;

/// What a timeline of such looks shows, and what it cannot.
pub(super) fn told(command: &CommandReport, is_drawn: bool) -> String {
    let Some(looks) = command.looks.as_ref().map(facts::looks) else {
        return "Nobody observed the command's sessions: which locks they took is not known."
            .to_owned();
    };
    if !is_drawn {
        return format!(
            "Seen from outside, by looking {looks}: no lock that others wait for, and no long \
             statement. What was held for a shorter time may be missing."
        );
    }
    format!(
        "Seen from outside, by looking {looks}. Each row is a table. Its bars are locks, from the \
         look before the one that showed them to the transaction's end, or to the look that missed \
         them; below them, when reads and writes had to wait. What was held for a shorter time may \
         be missing."
    )
}

/// How the times of tables came about, behind what is said of them.
pub(super) fn how(command: &CommandReport) -> String {
    match command.looks.as_ref().map(facts::looks) {
        Some(looks) => format!(" Seen from outside, by looking {looks}."),
        None => " Nobody observed the command's sessions.".to_owned(),
    }
}

/// A lane for each session.
pub(super) fn lanes(page: &mut Markup, sessions: &BTreeMap<u32, Vec<Seen<'_>>>, axis: Axis) {
    for (number, seen) in sessions.iter().take(LANES) {
        session(page, *number, seen, axis);
    }
    if sessions.len() > LANES {
        page.element("details", &[("class", "folded")], |page| {
            let more = text::plural(sessions.len() - LANES, "more session");
            page.of("summary", "", &more);
            for (number, seen) in sessions.iter().skip(LANES) {
                session(page, *number, seen, axis);
            }
        });
    }
}

fn session(page: &mut Markup, number: u32, seen: &[Seen<'_>], axis: Axis) {
    lane(page, &format!("session {number}"), |page| {
        for (at, it) in seen.iter().enumerate() {
            let (x, width, href) = (axis.x(it.span.from), axis.width(it.span), anchor(it.place));
            let class = if at.is_multiple_of(2) { "even" } else { "odd" };
            page.element("a", &[("class", class), ("href", &href), ("tabindex", "-1")], |page| {
                let (length, from) = (units::duration(it.span.length()), axis.since(it.span.from));
                let told = statement(it.statement);
                page.of("title", "", &format!("{told}\n{length}, from {from} on"));
                box_of(page, &x, &width);
            });
        }
    });
}

/// `session 1: ALTER TABLE …`.
pub(super) fn statement(seen: &SessionStatementReport) -> String {
    format!("session {}: {}", seen.session, clipped(facts::seen(seen), 200))
}

/// The link to a statement: its place in the report, nothing that others wrote.
pub(super) fn anchor(place: usize) -> String {
    format!("#{}", id(place))
}

fn id(place: usize) -> String {
    format!("o{place}")
}

/// The statements that were seen.
pub(super) fn section(page: &mut Markup, report: &RehearsalReport, picture: Option<&Picture<'_>>) {
    let Some(command) = &report.command else { return };
    let statements = command.statements.as_deref().unwrap_or_default();
    if statements.is_empty() {
        return;
    }
    let rewritten = match facts::rewrites(command) {
        Some(names) if command.rewrites.as_ref().is_some_and(|it| !it.is_empty()) => {
            format!(" Tables rewritten, by whichever of them: {}.", clipped(&names, 1_000))
        }
        _ => String::new(),
    };
    let told = format!(
        "Those that held a lock others wait for, or took long. A lock stands with the statement \
         that ran when it was first seen: a short one before may have taken it. A tool that sends \
         a script at once has one statement for all of it. Their rows and their WAL are not \
         known.{rewritten}"
    );
    // Counted as on the timeline.
    let axis = picture.map(|it| Axis::of(it.span));
    part(page, "statements", "Statements of the command, seen from outside", &told, |page| {
        if statements.len() <= SHOWN {
            return table(page, statements, axis);
        }
        page.element("details", &[], |page| {
            page.of("summary", "", &text::plural(statements.len(), "statement"));
            table(page, statements, axis);
        });
    });
}

fn table(page: &mut Markup, statements: &[SessionStatementReport], axis: Option<Axis>) {
    const HEADS: [Column; 5] = [
        ("num", "session"),
        ("num", "from"),
        ("num", "time"),
        ("", "statement"),
        ("", "locks that matter"),
    ];
    grid(page, &Named { label: "Statements", class: "outside" }, &HEADS, |page| {
        for (place, it) in statements.iter().enumerate() {
            row(page, place, it, axis);
        }
    });
}

fn row(page: &mut Markup, place: usize, seen: &SessionStatementReport, axis: Option<Axis>) {
    page.line();
    page.element("tr", &[("id", &id(place))], |page| {
        page.of("td", "num", &seen.session.to_string());
        let from = axis.map_or_else(String::new, |it| it.since(seen.from_ms));
        page.of("td", "num", &from);
        page.of("td", "num", &units::duration(seen.duration_ms));
        page.element("td", &[("class", "sql")], |page| {
            page.of("code", "", &clipped(facts::seen(seen), 200));
        });
        page.element("td", &[], |page| locks_that_matter(page, &seen.locks));
    });
}
