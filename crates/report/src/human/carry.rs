//! `carry`: how it ended, what is lost and why, and how much was copied.

use stopover_model::report::{CarriedState, CarryError, CarryOutcome, CarryReport};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::{text, units};

use super::{Detail, findings};

/// Errors that are told one by one where details are not asked for.
const TOLD: usize = 20;
/// Lost objects of one error that are named where details are not asked for.
const NAMED: usize = 6;
/// Where the values begin, right of the labels.
const REACH: usize = 10;

/// The document of `carry`.
#[must_use]
pub fn carry(report: &CarryReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    let ink = match report.ending() {
        Some(CarryOutcome::Success) => Ink::Good,
        Some(CarryOutcome::Partial(_) | CarryOutcome::TimeoutSkipped) => Ink::Doubtful,
        _ => Ink::Bad,
    };
    page.section(ink, "Carry:", &text::tame_line(&report.outcome));
    let all = detail == Detail::Full;
    let told = if all { report.errors.len() } else { TOLD };
    for error in report.errors.iter().take(told) {
        self::error(&mut page, error, detail);
    }
    if report.errors.len() > told {
        let more = report.errors.len() - told;
        page.gap();
        page.paragraph(2, Ink::Faint, &format!("and {more} more (-v shows all)"));
    }
    summary(&mut page, report);
    let mut out = page.finish();
    if !report.findings.is_empty() {
        out.push('\n');
        out.push_str(&findings(&report.findings, look));
    }
    out
}

fn error(page: &mut Page<'_>, error: &CarryError, detail: Detail) {
    let code = error.sqlstate.as_deref().unwrap_or("-----");
    page.gap();
    page.entry(2, Ink::Bad, code, 7, &text::tame_line(&error.object));
    page.entry(9, Ink::Strong, "", 0, &text::tame_line(&error.message));
    for more in error.detail.iter().chain(&error.hint) {
        page.entry(9, Ink::Faint, "", 0, &text::tame_line(more));
    }
    if detail == Detail::Full {
        let first = error.statement.lines().next().unwrap_or_default();
        page.entry(9, Ink::Faint, "", 0, &text::tame_line(first));
    }
    let named = if detail == Detail::Full { error.lost.len() } else { NAMED };
    if error.lost.len() > 1 {
        let mut lost: Vec<String> =
            error.lost.iter().take(named).map(|it| text::tame_line(it)).collect();
        if error.lost.len() > named {
            lost.push(format!("{} more", error.lost.len() - named));
        }
        page.entry(9, Ink::Doubtful, "lost:", 0, &lost.join(", "));
    }
}

fn summary(page: &mut Page<'_>, report: &CarryReport) {
    page.gap();
    page.entry(2, Ink::Strong, "from", REACH, &text::tame_line(&report.from));
    page.entry(2, Ink::Strong, "to", REACH, &text::tame_line(&report.to));
    for schema in &report.schemas {
        let said = format!("{}: {}", text::tame_line(&schema.name), state(schema.state));
        page.entry(2, Ink::Strong, "schema", REACH, &said);
    }
    if let Some(objects) = report.objects {
        let mut said = format!("{} of {} the same", objects.same, objects.source);
        for (count, what) in [(objects.changed, "changed"), (objects.lost, "lost")] {
            if count > 0 {
                said.push_str(&format!(", {count} {what}"));
            }
        }
        page.entry(2, Ink::Strong, "objects", REACH, &said);
    }
    if !report.tables.is_empty() {
        let said = format!(
            "{} in {}, {}",
            rows(report.rows()),
            text::plural(report.tables.len(), "table"),
            units::bytes(report.bytes())
        );
        page.entry(2, Ink::Strong, "data", REACH, &said);
    }
    if let Some(callback) = &report.callback {
        let said = if callback.acknowledged { "acknowledged by" } else { "NOT acknowledged by" };
        let said = format!("{said} {}", text::tame_line(&callback.url));
        page.entry(2, Ink::Strong, "callback", REACH, &said);
    }
    page.entry(2, Ink::Strong, "took", REACH, &units::duration(report.duration_ms));
}

/// `1 row`, `12,000 rows`.
pub(crate) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", units::count(count)) }
}

/// What became of a schema.
pub(crate) const fn state(state: CarriedState) -> &'static str {
    match state {
        CarriedState::Complete => "complete",
        CarriedState::Partial => "partial",
        CarriedState::MissingInSource => "not in the source",
        CarriedState::Dropped => "dropped again",
        CarriedState::Untouched => "untouched",
        CarriedState::HalfCopied => "half copied",
    }
}

#[cfg(test)]
mod tests {
    use stopover_model::report::CarriedSchema;

    use super::*;

    fn report() -> CarryReport {
        let mut report = CarryReport::new("database old".to_owned(), "database new".to_owned());
        report.outcome = CarryOutcome::Partial(1).to_string();
        let state = CarriedState::Partial;
        report.schemas.push(CarriedSchema { name: "marts".to_owned(), state });
        report.errors.push(CarryError {
            statement: "CREATE VIEW marts.v AS\n SELECT u.old FROM public.u".to_owned(),
            object: "view marts.v".to_owned(),
            sqlstate: Some("42703".to_owned()),
            message: "column u.old does not exist".to_owned(),
            detail: None,
            hint: None,
            lost: vec!["view marts.v".to_owned(), "view marts.w".to_owned()],
        });
        report
    }

    #[test]
    fn the_outcome_comes_first_and_each_error_says_what_is_lost() {
        let text = carry(&report(), Detail::Brief, &Look::plain(100));
        assert!(text.starts_with("Carry: partial: 1 statement error(s)\n"), "{text}");
        assert!(text.contains("  42703  view marts.v\n"), "{text}");
        assert!(text.contains("column u.old does not exist"), "{text}");
        assert!(text.contains("lost: view marts.v, view marts.w"), "{text}");
        assert!(text.contains("schema    marts: partial"), "{text}");
    }
}
