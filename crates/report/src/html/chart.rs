//! The timeline: a row for each table that was locked, and the migrations and their statements
//! below, on one axis.

use stopover_model::report::{MigrationStatus, RehearsalReport};

use crate::markup::Markup;
use crate::picture::{Picture, Ran, Row, Span};
use crate::{text, units};

use super::axis::{Axis, ZOOMS};
use super::{bars, clipped, outside};

/// Rows that are shown at once; more are folded away.
const ROWS: usize = 25;
/// Statements and migrations that are drawn one by one; of more, neighbours closer than this part
/// of the axis (in percent) are drawn as one.
const SINGLE: usize = 400;
const CLOSE: f64 = 0.1;
/// Migrations wider than this (in percent) have their version in them.
const WORDS: f64 = 3.0;

/// The section of the timeline; nothing where nothing ran.
pub(super) fn section(page: &mut Markup, report: &RehearsalReport, picture: Option<&Picture<'_>>) {
    let Some(told) = told(report, picture) else { return };
    super::section(page, "timeline", "Timeline", &told, |page| {
        if let Some(picture) = picture {
            legend(page);
            zoom(page);
            chart(page, report, picture);
        }
    });
}

/// What is seen there, and how well.
fn told(report: &RehearsalReport, picture: Option<&Picture<'_>>) -> Option<String> {
    if let Some(command) = &report.command {
        return Some(outside::told(command, picture.is_some()));
    }
    let ran = report.migrations.iter().any(|it| it.duration_ms.is_some());
    let told = match picture {
        Some(_) => {
            "Each row is a table. Its bars are locks, from their beginning to the \
             transaction's end; below them, when reads and writes had to wait."
        }
        None => "Nobody observed when statements ran and which locks they took.",
    };
    ran.then(|| told.to_owned())
}

fn legend(page: &mut Markup) {
    const KEYS: [(&str, &str); 5] = [
        ("all", "lock: no reads, no writes"),
        ("some", "lock: no writes"),
        ("none", "lock that reads and writes do not wait for"),
        ("reads", "reads were shut out"),
        ("writes", "writes were shut out"),
    ];
    page.element("ul", &[("class", "legend")], |page| {
        for (class, told) in KEYS {
            page.element("li", &[], |page| {
                page.element(
                    "svg",
                    &[("width", "22"), ("height", "12"), ("aria-hidden", "true")],
                    |page| {
                        page.element("g", &[("class", class)], |page| {
                            let shape =
                                [("y", "1"), ("width", "22"), ("height", "10"), ("rx", "2")];
                            page.empty("rect", &shape);
                        });
                    },
                );
                page.text(told);
            });
        }
    });
    // What the windows are filled with. Not `display: none`: some browsers drop patterns then.
    let hidden = [("class", "patterns"), ("width", "0"), ("height", "0"), ("aria-hidden", "true")];
    page.element("svg", &hidden, |page| {
        for (id, class) in [("stripes-all", "all"), ("stripes-some", "some")] {
            let pattern = [
                ("id", id),
                ("class", class),
                ("width", "5"),
                ("height", "5"),
                ("patternUnits", "userSpaceOnUse"),
                ("patternTransform", "rotate(45)"),
            ];
            page.element("pattern", &pattern, |page| {
                page.empty("rect", &[("class", "ground"), ("width", "5"), ("height", "5")]);
                page.empty("rect", &[("width", "2.5"), ("height", "5")]);
            });
        }
    });
}

/// Magnification by the style sheet alone.
fn zoom(page: &mut Markup) {
    for zoom in ZOOMS {
        let (id, word) = (format!("zoom{zoom}"), format!("{zoom}×"));
        let mut input =
            vec![("type", "radio"), ("name", "zoom"), ("id", id.as_str()), ("class", "zoom")];
        if zoom == 1 {
            input.push(("checked", "checked"));
        }
        page.empty("input", &input);
        page.element("label", &[("for", &id), ("title", "magnify the timeline")], |page| {
            page.text(&word);
        });
    }
}

fn chart(page: &mut Markup, report: &RehearsalReport, picture: &Picture<'_>) {
    let axis = Axis::of(picture.span);
    let region = [
        ("class", "chart"),
        ("tabindex", "0"),
        ("role", "region"),
        ("aria-label", "Timeline of locks by table"),
    ];
    page.element("div", &region, |page| {
        page.element("div", &[("class", "plot")], |page| {
            axis.lines(page);
            page.element("div", &[("class", "row axis")], |page| {
                page.of("div", "name", &length(report, picture));
                page.element("div", &[("class", "marks")], |page| axis.words(page));
            });
            rows(page, &picture.rows, axis);
            outside::lanes(page, &picture.sessions, axis);
            if !picture.statements.is_empty() {
                lanes(page, report, picture, axis);
            }
        });
    });
}

/// How much time the axis has: of a command only the part where something was seen.
fn length(report: &RehearsalReport, picture: &Picture<'_>) -> String {
    let shown = units::duration(picture.span.length());
    match &report.command {
        None => format!("{shown} in all"),
        Some(command) => {
            format!("{shown} of the command's {}", units::duration(command.duration_ms))
        }
    }
}

fn lanes(page: &mut Markup, report: &RehearsalReport, picture: &Picture<'_>, axis: Axis) {
    lane(page, "migrations", |page| {
        for (at, span) in &picture.migrations {
            migration(page, report, *at, *span, axis);
        }
    });
    lane(page, "statements", |page| {
        for (ran, span, count) in close_together(&picture.statements, axis) {
            statement(page, ran, span, count, axis);
        }
    });
}

fn rows(page: &mut Markup, rows: &[Row<'_>], axis: Axis) {
    if rows.is_empty() {
        page.of("p", "told", "No table that was there before was locked.");
    }
    let shut = rows.iter().filter(|it| it.longest() > 0.0).count();
    // Where nobody was shut out, the first rows are shown all the same.
    let first = if shut == 0 { rows.len().min(5) } else { shut.min(ROWS) };
    let (shown, rest) = rows.split_at(first);
    let (more, quiet) = rest.split_at(shut.saturating_sub(first));
    for it in shown {
        row(page, it, axis);
    }
    let folded = [
        (more, "shut out for a shorter time"),
        (quiet, "with locks that reads and writes do not wait for"),
    ];
    for (folded, told) in folded {
        if folded.is_empty() {
            continue;
        }
        page.element("details", &[("class", "folded")], |page| {
            page.of("summary", "", &format!("{} {told}", text::plural(folded.len(), "more table")));
            for it in folded {
                row(page, it, axis);
            }
        });
    }
}

fn row(page: &mut Markup, row: &Row<'_>, axis: Axis) {
    page.line();
    page.element("div", &[("class", "row")], |page| {
        page.element("div", &[("class", "name")], |page| {
            page.of("b", "", &clipped(row.relation, 200));
            let shut = [("reads", row.read_ms), ("writes", row.write_ms)];
            page.element("span", &[("class", "shut")], |page| {
                for (who, ms) in shut {
                    if ms > 0.0 {
                        page.of("span", who, &format!("{who} {}", units::duration(ms)));
                    }
                }
            });
        });
        bars::row(page, row, axis);
    });
}

pub(super) fn lane(page: &mut Markup, name: &str, inside: impl FnOnce(&mut Markup)) {
    page.line();
    page.element("div", &[("class", "row lane")], |page| {
        page.of("div", "name", name);
        page.element("svg", &[("class", "track"), ("width", "100%"), ("height", "26")], inside);
    });
}

fn migration(page: &mut Markup, report: &RehearsalReport, at: usize, span: Span, axis: Axis) {
    let Some(migration) = report.migrations.get(at) else { return };
    let (x, width, href) = (axis.x(span.from), axis.width(span), format!("#m{at}"));
    let class = match migration.status {
        MigrationStatus::Failed => "failed",
        _ if at.is_multiple_of(2) => "even",
        _ => "odd",
    };
    let version = clipped(&migration.version.to_string(), 60);
    page.element("a", &[("class", class), ("href", &href), ("tabindex", "-1")], |page| {
        let (length, from) = (units::duration(span.length()), axis.since(span.from));
        let name = clipped(&migration.name, 120);
        page.of("title", "", &format!("{version} {name}\n{length}, from {from} on"));
        box_of(page, &x, &width);
        if axis.share(span.length()) >= WORDS {
            let inner = [("x", x.as_str()), ("y", "3"), ("width", &width), ("height", "20")];
            page.element("svg", &inner, |page| {
                page.element("text", &[("x", "6"), ("y", "14")], |it| it.text(&version));
            });
        }
    });
}

fn statement(page: &mut Markup, ran: &Ran<'_>, span: Span, count: usize, axis: Axis) {
    let (x, width, href) = (axis.x(span.from), axis.width(span), bars::anchor(ran.at));
    let class = match ran.statement.error {
        Some(_) => "failed",
        None if ran.at.statement.is_multiple_of(2) => "even",
        None => "odd",
    };
    page.element("a", &[("class", class), ("href", &href), ("tabindex", "-1")], |page| {
        let (length, from) = (units::duration(span.length()), axis.since(span.from));
        let told = bars::statement(ran);
        let told = match count {
            1 => format!("{told}\n{length}, from {from} on"),
            _ => format!("{count} statements within {length}, from {from} on\nthe longest: {told}"),
        };
        page.of("title", "", &told);
        box_of(page, &x, &width);
    });
}

pub(super) fn box_of(page: &mut Markup, x: &str, width: &str) {
    let shape = [("x", x), ("y", "3"), ("width", width), ("height", "20"), ("rx", "2")];
    page.empty("rect", &shape);
}

/// Statements as they are drawn: each with its span, and how many it stands for.
fn close_together<'p, 'r>(all: &'p [Ran<'r>], axis: Axis) -> Vec<(&'p Ran<'r>, Span, usize)> {
    let close = if all.len() <= SINGLE { f64::NEG_INFINITY } else { axis.length_of(CLOSE) };
    let mut drawn: Vec<(&Ran<'_>, Span, usize)> = Vec::new();
    for ran in all {
        let failed = |it: &Ran<'_>| it.statement.error.is_some();
        match drawn.last_mut() {
            // Long ones stay alone, and so does one that failed.
            Some((last, span, count))
                if ran.span.to - span.from < close && !failed(ran) && !failed(last) =>
            {
                span.to = span.to.max(ran.span.to);
                *count += 1;
                if ran.span.length() > last.span.length() {
                    *last = ran;
                }
            }
            _ => drawn.push((ran, ran.span, 1)),
        }
    }
    drawn
}
