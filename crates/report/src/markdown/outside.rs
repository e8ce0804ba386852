//! What was seen from outside of a tool of the user's own: locks and statements, each with how far
//! apart the looks were.

use stopover_model::report::{LockReport, RehearsalReport, SessionStatementReport};

use crate::locks::{self, Effect};
use crate::{facts, units};

use super::escape::{code, prose};
use super::room::Room;

/// The locks that shut somebody out, longest first.
pub(super) fn locks(room: &mut Room, report: &RehearsalReport) {
    let Some(command) = &report.command else { return };
    let held = |it: &(&SessionStatementReport, &LockReport)| it.1.held_ms.unwrap_or(0.0);
    let all = command.statements.iter().flatten();
    let mut taken: Vec<(&SessionStatementReport, &LockReport)> = all
        .flat_map(|it| it.locks.iter().map(move |lock| (it, lock)))
        .filter(|it| matches!(locks::effect(&it.1.mode), Effect::Everybody | Effect::Writers))
        .collect();
    taken.sort_by(|left, right| held(right).total_cmp(&held(left)));
    let head = format!(
        "\n### Locks, seen from outside\n\n{}\
         | held | table | lock | meanwhile | within |\n\
         | ---: | --- | --- | --- | --- |\n",
        command.looks.as_ref().map_or_else(String::new, |looks| format!(
            "By looking {}: what was held for a shorter time may be missing.\n\n",
            facts::looks(looks)
        ))
    );
    let row = |(statement, lock): &(&SessionStatementReport, &LockReport)| {
        format!(
            "| {} | {} | {} | {} | {} |\n",
            lock.held_ms.map_or_else(String::new, units::duration),
            code(&lock.relation),
            prose(&locks::in_sql(&lock.mode)),
            locks::effect(&lock.mode).stops(),
            code(facts::seen(statement)),
        )
    };
    room.list(&head, taken.iter().map(row), "");
}

/// The statements, slowest first.
pub(super) fn statements(room: &mut Room, report: &RehearsalReport) {
    let statements = report.command.iter().flat_map(|it| it.statements.iter().flatten());
    let mut timed: Vec<&SessionStatementReport> = statements.collect();
    if timed.len() < 2 {
        return;
    }
    timed.sort_by(|left, right| right.duration_ms.total_cmp(&left.duration_ms));
    let head = format!(
        "\n<details><summary>Statements seen from outside, slowest first ({})</summary>\n\n\
         | time | session | statement |\n\
         | ---: | ---: | --- |\n",
        timed.len()
    );
    let row = |it: &&SessionStatementReport| {
        let (took, text) = (units::duration(it.duration_ms), code(facts::seen(it)));
        format!("| {took} | {} | {text} |\n", it.session)
    };
    room.list(&head, timed.iter().map(row), "\n</details>\n");
}
