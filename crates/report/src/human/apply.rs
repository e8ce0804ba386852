//! `apply` and `rollback`: what failed, what was done, what was not.

use stopover_model::Finding;
use stopover_model::report::{ApplyReport, BackupMade, FailedMigration, Safeguard};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::sql_error::{SourceText, sql_error};
use crate::{text, units};

use super::findings::{is_urgent, list};
use super::predicted::predicted;
use super::{Detail, next_step, title, versions};

/// Where the values begin, right of the labels.
const REACH: usize = 11;

/// The document of `apply` or `rollback`. `source` gives the failing file's text, where it is at
/// hand, so that the error is shown in its place.
#[must_use]
pub fn apply(report: &ApplyReport, detail: Detail, source: &dyn SourceText, look: &Look) -> String {
    let mut page = Page::new(look);
    let found = found(report);
    let errors = errors(report);
    headline(&mut page, report, errors);
    if let Some(failed) = &report.failed {
        page.gap();
        page.verbatim(&sql_error(&failed.error, source.text(&failed.error.file), look));
    }
    if found.iter().any(|it| is_urgent(it)) {
        page.gap();
        list(&mut page, found.iter().copied().filter(|it| is_urgent(it)));
    }
    done(&mut page, report, detail);
    around(&mut page, report);
    predicted(&mut page, report, detail);
    if found.iter().any(|it| !is_urgent(it)) {
        page.gap();
        list(&mut page, found.iter().copied().filter(|it| !is_urgent(it)));
    }
    if let Some(step) = next(report, errors) {
        next_step(&mut page, &step);
    }
    page.finish()
}

/// Everything that was found: by the run itself, before it and after it. What a preflight only
/// notes is in its own report.
fn found(report: &ApplyReport) -> Vec<&Finding> {
    let before = report.preflight.iter().flat_map(|it| &it.findings).filter(|it| is_urgent(it));
    let after = report.postflight.iter().flat_map(|it| &it.findings).filter(|it| is_urgent(it));
    before.chain(&report.findings).chain(after).collect()
}

/// How many errors count: those of a preflight that was overridden do not.
fn errors(report: &ApplyReport) -> usize {
    let heeded = !report.overrides.iter().any(|it| it.safeguard == Safeguard::Preflight);
    let before = report.preflight.iter().filter(|_| heeded).flat_map(|it| &it.findings);
    let after = report.postflight.iter().flat_map(|it| &it.findings);
    before.chain(&report.findings).chain(after).filter(|it| it.is_error()).count()
}

/// What stood around the steps, one line each.
fn around(page: &mut Page<'_>, report: &ApplyReport) {
    let verdict = |passed: bool| if passed { (Ink::Good, "passed") } else { (Ink::Bad, "failed") };
    if let Some(it) = &report.preflight {
        let (ink, word) = verdict(it.preflight_passed);
        page.entry(2, ink, "preflight", REACH, word);
    }
    if let Some(it) = &report.postflight {
        let (ink, word) = verdict(it.validation_passed);
        page.entry(2, ink, "postflight", REACH, word);
    }
    for decision in &report.overrides {
        let text = format!("{} lifted {}", decision.safeguard.name(), decision.told());
        page.entry(2, Ink::Doubtful, "decision", REACH, &text::tame_line(&text));
    }
}

fn headline(page: &mut Page<'_>, report: &ApplyReport, errors: usize) {
    let time = units::duration(report.duration_ms);
    let changed = report.applied.len() + report.reverted.len();
    if let Some(failed) = &report.failed {
        let name = title(&failed.version, &failed.name);
        let at = failed.statement.map_or_else(String::new, |it| format!(" at its statement {it}"));
        page.section(Ink::Bad, "FAILED:", &format!("{name}{at}, after {time}"));
    } else if errors > 0 && changed == 0 {
        let number = text::plural(errors, "error");
        let text = format!("{number} must be settled first; nothing was run");
        page.section(Ink::Bad, "REFUSED:", &text);
    } else if errors > 0 {
        let number = text::plural(errors, "error");
        page.section(Ink::Bad, "NOT CLEAN:", &format!("{number} found, after {time}"));
    } else if !report.untouched.is_empty() {
        let left = text::plural(report.untouched.len(), "migration");
        page.section(Ink::Doubtful, "STOPPED:", &format!("{left} not begun, after {time}"));
    } else if changed == 0 && !report.healed.is_empty() {
        let number = text::plural(report.healed.len(), "edit");
        let text = format!("{number} of applied migrations in {time}; nothing else was to do");
        page.section(Ink::Good, "Healed:", &text);
    } else if changed == 0 {
        page.section(Ink::Good, "Nothing to do:", "all that was asked for is applied");
    } else {
        let (verb, changed) = match report.applied.len() {
            0 => ("Reverted", changed),
            applied => ("Applied", applied),
        };
        let number = text::plural(changed, "migration");
        page.section(Ink::Good, verb, &format!("{number} in {time}"));
    }
}

/// What became of each part, one line each.
fn done(page: &mut Page<'_>, report: &ApplyReport, detail: Detail) {
    page.gap();
    for (ink, label, list) in [
        (Ink::Doubtful, "healed", &report.healed),
        (Ink::Good, "applied", &report.applied),
        (Ink::Good, "reverted", &report.reverted),
    ] {
        if !list.is_empty() {
            page.entry(2, ink, label, REACH, &versions(list, detail));
        }
    }
    if let Some(failed) = &report.failed {
        page.entry(2, Ink::Bad, "failed", REACH, &failure(failed));
    }
    if !report.untouched.is_empty() {
        page.entry(2, Ink::Faint, "untouched", REACH, &versions(&report.untouched, detail));
    }
    if let Some(backup) = &report.backup {
        page.entry(2, Ink::Faint, "backup", REACH, &backup_line(backup));
        if let (Detail::Full, Some(sha256)) = (detail, &backup.sha256) {
            page.entry(2, Ink::Faint, "sha256", REACH, &text::tame_line(sha256));
        }
    }
}

/// Where a backup is, how large, and how long it took.
pub(super) fn backup_line(backup: &BackupMade) -> String {
    let time = units::duration(backup.duration_ms);
    let size = backup.bytes.map_or_else(String::new, |it| format!("{} ", units::bytes(it)));
    let path = backup.path.as_deref().map_or_else(|| "by your command".to_owned(), text::tame_line);
    let proven = match backup.proven {
        Some(true) => ", proven by a restore",
        Some(false) => ", NOT PROVEN",
        None => "",
    };
    format!("{path} ({size}in {time}{proven})")
}

fn failure(failed: &FailedMigration) -> String {
    let name = title(&failed.version, &failed.name);
    let left = if failed.rolled_back {
        "rolled back, it left no trace".to_owned()
    } else {
        match failed.statement {
            Some(1) => "stopped midway, without a transaction: see what its first statement left \
                        behind"
                .to_owned(),
            Some(statement) => format!(
                "stopped midway, without a transaction: what it did before its statement \
                 {statement} stays"
            ),
            None => "stopped midway, without a transaction".to_owned(),
        }
    };
    format!("{name}: {left}")
}

fn next(report: &ApplyReport, errors: usize) -> Option<String> {
    if let Some(failed) = &report.failed {
        // A down script that was to take a dirty migration back.
        if report.findings.iter().any(|it| it.is_error() && it.code == "dirty") {
            return Some("settle the errors as said beside each".to_owned());
        }
        let file = text::tame_line(&failed.error.file);
        return Some(if failed.rolled_back {
            format!("settle the error in {file}, rehearse, then run the command again")
        } else {
            format!(
                "settle the error in {file}, then run the command again: it goes on where it \
                 stopped, and `stopover status` says where that is"
            )
        });
    }
    let forbidden = report.preflight.as_ref().is_some_and(|it| !it.preflight_passed);
    if errors > 0 && forbidden && report.applied.is_empty() {
        return Some(
            "settle the errors as said beside each, or go on by a decision that is kept: \
             --force --reason TEXT"
                .to_owned(),
        );
    }
    if errors > 0 {
        return Some("settle the errors as said beside each".to_owned());
    }
    (!report.untouched.is_empty()).then(|| "run the command again to go on".to_owned())
}
