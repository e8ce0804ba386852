//! `plan`: problems, then each step with its boundary and its strongest locks.

use stopover_model::report::{HealEntry, PlanReport, PlannedStep};
use stopover_model::{DatabaseKind, HealKind};

use crate::locks;
use crate::look::{Ink, Look};
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::text;

use super::findings::{is_urgent, list};
use super::{Detail, next_step, title};

/// The document of `plan`.
#[must_use]
pub fn plan(report: &PlanReport, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    let errors = report.problems.iter().filter(|it| it.is_error()).count();
    if errors > 0 || report.plan_hash.is_none() {
        let number = text::plural(errors, "error");
        page.section(Ink::Bad, "NO PLAN:", &format!("{number} must be settled first"));
        page.gap();
        list(&mut page, report.problems.iter());
        next_step(&mut page, "settle the errors as said beside each, then plan again");
        return page.finish();
    }
    if report.problems.iter().any(is_urgent) {
        list(&mut page, report.problems.iter().filter(|it| is_urgent(it)));
    }
    head(&mut page, report);
    for heal in &report.heals {
        page.gap();
        healed(&mut page, heal);
    }
    for step in &report.downs {
        page.gap();
        let name = page.look.paint(Ink::Strong, &title(&step.version, &step.name));
        page.verbatim(&format!("{name}: {}", page.look.paint(Ink::Doubtful, "dirty")));
        page.entry(2, Ink::Doubtful, "first", REACH, "its down script, which takes it back");
        page.entry(2, Ink::Faint, "file", REACH, &text::tame_line(&step.file));
        page.entry(2, Ink::Faint, "runs", REACH, &tags(step));
    }
    for (at, step) in report.steps.iter().enumerate() {
        page.gap();
        one(&mut page, at + 1, step, detail);
    }
    if report.problems.iter().any(|it| !is_urgent(it)) {
        page.gap();
        list(&mut page, report.problems.iter().filter(|it| !is_urgent(it)));
    }
    next_step(&mut page, next(report));
    page.finish()
}

fn head(page: &mut Page<'_>, report: &PlanReport) {
    let statements = report.steps.iter().map(|step| step.statements.len()).sum();
    let work = format!(
        "{}, {}, recorded in {} ({})",
        text::plural(report.steps.len(), "migration"),
        text::plural(statements, "statement"),
        text::tame_line(&report.ledger.table),
        report.ledger.kind
    );
    page.section(Ink::Strong, "Plan:", &work);
    if let Some(hash) = &report.plan_hash {
        page.entry(0, Ink::Faint, "hash", "Plan: ".len(), &text::tame_line(hash));
    }
}

/// An edit of an applied migration, and what becomes of it.
fn healed(page: &mut Page<'_>, heal: &HealEntry) {
    let name = page.look.paint(Ink::Strong, &title(&heal.version, &heal.name));
    let what = page.look.paint(Ink::Doubtful, &format!("modified (class: {})", heal.class));
    page.verbatim(&format!("{name}: {what}"));
    page.entry(2, Ink::Faint, "file", REACH, &text::tame_line(&heal.file));
    let how = match heal.way {
        HealKind::Restamp => "the ledger gets the file's checksum; nothing is run again".to_owned(),
        HealKind::Rerun => format!(
            "it is run again ({}), after a proof on a copy that this changes nothing",
            text::plural(heal.statements.len(), "statement")
        ),
    };
    page.entry(2, Ink::Doubtful, "heal", REACH, &how);
    page.entry(2, Ink::Faint, "known", REACH, &text::tame_line(&heal.found));
}

fn one(page: &mut Page<'_>, position: usize, step: &PlannedStep, detail: Detail) {
    let number = format!("{position}.");
    let indent = number.len() + 1;
    let order = if step.out_of_order { " (out of order)" } else { "" };
    let name = page.look.paint(Ink::Strong, &title(&step.version, &step.name));
    page.verbatim(&format!("{number} {name}{}", page.look.paint(Ink::Doubtful, order)));
    page.entry(indent, Ink::Faint, "file", REACH, &text::tame_line(&step.file));
    let (ink, boundary) = match &step.reason {
        _ if step.transactional => (Ink::Faint, "one transaction".to_owned()),
        Some(reason) => (Ink::Doubtful, format!("no transaction: {}", text::tame_line(reason))),
        None => (Ink::Doubtful, "no transaction".to_owned()),
    };
    page.entry(indent, ink, "runs in", REACH, &boundary);
    page.entry(indent, Ink::Faint, "runs", REACH, &tags(step));
    let strongest = locks::strongest(step.statements.iter().flat_map(|it| &it.locks));
    let mut table =
        Table::new(&[Column::whole(""), Column::wrapped(""), Column::whole(""), Column::whole("")]);
    for (at, (relation, mode)) in strongest.iter().enumerate() {
        let label = if at == 0 { "locks".to_owned() } else { String::new() };
        let effect = locks::effect(mode);
        table.row([
            Cell::new(Ink::Faint, format!("{label:<width$}", width = REACH - 2)),
            Cell::plain(text::tame_line(relation)),
            Cell::plain(text::tame_line(mode)),
            Cell::new(effect.ink(), effect.words()),
        ]);
    }
    page.table(indent, table);
    if detail == Detail::Full {
        statements(page, indent, step);
    }
}

/// Where a step's values begin, right of its labels.
const REACH: usize = 9;

/// `ALTER TABLE (2), CREATE INDEX`: the statements' tags, runs of one tag counted.
fn tags(step: &PlannedStep) -> String {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for statement in &step.statements {
        match runs.last_mut() {
            Some((tag, number)) if *tag == statement.tag => *number += 1,
            _ => runs.push((&statement.tag, 1)),
        }
    }
    let names: Vec<String> = runs
        .iter()
        .map(|(tag, number)| match number {
            1 => text::tame_line(tag),
            _ => format!("{} ({number})", text::tame_line(tag)),
        })
        .collect();
    let statements = text::plural(step.statements.len(), "statement");
    if names.is_empty() { statements } else { format!("{statements}: {}", names.join(", ")) }
}

fn statements(page: &mut Page<'_>, indent: usize, step: &PlannedStep) {
    let mut table = Table::new(&[
        Column::number("line"),
        Column::wrapped("statement"),
        Column::wrapped("locks"),
    ]);
    for statement in &step.statements {
        let locks: Vec<String> = statement
            .locks
            .iter()
            .map(|it| text::tame_line(&format!("{} on {}", it.mode, it.relation)))
            .collect();
        table.row([
            Cell::plain(statement.line.to_string()),
            Cell::plain(text::tame_line(&statement.tag)),
            Cell::plain(locks.join(",\n")),
        ]);
    }
    page.table(indent, table);
}

fn next(report: &PlanReport) -> &'static str {
    if report.steps.is_empty() && !report.heals.is_empty() {
        "`stopover apply` heals the edits; nothing else is to do"
    } else if report.steps.is_empty() {
        "nothing to do: all that was asked for is applied"
    } else {
        match report.database {
            DatabaseKind::Postgres => {
                "`stopover rehearse` tries this plan on a backup, `stopover apply` carries it out"
            }
            DatabaseKind::Sqlite => "`stopover apply` carries it out",
        }
    }
}
