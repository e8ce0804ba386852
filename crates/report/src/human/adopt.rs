//! `adopt`: what was taken over, and how sure it is.

use stopover_model::report::AdoptReport;
use stopover_model::{Provenance, Version};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

use super::findings::list;
use super::{Detail, next_step, versions};

/// The document of `adopt`.
#[must_use]
pub fn adopt(report: &AdoptReport, detail: Detail, look: &Look) -> String {
    /// Where the values begin, right of the labels.
    const REACH: usize = 10;
    let mut page = Page::new(look);
    let from = text::tame_line(&report.from);
    let said = match report.adopted.len() {
        0 => format!("nothing new from {from}"),
        count => format!("{} from {from}", text::plural(count, "migration")),
    };
    page.section(Ink::Good, "Adopted:", &said);
    let of = |provenance: Provenance| -> Vec<Version> {
        let found = report.adopted.iter().filter(|it| it.provenance == provenance);
        found.map(|it| it.version.clone()).collect()
    };
    for (label, ink, list) in [
        ("applied", Ink::Good, of(Provenance::Applied)),
        ("assumed", Ink::Doubtful, of(Provenance::Assumed)),
    ] {
        if !list.is_empty() {
            page.entry(2, ink, label, REACH, &versions(&list, detail));
        }
    }
    if report.already > 0 {
        let already = text::plural(report.already, "migration");
        page.entry(2, Ink::Faint, "already", REACH, &format!("{already}, left as they were"));
    }
    if report.dropped {
        page.entry(2, Ink::Doubtful, "dropped", REACH, &from);
    }
    page.entry(2, Ink::Faint, "ledger", REACH, &text::tame_line(&report.ledger.table));
    if report.proven {
        let proven = "the target's schema is what these migrations make from nothing";
        page.entry(2, Ink::Good, "proven", REACH, proven);
    }
    if !report.findings.is_empty() {
        page.gap();
        list(&mut page, report.findings.iter());
    }
    if !report.proven && !of(Provenance::Assumed).is_empty() {
        next_step(
            &mut page,
            "a counter does not prove that each migration ran; `stopover adopt --prove`, before \
             anything is taken over, compares the schema with one that they make from nothing",
        );
    }
    page.finish()
}
