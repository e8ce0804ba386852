//! `ci`: each check on one line, then what was found.

use stopover_model::Finding;
use stopover_model::report::{CheckOutcome, CiReport, Verdict};

use crate::look::{Ink, Look};
use crate::outcome::{MIGRATION_FAILED, failures};
use crate::page::Page;
use crate::sql_error::{SourceText, sql_error};
use crate::{text, units};

use super::findings::{is_urgent, list};
use super::{Detail, title};

/// Where the values begin, right of the labels.
const REACH: usize = 14;

/// How many of the slowest migrations are told.
const SLOWEST: usize = 3;

/// The document of `ci`. `source` gives a failing file's text, where it is at hand.
#[must_use]
pub fn ci(report: &CiReport, detail: Detail, source: &dyn SourceText, look: &Look) -> String {
    let mut page = Page::new(look);
    let time = units::duration(report.duration_ms);
    let migrations = text::plural(report.build.migrations.len(), "migration");
    let errors = report.findings.iter().filter(|it| it.is_error()).count();
    match report.verdict {
        Verdict::Green => {
            page.section(Ink::Good, "CI GREEN:", &format!("{migrations} in {time}"));
        }
        Verdict::Red => {
            let text = format!("{} in {migrations}, after {time}", text::plural(errors, "error"));
            page.section(Ink::Bad, "CI RED:", &text);
        }
    }
    let both = [Some(&report.build), report.rehearsal.as_ref()];
    for error in both.into_iter().flatten().filter_map(|it| failures(&it.migrations).next()) {
        page.gap();
        page.verbatim(&sql_error(error, source.text(&error.file), look));
    }
    let told = |it: &&Finding| is_urgent(it) && it.code != MIGRATION_FAILED;
    if report.findings.iter().any(|it| told(&it)) {
        page.gap();
        list(&mut page, report.findings.iter().filter(told));
    }
    page.gap();
    for check in &report.checks {
        let (ink, word) = outcome(check.outcome);
        page.entry(2, ink, &text::tame_line(&check.code), REACH, word);
    }
    slowest(&mut page, report);
    if detail == Detail::Full && report.findings.iter().any(|it| !is_urgent(it)) {
        page.gap();
        list(&mut page, report.findings.iter().filter(|it| !is_urgent(it)));
    }
    page.finish()
}

const fn outcome(outcome: CheckOutcome) -> (Ink, &'static str) {
    match outcome {
        CheckOutcome::Clean => (Ink::Good, "passed"),
        CheckOutcome::Found => (Ink::Bad, "FAILED"),
        CheckOutcome::CouldNotRun => (Ink::Bad, "could not be made to its end"),
        CheckOutcome::NotApplicable => (Ink::Faint, "not asked for"),
    }
}

fn slowest(page: &mut Page<'_>, report: &CiReport) {
    let mut timed: Vec<_> = report
        .build
        .migrations
        .iter()
        .filter_map(|it| Some((it.duration_ms?, title(&it.version, &it.name))))
        .collect();
    timed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told: Vec<String> = timed
        .iter()
        .take(SLOWEST)
        .map(|(ms, title)| format!("{title} {}", units::duration(*ms)))
        .collect();
    if !told.is_empty() {
        page.entry(2, Ink::Faint, "slowest", REACH, &told.join(", "));
    }
}
