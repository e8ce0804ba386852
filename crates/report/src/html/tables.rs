//! The tables: how long each was shut out, by whom, and what became of its rows.

use stopover_model::report::{RehearsalReport, TableReport};

use crate::markup::Markup;
use crate::places::{longest_lock, longest_seen};
use crate::{facts, text, units};

use super::grid::{Column, Named, grid};
use super::{clipped, outside, section as part};

/// Tables that are shown at once; more are folded away.
const SHOWN: usize = 25;

pub(super) fn section(page: &mut Markup, report: &RehearsalReport) {
    if report.tables.is_empty() {
        return;
    }
    let mut sorted: Vec<&TableReport> = report.tables.iter().collect();
    sorted.sort_by(|left, right| {
        let rank = |it: &TableReport| (u8::from(facts::loses(it)), facts::longest(it));
        let (left_rank, right_rank) = (rank(left), rank(right));
        let by_loss = right_rank.0.cmp(&left_rank.0);
        let by_time = by_loss.then_with(|| right_rank.1.total_cmp(&left_rank.1));
        by_time.then_with(|| left.relation.cmp(&right.relation))
    });
    let matter = sorted
        .iter()
        .filter(|it| facts::longest(it) > 0.0 || is_changed(it) || facts::loses(it))
        .count();
    let (shown, rest) = sorted.split_at(matter.min(SHOWN));
    let told = "How long reads and writes were shut out, and what became of the rows.";
    let seen = report.command.as_ref().map(outside::how).unwrap_or_default();
    part(page, "tables", "Tables", &format!("{told}{seen}"), |page| {
        if !shown.is_empty() {
            table(page, shown, report);
        }
        if rest.is_empty() {
            return;
        }
        page.element("details", &[], |page| {
            let noun = if shown.is_empty() { "table" } else { "more table" };
            page.of("summary", "", &text::plural(rest.len(), noun));
            table(page, rest, report);
        });
    });
}

fn is_changed(table: &TableReport) -> bool {
    table.rows_before.is_some()
        && table.rows_after.is_some()
        && table.rows_before != table.rows_after
}

fn table(page: &mut Markup, tables: &[&TableReport], report: &RehearsalReport) {
    const HEADS: [Column; 7] = [
        ("", "table"),
        ("num", "reads shut out"),
        ("num", "writes shut out"),
        ("num", "rows before"),
        ("num", "rows after"),
        ("num", "size"),
        ("", "longest behind"),
    ];
    grid(page, &Named { label: "Tables", class: "" }, &HEADS, |page| {
        for it in tables {
            row(page, it, report);
        }
    });
}

fn row(page: &mut Markup, table: &TableReport, report: &RehearsalReport) {
    let count = |it: Option<u64>| it.map_or_else(String::new, units::count);
    let lost = if facts::loses(table) { "num lost" } else { "num" };
    page.line();
    page.element("tr", &[], |page| {
        page.element("th", &[("scope", "row")], |it| it.text(&clipped(&facts::name(table), 200)));
        let met = table.traffic.as_ref();
        shut(page, "reads", table.read_blocked_ms, met.map(|it| it.longest_read_ms));
        shut(page, "writes", table.write_blocked_ms, met.map(|it| it.longest_write_ms));
        page.of("td", "num", &count(table.rows_before));
        page.of("td", lost, &facts::rows_after(table));
        page.of("td", "num", &table.bytes.map_or_else(String::new, units::bytes));
        page.element("td", &[], |page| {
            let Some((place, text)) = behind(&table.relation, report) else { return };
            page.of("span", "by", &clipped(&place, 80));
            page.text(" ");
            page.of("code", "", &clipped(text, 120));
        });
    });
}

/// The statement that shut it out longest: where it stands, and its text.
fn behind<'r>(relation: &str, report: &'r RehearsalReport) -> Option<(String, &'r str)> {
    if let Some((migration, statement)) = longest_lock(relation, report) {
        let text = if statement.text.is_empty() { &statement.tag } else { &statement.text };
        return Some((format!("{} line {}", migration.version, statement.line), text));
    }
    let seen = longest_seen(relation, report)?;
    Some((format!("session {}", seen.session), facts::seen(seen)))
}

/// How long it was, and what synthetic readers or writers waited at most.
fn shut(page: &mut Markup, who: &'static str, ms: Option<f64>, met: Option<f64>) {
    let (class, told) = match ms {
        None => ("num".to_owned(), String::new()),
        Some(ms) if ms > 0.0 => (format!("num {who}"), units::duration(ms)),
        Some(_) => ("num faint".to_owned(), "never".to_owned()),
    };
    page.element("td", &[("class", &class)], |page| {
        page.text(&told);
        if let Some(met) = met {
            page.of("div", "faint", &format!("longest wait {}", units::duration(met)));
        }
    });
}
