//! What a rehearsal measured: slow statements, and tables that shut people out.

use stopover_model::report::{MigrationReport, RehearsalReport, StatementReport, TableReport};

use crate::look::Ink;
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{facts, locks, text, units};

use super::{Detail, locked};

/// Statements and tables listed in a brief report; the full one has all.
const BRIEF: usize = 5;

/// The statements that took longest, slowest first.
pub(super) fn slowest(page: &mut Page<'_>, migrations: &[MigrationReport], detail: Detail) {
    let mut timed: Vec<(&MigrationReport, &StatementReport, f64)> = migrations
        .iter()
        .flat_map(|migration| migration.statements.iter().map(move |it| (migration, it)))
        .filter_map(|(migration, it)| it.duration_ms.map(|ms| (migration, it, ms)))
        .collect();
    if timed.len() < 2 {
        return;
    }
    timed.sort_by(|left, right| right.2.total_cmp(&left.2));
    let all = timed.len();
    if detail == Detail::Brief {
        timed.truncate(BRIEF);
    }
    page.section(Ink::Strong, "Slowest statements", &of(timed.len(), all));
    let mut table = Table::new(&[
        Column::number("time"),
        Column::number("version"),
        Column::number("line"),
        Column::wrapped("statement"),
        Column::number("rows").spare(),
        Column::wrapped("strongest lock"),
        Column::wrapped("rewrites"),
    ]);
    for (migration, statement, ms) in timed {
        let rewrites = statement.rewrites.as_deref().unwrap_or_default().join(", ");
        table.row([
            Cell::plain(units::duration(ms)),
            Cell::new(Ink::Strong, text::tame_line(&migration.version.to_string())),
            Cell::plain(statement.line.to_string()),
            Cell::plain(text::tame_line(&statement.tag)),
            Cell::plain(statement.rows.map_or_else(String::new, units::count)),
            strongest_lock(statement),
            Cell::new(Ink::Doubtful, text::tame_line(&rewrites)),
        ]);
    }
    page.table(2, table);
}

fn strongest_lock(statement: &StatementReport) -> Cell {
    let locks = statement.locks.as_deref().unwrap_or_default();
    let Some(lock) = locks.iter().max_by_key(|it| locks::strength(&it.mode)) else {
        return Cell::plain("");
    };
    let ink = locks::effect(&lock.mode).ink();
    Cell::new(ink, text::tame_line(&format!("{} on {}", lock.mode, lock.relation)))
}

/// The tables that shut somebody out, longest first, and in a full report all others.
pub(super) fn tables(page: &mut Page<'_>, report: &RehearsalReport, detail: Detail) {
    let mut sorted: Vec<&TableReport> = report
        .tables
        .iter()
        .filter(|it| detail == Detail::Full || facts::longest(it) > 0.0 || facts::loses(it))
        .collect();
    if sorted.is_empty() {
        return;
    }
    sorted.sort_by(|left, right| {
        let by_time = facts::longest(right).total_cmp(&facts::longest(left));
        by_time.then_with(|| left.relation.cmp(&right.relation))
    });
    page.section(Ink::Strong, "Tables", "(how long reads and writes were shut out)");
    let mut table = Table::new(&[
        Column::wrapped("table"),
        Column::number("reads"),
        Column::number("writes"),
        Column::number("rows"),
        Column::number("rows after"),
        Column::number("size").spare(),
    ]);
    for it in &sorted {
        let ink = if facts::loses(it) { Ink::Bad } else { Ink::Plain };
        table.row([
            Cell::new(Ink::Strong, facts::name(it)),
            shut_out(Ink::Bad, it.read_blocked_ms),
            shut_out(Ink::Doubtful, it.write_blocked_ms),
            Cell::plain(it.rows_before.map_or_else(String::new, units::count)),
            Cell::new(ink, facts::rows_after(it)),
            Cell::plain(it.bytes.map_or_else(String::new, units::bytes)),
        ]);
    }
    page.table(2, table);
    locked::in_words(page, &sorted, &report.migrations, detail);
    for table in sorted {
        waited(page, table);
    }
}

/// What readers and writers beside the migrations met, where there were any.
fn waited(page: &mut Page<'_>, table: &TableReport) {
    let Some(traffic) = table.traffic else { return };
    let text = format!(
        "Beside the migrations {} reads of {} waited up to {}, and {} writes up to {}.",
        units::count(traffic.reads),
        text::tame_line(&table.relation),
        units::duration(traffic.longest_read_ms),
        units::count(traffic.writes),
        units::duration(traffic.longest_write_ms),
    );
    page.paragraph(2, Ink::Plain, &text);
}

fn shut_out(ink: Ink, ms: Option<f64>) -> Cell {
    match ms {
        None => Cell::plain(""),
        Some(ms) if ms > 0.0 => Cell::new(ink, units::duration(ms)),
        Some(_) => Cell::new(Ink::Faint, "never"),
    }
}

/// `(5 of 40; -v lists all)` where something is left out.
pub(super) fn of(shown: usize, all: usize) -> String {
    if shown == all { String::new() } else { format!("({shown} of {all}; -v lists all)") }
}
