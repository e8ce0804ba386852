//! The user's own programs in a rehearsal: what ran, and which locks and statements were seen from
//! outside.

use stopover_model::report::{
    BootReport, CommandReport, LockReport, RehearsalReport, SessionStatementReport,
};

use crate::locks::{self, Effect};
use crate::look::Ink;
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{facts, text, units};

use super::{Detail, measured};

/// Locks in a brief report; the full one has all.
const BRIEF: usize = 5;

/// So many words of a statement stand beside a lock.
const WORDS: usize = 3;

/// A line for each program.
pub(super) fn head(page: &mut Page<'_>, report: &RehearsalReport, reach: usize) {
    if let Some(command) = &report.command {
        page.entry(0, Ink::Strong, "command", reach, &ran(command));
        if let Some(rewrites) = facts::rewrites(command) {
            let ink = if rewrites == "none" { Ink::Strong } else { Ink::Doubtful };
            page.entry(0, ink, "rewrote", reach, &rewrites);
        }
    }
    if let Some(boot) = &report.boot {
        page.entry(0, Ink::Strong, "service", reach, &booted(boot));
    }
}

fn ran(command: &CommandReport) -> String {
    let mut facts = vec![text::tame_line(&command.command)];
    let code =
        command.exit_code.map_or_else(|| "no exit code".into(), |it| format!("exit code {it}"));
    facts.push(format!("{code} after {}", units::duration(command.duration_ms)));
    facts.push(match &command.looks {
        Some(looks) => format!("looked at from outside {}", facts::looks(looks)),
        None => "not observed".to_owned(),
    });
    if !command.compared {
        facts.push("not compared with a source".to_owned());
    }
    facts.join(", ")
}

fn booted(boot: &BootReport) -> String {
    let shown = text::tame_line(&boot.command);
    match boot.ready_ms {
        Some(ms) => format!("{shown}, well after {}", units::duration(ms)),
        None => format!("{shown}, never well"),
    }
}

/// The locks that were seen from outside and shut somebody out, longest first.
pub(super) fn locks(page: &mut Page<'_>, command: Option<&CommandReport>, detail: Detail) {
    let statements = command.and_then(|it| it.statements.as_deref()).unwrap_or_default();
    let held = |it: &(&SessionStatementReport, &LockReport)| it.1.held_ms.unwrap_or(0.0);
    let mut taken: Vec<(&SessionStatementReport, &LockReport)> = statements
        .iter()
        .flat_map(|it| it.locks.iter().map(move |lock| (it, lock)))
        .filter(|it| matches!(locks::effect(&it.1.mode), Effect::Everybody | Effect::Writers))
        .collect();
    if taken.is_empty() {
        return;
    }
    taken.sort_by(|left, right| held(right).total_cmp(&held(left)));
    let all = taken.len();
    if detail == Detail::Brief {
        taken.truncate(BRIEF);
    }
    page.section(Ink::Strong, "Locks, seen from outside", &measured::of(taken.len(), all));
    let mut table = Table::new(&[
        Column::number("held"),
        Column::wrapped("table"),
        Column::wrapped("lock"),
        Column::whole("meanwhile"),
        Column::wrapped("within"),
    ]);
    for (statement, lock) in taken {
        let effect = locks::effect(&lock.mode);
        table.row([
            Cell::plain(lock.held_ms.map_or_else(String::new, units::duration)),
            Cell::new(Ink::Strong, text::tame_line(&lock.relation)),
            Cell::plain(text::tame_line(&locks::in_sql(&lock.mode))),
            Cell::new(effect.ink(), effect.stops()),
            Cell::plain(beginning(statement)),
        ]);
    }
    page.table(2, table);
}

/// The statements that took longest as far as they were seen, slowest first.
pub(super) fn slowest(page: &mut Page<'_>, command: Option<&CommandReport>, detail: Detail) {
    let statements = command.and_then(|it| it.statements.as_deref()).unwrap_or_default();
    if statements.len() < 2 {
        return;
    }
    let mut timed: Vec<&SessionStatementReport> = statements.iter().collect();
    timed.sort_by(|left, right| right.duration_ms.total_cmp(&left.duration_ms));
    let all = timed.len();
    if detail == Detail::Brief {
        timed.truncate(BRIEF);
    }
    let title = "Slowest statements, seen from outside";
    page.section(Ink::Strong, title, &measured::of(timed.len(), all));
    let mut table = Table::new(&[
        Column::number("time"),
        Column::number("session"),
        Column::wrapped("statement"),
    ]);
    for it in timed {
        table.row([
            Cell::plain(units::duration(it.duration_ms)),
            Cell::plain(it.session.to_string()),
            Cell::plain(text::tame_line(facts::seen(it))),
        ]);
    }
    page.table(2, table);
}

/// `ALTER TABLE orders`: a whole script may be one statement, and began so.
fn beginning(statement: &SessionStatementReport) -> String {
    if statement.text.is_empty() {
        return format!("session {}", statement.session);
    }
    text::tame_line(&statement.text.split_whitespace().take(WORDS).collect::<Vec<_>>().join(" "))
}
