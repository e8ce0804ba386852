//! The two lines below the steps: how far the work is, and what it is busy with.

use std::time::{Duration, Instant};

use crate::look::{Ink, Look};
use crate::{text, units};

use super::story::{Activity, Migrating, Restoring};

/// Columns of a bar at most, and at least.
const BAR: (usize, usize) = (32, 8);
/// Columns kept for the text right of the bar, so that the bar keeps its width while that changes.
const RIGHT: usize = 38;
/// Frames of the sign of life, ten a second.
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const ASCII_FRAMES: [&str; 4] = ["|", "/", "-", "\\"];

/// What is drawn for `activity` in `columns`: no line, one or two, none wider.
pub(super) fn lines(activity: &Activity, look: &Look, columns: usize, now: Instant) -> Vec<String> {
    // The last column stays free: some terminals begin a new line there.
    let columns = columns.saturating_sub(1);
    match activity {
        Activity::Idle => Vec::new(),
        Activity::Busy { doing, since } => {
            let line = format!("{doing}{}", spent(*since, now));
            vec![plain(look, frame(look, *since, now), &line, columns)]
        }
        Activity::Restoring(it) => restoring(it, look, columns, now),
        Activity::Migrating(it) => migrating(it, look, columns, now),
    }
}

/// One line that says how far a restore is, for where nothing can be drawn again.
pub(super) fn restoring_in_words(it: &Restoring, now: Instant) -> String {
    let mut parts = vec![format!("restoring: {}", amount(it))];
    let percent = percent(it.bytes, it.of.unwrap_or(0));
    parts.extend(percent.map(|percent| percent.trim_start().to_owned()));
    parts.extend(rate_and_rest(it, now));
    parts.push(format!("{} rows", units::count(it.rows)));
    parts.extend(it.table.clone());
    parts.join(", ")
}

fn restoring(it: &Restoring, look: &Look, columns: usize, now: Instant) -> Vec<String> {
    let frame = frame(look, it.since, now);
    let mut right = amount(it);
    let (rate, rest) = (rate(it, now), time_left(it, now));
    right.extend(rest.map(|rest| format!(", {rest}")));
    let first = measured(look, frame, "restoring", (it.bytes, it.of), &right, columns);
    let mut second: Vec<String> = rate.into_iter().collect();
    second.push(format!("{} rows", units::count(it.rows)));
    second.extend(it.table.clone());
    vec![first, plain(look, " ", &second.join(", "), columns)]
}

fn migrating(it: &Migrating, look: &Look, columns: usize, now: Instant) -> Vec<String> {
    let frame = frame(look, it.since, now);
    let done = units::count(it.done as u64);
    let amount = it.of.map_or_else(
        || format!("{done} statements"),
        |of| format!("{done} of {}", text::plural(of, "statement")),
    );
    let right = format!("{amount}{}", spent(it.since, now));
    let of = it.of.map(|of| of as u64);
    let first = measured(look, frame, "migrating", (it.done as u64, of), &right, columns);
    let Some((title, doing)) = &it.step else { return vec![first] };
    let second = if doing.text.is_empty() {
        title.clone()
    } else {
        format!("{title}: {}{}", doing.text, spent(doing.since, now))
    };
    vec![first, plain(look, " ", &second, columns)]
}

/// A line with a bar between what it is and how far it is; without one where there is no room or
/// the end is not known.
fn measured(
    look: &Look,
    frame: &str,
    what: &str,
    (done, of): (u64, Option<u64>),
    right: &str,
    columns: usize,
) -> String {
    let percent = percent(done, of.unwrap_or(0)).unwrap_or_default();
    // Frame, blank, what, blank, bar, blank, percent, two blanks, right.
    let right_room = text::width(right).max(RIGHT);
    let taken = text::width(frame) + text::width(what) + percent.len() + right_room + 5;
    let room = columns.saturating_sub(taken).min(BAR.0);
    if percent.is_empty() || room < BAR.1 {
        return plain(look, frame, &format!("{what} {right}"), columns);
    }
    let filled = (room as u128 * u128::from(done) / u128::from(of.unwrap_or(1).max(1))) as usize;
    let filled = filled.min(room);
    let full = look.paint(Ink::Good, &look.glyph("━", "#").repeat(filled));
    let empty = look.paint(Ink::Faint, &look.glyph("─", ".").repeat(room - filled));
    format!("{} {what} {full}{empty} {percent}  {right}", look.paint(Ink::Advice, frame))
}

/// A line without a bar, cut where it would not fit. Its colours, if any, are given up then.
fn plain(look: &Look, frame: &str, line: &str, columns: usize) -> String {
    let room = columns.saturating_sub(text::width(frame) + 1);
    let line = if text::width(line) <= room {
        line.to_owned()
    } else {
        text::clip(&text::uncoloured(line), room, look.glyph("…", "..."))
    };
    format!("{} {line}", look.paint(Ink::Advice, frame))
}

fn frame(look: &Look, since: Instant, now: Instant) -> &'static str {
    let at = (now.saturating_duration_since(since).as_millis() / 100) as usize;
    look.glyph(FRAMES[at % FRAMES.len()], ASCII_FRAMES[at % ASCII_FRAMES.len()])
}

/// `, 12 s`: the time from `since` to `now`; nothing in the first second, to keep the line calm.
fn spent(since: Instant, now: Instant) -> String {
    let seconds = now.saturating_duration_since(since).as_secs();
    if seconds == 0 { String::new() } else { format!(", {}", whole_seconds(seconds)) }
}

fn whole_seconds(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { units::duration(seconds as f64 * 1_000.0) }
}

/// ` 42 %`; `None` where the end is not known.
fn percent(done: u64, of: u64) -> Option<String> {
    let percent = (u128::from(done) * 100).checked_div(u128::from(of))?;
    Some(format!("{:>3} %", percent.min(100)))
}

fn amount(it: &Restoring) -> String {
    let done = units::bytes(it.bytes);
    it.of.map_or_else(|| done.clone(), |of| format!("{done} of {}", units::bytes(of)))
}

fn rate_and_rest(it: &Restoring, now: Instant) -> impl Iterator<Item = String> {
    rate(it, now).into_iter().chain(time_left(it, now))
}

/// Bytes a second since the restore began; `None` in its first moments.
fn bytes_per_second(it: &Restoring, now: Instant) -> Option<f64> {
    let spent = now.saturating_duration_since(it.since);
    (spent > Duration::from_millis(500) && it.bytes > 0)
        .then(|| it.bytes as f64 / spent.as_secs_f64())
}

fn rate(it: &Restoring, now: Instant) -> Option<String> {
    bytes_per_second(it, now).map(|rate| format!("{}/s", units::bytes(rate as u64)))
}

/// What is left if it goes on as before; `None` at the end, where reading is over and indexes are
/// built for a time that nobody knows.
fn time_left(it: &Restoring, now: Instant) -> Option<String> {
    let left = it.of?.checked_sub(it.bytes).filter(|left| *left > 0)?;
    let seconds = (left as f64 / bytes_per_second(it, now)?).ceil() as u64;
    Some(format!("{} left", whole_seconds(seconds)))
}
