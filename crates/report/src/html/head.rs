//! The top of the page: the verdict, and what counts.

use stopover_model::report::{CommandReport, MigrationStatus, RehearsalReport, TableReport};

use crate::markup::Markup;
use crate::outcome::{self, Outcome};
use crate::{text, units};

use super::{clipped, prose};

pub(super) fn header(page: &mut Markup, report: &RehearsalReport) {
    let outcome = Outcome::of(report);
    let class = match outcome {
        Outcome::Green => "green",
        Outcome::Red => "red",
        Outcome::Unknown => "unknown",
    };
    let word = match outcome {
        Outcome::Unknown => "NO VERDICT",
        _ => outcome.word(),
    };
    let (first, others) = outcome::detail(report);
    page.line();
    page.element("header", &[("class", class)], |page| {
        page.element("p", &[("class", "kind")], |page| {
            page.of("span", "badge", word);
            page.text(&format!("Rehearsal, {}", units::time(report.timestamp)));
        });
        page.of("h1", "", &clipped(if first.is_empty() { word } else { &first }, 600));
        for line in &others {
            page.element("p", &[], |page| prose(page, line));
        }
        page.element("p", &[("class", "next")], |page| {
            page.of("b", "", "Next: ");
            prose(page, &outcome::next(report));
        });
    });
    page.line();
}

/// The numbers that a reviewer asks for first.
pub(super) fn tiles(page: &mut Markup, report: &RehearsalReport) {
    if report.migrations.is_empty() && report.command.is_none() {
        return;
    }
    page.line();
    page.element("div", &[("class", "tiles")], |page| {
        applied(page, report);
        shut_out(page, report, "reads", |it| it.read_blocked_ms);
        shut_out(page, report, "writes", |it| it.write_blocked_ms);
        written(page, report);
        if let Some(command) = &report.command {
            rewritten(page, command);
        }
    });
}

fn applied(page: &mut Markup, report: &RehearsalReport) {
    let took = report.timings.migrate_ms.map(units::duration);
    if report.migrations.is_empty() {
        // What a command without a source applied was not compared.
        return tile(page, "", &took.unwrap_or_default(), "the command took", "");
    }
    let applied =
        report.migrations.iter().filter(|it| it.status == MigrationStatus::Applied).count();
    let all = report.migrations.len();
    let of = if applied == all { String::new() } else { format!(" of {all}") };
    let took = took.map_or_else(String::new, |it| format!("took {it}"));
    tile(page, "", &format!("{applied}{of}"), "migrations applied", &took);
}

/// What the user's own tool rewrote, where somebody looked.
fn rewritten(page: &mut Markup, command: &CommandReport) {
    let Some(rewrites) = &command.rewrites else { return };
    match rewrites.as_slice() {
        [] => tile(page, "", "none", "of the tables was rewritten", ""),
        [one] => tile(page, "", "1", "table was rewritten", &clipped(one, 200)),
        [first, rest @ ..] => {
            let more = format!("{} and {} more", clipped(first, 200), rest.len());
            tile(page, "", &rewrites.len().to_string(), "tables were rewritten", &more);
        }
    }
}

/// The table that was shut out longest.
fn shut_out(
    page: &mut Markup,
    report: &RehearsalReport,
    who: &'static str,
    ms: impl Fn(&TableReport) -> Option<f64>,
) {
    let known = report.tables.iter().filter_map(|it| Some((it, ms(it)?)));
    let Some((table, longest)) = known.max_by(|left, right| left.1.total_cmp(&right.1)) else {
        return;
    };
    let told = format!("longest that {who} were shut out");
    if longest > 0.0 {
        tile(page, who, &units::duration(longest), &told, &clipped(&table.relation, 200));
    } else {
        tile(page, "", "never", &told, "");
    }
}

fn written(page: &mut Markup, report: &RehearsalReport) {
    let statements = report.migrations.iter().flat_map(|it| &it.statements);
    let rewrites: usize = statements.map(|it| it.rewrites.iter().flatten().count()).sum();
    let wal: Option<u64> =
        report.migrations.iter().map(|it| it.wal_bytes).fold(None, |sum, it| match (sum, it) {
            (Some(sum), Some(it)) => Some(u64::saturating_add(sum, it)),
            (sum, it) => sum.or(it),
        });
    if let Some(wal) = wal {
        let told = match rewrites {
            0 => "no table was rewritten".to_owned(),
            1 => "1 table was rewritten".to_owned(),
            many => format!("{} of tables", text::plural(many, "rewrite")),
        };
        tile(page, "", &units::bytes(wal), "WAL written", &told);
    }
}

fn tile(page: &mut Markup, class: &str, value: &str, told: &str, more: &str) {
    page.element("div", &[("class", class)], |page| {
        page.of("b", "", value);
        page.of("span", "", told);
        if !more.is_empty() {
            page.of("small", "", more);
        }
    });
}
