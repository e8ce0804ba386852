//! One row of the chart as SVG: a lane for each lock mode, and one each for when reads and writes
//! were shut out.

use crate::locks::{self, Effect};
use crate::markup::Markup;
use crate::picture::{At, Bar, By, Ran, Row, Span};
use crate::units;

use super::axis::Axis;
use super::{clipped, outside};

/// Bars of one mode in a row that are drawn one by one.
const SINGLE: usize = 40;
/// Of more, those are drawn as one that stand closer to each other than this part of the axis, in
/// percent.
const CLOSE: f64 = 0.2;
/// Heights in pixels: of a lane whose locks shut somebody out, of another, and of a window.
const TALL: u32 = 18;
const LOW: u32 = 7;
const WINDOW: u32 = 6;
const GAP: u32 = 3;
/// Lanes of a row.
const LANES: usize = 8;
/// Bars that are thinner than this (in percent) could not be seen.
const THIN: f64 = 0.15;
/// Bars from this width on (in percent) have words in them.
const WORDS: f64 = 9.0;

/// Bars that are drawn as one.
struct Drawn<'b, 'r> {
    bar: &'b Bar<'r>,
    span: Span,
    count: usize,
}

/// Bars beside each other.
struct Lane<'b, 'r> {
    height: u32,
    bars: Vec<Drawn<'b, 'r>>,
}

/// The row's picture.
pub(super) fn row(page: &mut Markup, row: &Row<'_>, axis: Axis) {
    let lanes = lanes(row, axis);
    let windows = [("reads", &row.reads), ("writes", &row.writes)];
    let windows: Vec<_> = windows.into_iter().filter(|(_, spans)| !spans.is_empty()).collect();
    let height: u32 = lanes.iter().map(|lane| lane.height + GAP).sum::<u32>()
        + windows.len() as u32 * (WINDOW + GAP)
        + GAP;
    let height = height.to_string();
    let attributes = [("class", "track"), ("width", "100%"), ("height", height.as_str())];
    page.element("svg", &attributes, |page| {
        let mut y = GAP;
        for lane in lanes {
            for drawn in &lane.bars {
                bar(page, row.relation, drawn, axis, y);
            }
            y += lane.height + GAP;
        }
        for (who, spans) in windows {
            for span in close_windows(spans, axis) {
                window(page, row.relation, who, span, axis, y);
            }
            y += WINDOW + GAP;
        }
    });
}

/// Bars that overlap stand below each other, the stronger lock above; all others share a lane.
fn lanes<'b, 'r>(row: &'b Row<'r>, axis: Axis) -> Vec<Lane<'b, 'r>> {
    let mut lanes: Vec<Lane<'b, 'r>> = Vec::new();
    for mode in row.bars.chunk_by(|left, right| left.lock.mode == right.lock.mode) {
        let height = height(mode);
        for drawn in close_together(mode, axis) {
            let is_free = |lane: &&mut Lane<'_, '_>| {
                lane.height == height
                    && lane
                        .bars
                        .iter()
                        .all(|it| drawn.span.from >= it.span.to || it.span.from >= drawn.span.to)
            };
            match lanes.iter_mut().find(is_free) {
                Some(lane) => lane.bars.push(drawn),
                None => lanes.push(Lane { height, bars: vec![drawn] }),
            }
        }
    }
    // Bars below these many others say nothing more.
    lanes.truncate(LANES);
    lanes
}

fn height(bars: &[Bar<'_>]) -> u32 {
    let effect = bars.first().map_or(Effect::Unknown, |it| locks::effect(&it.lock.mode));
    match effect {
        Effect::Everybody | Effect::Writers => TALL,
        Effect::Nobody | Effect::Unknown => LOW,
    }
}

fn close_together<'b, 'r>(lane: &'b [Bar<'r>], axis: Axis) -> Vec<Drawn<'b, 'r>> {
    let close = if lane.len() <= SINGLE { -1.0 } else { axis.length_of(CLOSE) };
    let mut drawn: Vec<Drawn<'b, 'r>> = Vec::new();
    for bar in lane {
        match drawn.last_mut() {
            Some(last) if bar.span.from - last.span.to < close => {
                last.span.to = last.span.to.max(bar.span.to);
                last.count += 1;
                if bar.span.length() > last.bar.span.length() {
                    last.bar = bar;
                }
            }
            _ => drawn.push(Drawn { bar, span: bar.span, count: 1 }),
        }
    }
    drawn
}

fn close_windows(spans: &[Span], axis: Axis) -> Vec<Span> {
    let close = if spans.len() <= SINGLE { -1.0 } else { axis.length_of(CLOSE) };
    let mut drawn: Vec<Span> = Vec::new();
    for span in spans {
        match drawn.last_mut() {
            Some(last) if span.from - last.to < close => last.to = last.to.max(span.to),
            _ => drawn.push(*span),
        }
    }
    drawn
}

fn bar(page: &mut Markup, relation: &str, drawn: &Drawn<'_, '_>, axis: Axis, y: u32) {
    let effect = locks::effect(&drawn.bar.lock.mode);
    let class = match effect {
        Effect::Everybody => "all",
        Effect::Writers => "some",
        Effect::Nobody | Effect::Unknown => "none",
    };
    let class = sized(class, drawn.span, axis);
    let tall = matches!(effect, Effect::Everybody | Effect::Writers);
    let (x, width) = (axis.x(drawn.span.from), axis.width(drawn.span));
    let (y, height) = (y.to_string(), if tall { TALL } else { LOW }.to_string());
    let href = match &drawn.bar.by {
        By::Migration(ran) => anchor(ran.at),
        By::Session(seen) => outside::anchor(seen.place),
    };
    let mut link = vec![("class", class.as_str()), ("href", href.as_str())];
    if !tall {
        // Nobody waits for these: they are not worth a stop of the tab key.
        link.push(("tabindex", "-1"));
    }
    page.element("a", &link, |page| {
        page.of("title", "", &told(relation, drawn, axis));
        let shape =
            [("x", x.as_str()), ("y", &y), ("width", &width), ("height", &height), ("rx", "2")];
        page.empty("rect", &shape);
        if tall && axis.share(drawn.span.length()) >= WORDS {
            let inner = [("x", x.as_str()), ("y", &y), ("width", &width), ("height", &height)];
            page.element("svg", &inner, |page| {
                let mode = locks::in_sql(&drawn.bar.lock.mode);
                page.element("text", &[("x", "6"), ("y", "13")], |it| it.text(&clipped(&mode, 40)));
            });
        }
    });
}

/// The class, with a word for what would be too thin to be seen.
fn sized(class: &str, span: Span, axis: Axis) -> String {
    let thin = if axis.share(span.length()) < THIN { " thin" } else { "" };
    format!("{class}{thin}")
}

/// What hovering says.
fn told(relation: &str, drawn: &Drawn<'_, '_>, axis: Axis) -> String {
    let Drawn { bar, span, count } = drawn;
    let mode = locks::in_sql(&bar.lock.mode);
    let effect = match locks::effect(&bar.lock.mode).words() {
        "" => String::new(),
        words => format!(": {words}"),
    };
    let (from, held) = (axis.since(span.from), units::duration(span.length()));
    let (by, seen) = match &bar.by {
        By::Migration(ran) => (statement(ran), ""),
        By::Session(seen) => (outside::statement(seen.statement), ", as seen from outside"),
    };
    let (relation, mode) = (clipped(relation, 200), clipped(&mode, 60));
    if *count > 1 {
        return format!(
            "{mode} on {relation}{effect}\n{count} locks within {held}, from {from} on{seen}\nthe longest: {by}"
        );
    }
    format!("{mode} on {relation}{effect}\nheld {held}, from {from} on{seen}\n{by}")
}

/// `105 unique_email, line 4: ALTER TABLE …`.
pub(super) fn statement(ran: &Ran<'_>) -> String {
    let text = if ran.statement.text.is_empty() { &ran.statement.tag } else { &ran.statement.text };
    format!(
        "{} {}, line {}: {}",
        clipped(&ran.migration.version.to_string(), 60),
        clipped(&ran.migration.name, 120),
        ran.statement.line,
        clipped(text, 200)
    )
}

fn window(page: &mut Markup, relation: &str, who: &'static str, span: Span, axis: Axis, y: u32) {
    let (x, width) = (axis.x(span.from), axis.width(span));
    let (y, height) = (y.to_string(), WINDOW.to_string());
    let (length, from) = (units::duration(span.length()), axis.since(span.from));
    page.element("g", &[("class", &sized(who, span, axis))], |page| {
        page.of(
            "title",
            "",
            &format!("{who} of {} shut out for {length}, from {from} on", clipped(relation, 200)),
        );
        page.empty("rect", &[("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
    });
}

/// The link to a statement: its place in the report, nothing that others wrote.
pub(super) fn anchor(at: At) -> String {
    format!("#{}", id(at))
}

/// The id of a statement's row.
pub(super) fn id(at: At) -> String {
    format!("s{}-{}", at.migration, at.statement)
}
