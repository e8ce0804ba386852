//! `preflight` and `postflight`: what must be settled, then what is known, then the rest.

use stopover_model::Finding;
use stopover_model::report::{CheckEntry, CheckOutcome, PostflightReport, PreflightReport};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

use super::findings::{is_urgent, list};
use super::{Detail, next_step, versions};

/// Where the values begin, right of the labels.
const REACH: usize = 12;

/// The document of `preflight`.
#[must_use]
pub fn preflight(report: &PreflightReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    let errors = errors(&report.findings);
    if report.preflight_passed {
        let rest = match warnings(&report.findings) {
            0 => "nothing stands against an apply".to_owned(),
            count => format!("{} beside it", text::plural(count, "warning")),
        };
        page.section(Ink::Good, "Preflight green:", &rest);
    } else {
        let number = text::plural(errors, "error");
        page.section(
            Ink::Bad,
            "PREFLIGHT RED:",
            &format!("{number} must be settled before an apply"),
        );
    }
    urgent(&mut page, &report.findings);
    page.gap();
    if let Some(pending) = &report.pending {
        let told = match pending.as_slice() {
            [] => "nothing".to_owned(),
            some => versions(some, detail),
        };
        page.entry(2, Ink::Faint, "pending", REACH, &told);
    }
    if let Some(version) = &report.server_version {
        let server = format!("{} {}", report.database, text::tame_line(version));
        page.entry(2, Ink::Faint, "server", REACH, &server);
    }
    checks(&mut page, &report.checks, detail);
    notes(&mut page, &report.findings);
    let step = if report.preflight_passed {
        report.pending.as_ref().filter(|it| !it.is_empty()).map(|_| "stopover apply")
    } else {
        Some("settle the errors as said beside each, and run preflight again")
    };
    if let Some(step) = step {
        next_step(&mut page, step);
    }
    page.finish()
}

/// The document of `postflight`.
#[must_use]
pub fn postflight(report: &PostflightReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    if report.validation_passed {
        let rest = match warnings(&report.findings) {
            0 => "everything is as it should be".to_owned(),
            count => format!("{} beside it", text::plural(count, "warning")),
        };
        page.section(Ink::Good, "Postflight green:", &rest);
    } else {
        let number = text::plural(errors(&report.findings), "error");
        page.section(Ink::Bad, "POSTFLIGHT RED:", &format!("{number} found in the database"));
    }
    urgent(&mut page, &report.findings);
    page.gap();
    let not_read = "could not be read";
    let number = |it: Option<usize>| it.map_or_else(|| not_read.to_owned(), |it| it.to_string());
    page.entry(2, Ink::Faint, "applied", REACH, &number(report.migrations_applied));
    page.entry(2, Ink::Faint, "dirty", REACH, &number(report.dirty_migrations));
    let checksum = report.schema_checksum.as_deref().unwrap_or(not_read);
    page.entry(2, Ink::Faint, "schema", REACH, checksum);
    checks(&mut page, &report.checks, detail);
    notes(&mut page, &report.findings);
    if !report.validation_passed {
        next_step(&mut page, "settle the errors as said beside each, and run postflight again");
    }
    page.finish()
}

fn errors(findings: &[Finding]) -> usize {
    findings.iter().filter(|it| it.is_error()).count()
}

fn warnings(findings: &[Finding]) -> usize {
    findings.iter().filter(|it| is_urgent(it)).count() - errors(findings)
}

fn urgent(page: &mut Page<'_>, findings: &[Finding]) {
    if findings.iter().any(is_urgent) {
        page.gap();
        list(page, findings.iter().filter(|it| is_urgent(it)));
    }
}

fn notes(page: &mut Page<'_>, findings: &[Finding]) {
    if findings.iter().any(|it| !is_urgent(it)) {
        page.gap();
        list(page, findings.iter().filter(|it| !is_urgent(it)));
    }
}

/// How many were made; each of them, where everything is asked for.
fn checks(page: &mut Page<'_>, checks: &[CheckEntry], detail: Detail) {
    let of = |outcome| checks.iter().filter(|it| it.outcome == outcome).count();
    let made = of(CheckOutcome::Clean) + of(CheckOutcome::Found);
    let mut parts = vec![format!("{made} made")];
    let could_not = of(CheckOutcome::CouldNotRun);
    if could_not > 0 {
        parts.push(format!("{could_not} could not run"));
    }
    let nothing = of(CheckOutcome::NotApplicable);
    if nothing > 0 {
        parts.push(format!("{nothing} with nothing to look at"));
    }
    let ink = if could_not > 0 { Ink::Bad } else { Ink::Faint };
    page.entry(2, ink, "checks", REACH, &parts.join(", "));
    if detail == Detail::Full {
        for check in checks {
            let (ink, outcome) = match check.outcome {
                CheckOutcome::Clean => (Ink::Good, "clean"),
                CheckOutcome::Found => (Ink::Doubtful, "found something"),
                CheckOutcome::CouldNotRun => (Ink::Bad, "could not run"),
                CheckOutcome::NotApplicable => (Ink::Faint, "nothing to look at"),
            };
            page.entry(4, ink, &text::tame_line(&check.code), 24, outcome);
        }
    }
}
