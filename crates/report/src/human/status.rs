//! `status`: drift, then pending, then applied.

use stopover_model::report::{AppliedEntry, DriftKind, StatusReport};
use stopover_model::{DatabaseKind, EditClass, HealKind, Provenance, Severity};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{text, units};

use super::findings::{is_urgent, list, message_and_remedy, severity};
use super::{Detail, next_step, title};

/// The document of `status`.
#[must_use]
pub fn status(report: &StatusReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    drift(&mut page, report);
    if report.findings.iter().any(is_urgent) {
        page.section(Ink::Strong, "Also found:", "");
        list(&mut page, report.findings.iter().filter(|it| is_urgent(it)));
    }
    pending(&mut page, report);
    applied(&mut page, report, detail);
    healed(&mut page, report);
    let table = text::tame_line(&report.ledger.table);
    page.section(Ink::Strong, "Ledger:", &format!("{table} ({})", report.ledger.kind));
    if report.findings.iter().any(|it| !is_urgent(it)) {
        page.gap();
        list(&mut page, report.findings.iter().filter(|it| !is_urgent(it)));
    }
    next_step(&mut page, next(report));
    page.finish()
}

fn drift(page: &mut Page<'_>, report: &StatusReport) {
    if report.drift.is_empty() {
        return;
    }
    let number = text::plural(report.drift.len(), "difference");
    let between = format!("{number} between the source and the ledger");
    if blocked(report) {
        page.section(Ink::Bad, "DRIFT:", &between);
    } else {
        page.section(Ink::Doubtful, "Drift:", &format!("{between}, none in an apply's way"));
    }
    let reach = report.drift.iter().map(|it| it.kind.code().len()).max().unwrap_or(0) + 2;
    for drift in &report.drift {
        let subject = match (&drift.version, &drift.name) {
            (Some(version), name) => title(version, name.as_deref().unwrap_or_default()),
            (None, Some(name)) => text::tame_line(name),
            (None, None) => "the whole ledger".to_owned(),
        };
        page.entry(2, severity(drift.severity).0, drift.kind.code(), reach, &subject);
        message_and_remedy(page, 2 + reach, &drift.message, &drift.remedy);
    }
}

fn pending(page: &mut Page<'_>, report: &StatusReport) {
    if report.pending.is_empty() {
        page.section(Ink::Strong, "Pending:", "none");
        return;
    }
    let number = text::plural(report.pending.len(), "migration");
    page.section(Ink::Doubtful, "Pending:", &number);
    let mut table =
        Table::new(&[Column::number("version"), Column::wrapped("name"), Column::whole("")]);
    for entry in &report.pending {
        let order = if entry.out_of_order { "out of order" } else { "" };
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&entry.version.to_string())),
            Cell::plain(text::tame_line(&entry.name)),
            Cell::new(Ink::Doubtful, order),
        ]);
    }
    page.table(2, table);
}

fn applied(page: &mut Page<'_>, report: &StatusReport, detail: Detail) {
    let Some(last) = report.applied.last() else {
        page.section(Ink::Strong, "Applied:", "none");
        return;
    };
    let number = text::plural(report.applied.len(), "migration");
    let name = title(&last.version, last.name.as_deref().unwrap_or_default());
    let when = last.applied_at.map_or_else(String::new, |it| format!(", {}", units::time(it)));
    page.section(
        Ink::Strong,
        "Applied:",
        &format!("{number}, the highest is {}{when}", name.trim_end()),
    );
    match detail {
        Detail::Full => page.table(2, applied_table(&report.applied)),
        Detail::Brief => {
            let assumed = report.applied.iter().filter(|it| it.provenance != Provenance::Applied);
            let assumed = assumed.count();
            if assumed > 0 {
                let text =
                    format!("of these {} recorded without a run (-v lists them)", are(assumed));
                page.paragraph(2, Ink::Plain, &text);
            }
        }
    }
}

/// Edits that were healed are shown for ever: an applied file is not what it was.
fn healed(page: &mut Page<'_>, report: &StatusReport) {
    if report.healed.is_empty() {
        return;
    }
    let number = text::plural(report.healed.len(), "edit");
    page.section(Ink::Doubtful, "Healed:", &format!("{number} of applied migrations"));
    let mut table = Table::new(&[
        Column::number("version"),
        Column::wrapped("name"),
        Column::whole("class"),
        Column::whole("how"),
        Column::whole("at"),
        Column::whole("by").spare(),
    ]);
    for heal in &report.healed {
        let how = match heal.way {
            HealKind::Restamp => "restamped",
            HealKind::Rerun => "run again",
        };
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&heal.version.to_string())),
            Cell::plain(text::tame_line(heal.name.as_deref().unwrap_or("?"))),
            Cell::plain(heal.class.map_or("?", EditClass::name)),
            Cell::plain(how),
            Cell::plain(heal.at.map_or_else(|| "?".to_owned(), units::time)),
            Cell::plain(text::tame_line(heal.by.as_deref().unwrap_or("?"))),
        ]);
    }
    page.table(2, table);
}

fn are(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", units::count(number as u64))
}

fn applied_table(applied: &[AppliedEntry]) -> Table {
    let mut table = Table::new(&[
        Column::number("version"),
        Column::wrapped("name"),
        Column::whole("applied at"),
        Column::whole("how"),
        Column::whole("checksum").spare(),
    ]);
    for entry in applied {
        let how = match entry.provenance {
            Provenance::Applied => "",
            other => other.name(),
        };
        // The beginning tells two apart; JSON has the whole.
        let checksum: String =
            entry.checksum.as_deref().unwrap_or("unknown").chars().take(12).collect();
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&entry.version.to_string())),
            Cell::plain(text::tame_line(entry.name.as_deref().unwrap_or("?"))),
            Cell::plain(entry.applied_at.map_or_else(|| "?".to_owned(), units::time)),
            Cell::new(Ink::Doubtful, how),
            Cell::new(Ink::Faint, text::tame_line(&checksum)),
        ]);
    }
    table
}

/// Whether an apply would heal something.
fn heals(report: &StatusReport) -> bool {
    report.drift.iter().any(|it| it.kind == DriftKind::Modified)
}

/// Whether drift keeps everything from being applied.
fn blocked(report: &StatusReport) -> bool {
    report.drift.iter().any(|it| it.severity == Severity::Error)
}

fn next(report: &StatusReport) -> &'static str {
    let stopped = report.findings.iter().any(stopover_model::Finding::is_error);
    if blocked(report) {
        "settle the drift as said beside each; nothing is applied before"
    } else if stopped {
        "settle the errors in the source; nothing is applied before"
    } else if report.pending.is_empty() && heals(report) {
        "`stopover apply` heals the edits, as said beside each"
    } else if report.pending.is_empty() {
        "nothing to do"
    } else {
        match report.database {
            DatabaseKind::Postgres => {
                "`stopover plan` shows what an apply would do, `stopover rehearse` tries it on a \
                 backup"
            }
            DatabaseKind::Sqlite => "`stopover plan` shows what an apply would do",
        }
    }
}
