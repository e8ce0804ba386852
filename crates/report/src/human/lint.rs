//! `lint`: what was found, and by how many rules.

use stopover_model::report::LintReport;

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

use super::findings::list;

/// The document of `lint`.
#[must_use]
pub fn lint(report: &LintReport, look: &Look) -> String {
    let mut page = Page::new(look);
    let migrations = text::plural(report.migrations, "migration");
    let rules = text::plural(report.rules.len(), "rule");
    list(&mut page, report.findings.iter());
    if !report.findings.is_empty() {
        page.gap();
    }
    let errors = report.findings.iter().filter(|it| it.is_error()).count();
    let others = report.findings.len() - errors;
    let found = [(errors, "error"), (others, "warning")].map(|(n, word)| text::plural(n, word));
    match (errors, others) {
        (0, 0) => page.section(Ink::Good, "LINT CLEAN:", &format!("{migrations}, {rules}")),
        (0, _) => {
            let told = format!("{} in {migrations}", found[1]);
            page.section(Ink::Doubtful, "Lint:", &told);
        }
        _ => {
            let told = format!("{}, {} in {migrations}", found[0], found[1]);
            page.section(Ink::Bad, "LINT RED:", &told);
        }
    }
    page.finish()
}
