//! `repair`: what was decided, and what the ledger said before.

use stopover_model::report::{RepairAction, RepairReport};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

/// The document of `repair`.
#[must_use]
pub fn repair(report: &RepairReport, look: &Look) -> String {
    /// Where the values begin, right of the labels.
    const REACH: usize = 10;
    let mut page = Page::new(look);
    let version = text::tame_line(&report.version.to_string());
    let name = report.name.as_deref().map(|it| format!(" {}", text::tame_line(it)));
    let title = format!("{version}{}:", name.unwrap_or_default());
    let said = match (report.action, report.changed) {
        (_, false) => "the ledger says so already; nothing was changed",
        (RepairAction::Accept, true) => "taken over as it is in the source now",
        (RepairAction::Applied, true) => "recorded as applied; nothing was run",
        (RepairAction::Pending, true) => {
            "recorded as not applied; an apply runs it if the source has it"
        }
    };
    page.section(Ink::Good, &title, said);
    let change = |before: &Option<String>, after: &Option<String>| match (before, after) {
        (before, after) if before == after => None,
        (before, after) => {
            let shown = |it: &Option<String>| {
                it.as_deref().map_or_else(|| "none".to_owned(), text::tame_line)
            };
            Some(format!("{} -> {}", shown(before), shown(after)))
        }
    };
    if report.action == RepairAction::Accept
        && let Some(change) = change(&report.name_before, &report.name)
    {
        page.entry(2, Ink::Strong, "name", REACH, &change);
    }
    if let Some(change) = change(&report.checksum_before, &report.checksum_after) {
        page.entry(2, Ink::Strong, "checksum", REACH, &change);
    }
    page.entry(2, Ink::Faint, "ledger", REACH, &text::tame_line(&report.ledger.table));
    page.finish()
}
