//! The locks that kept people waiting, and what that means for them.

use stopover_model::report::{LockReport, MigrationReport, StatementReport, TableReport};

use crate::locks::{self, Effect};
use crate::look::Ink;
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{text, units};

use super::Detail;

/// Locks and sentences in a brief report; the full one has all.
const BRIEF: usize = 5;

/// What nobody notices, in milliseconds.
const UNNOTICED: f64 = 1.0;

/// A lock, and the statement that took it.
struct Taken<'r> {
    migration: &'r MigrationReport,
    statement: &'r StatementReport,
    lock: &'r LockReport,
    held_ms: f64,
}

/// The locks that shut somebody out, longest first; of several on one table in one migration the
/// strongest.
pub(super) fn locks(page: &mut Page<'_>, migrations: &[MigrationReport], detail: Detail) {
    let mut taken = strongest(migrations);
    if detail == Detail::Brief {
        taken.retain(|it| it.held_ms >= UNNOTICED);
    }
    if taken.is_empty() {
        return;
    }
    let all = taken.len();
    if detail == Detail::Brief {
        taken.truncate(BRIEF);
    }
    page.section(Ink::Strong, "Locks", &super::measured::of(taken.len(), all));
    let mut table = Table::new(&[
        Column::number("held"),
        Column::wrapped("table"),
        Column::wrapped("lock"),
        Column::whole("meanwhile"),
        Column::wrapped("taken by"),
    ]);
    for it in taken {
        let effect = locks::effect(&it.lock.mode);
        table.row([
            Cell::plain(units::duration(it.held_ms)),
            Cell::new(Ink::Strong, text::tame_line(&it.lock.relation)),
            Cell::plain(text::tame_line(&locks::in_sql(&it.lock.mode))),
            Cell::new(effect.ink(), effect.stops()),
            Cell::plain(text::tame_line(&format!(
                "{}:{} {}",
                it.migration.version, it.statement.line, it.statement.tag
            ))),
        ]);
    }
    page.table(2, table);
}

fn strongest(migrations: &[MigrationReport]) -> Vec<Taken<'_>> {
    let mut taken: Vec<Taken<'_>> = Vec::new();
    for migration in migrations {
        let first = taken.len();
        for (statement, lock) in all_locks(migration) {
            let Some(held_ms) = lock.held_ms else { continue };
            if !matters(lock) {
                continue;
            }
            let is_same = |it: &Taken<'_>| it.lock.relation == lock.relation;
            let new = Taken { migration, statement, lock, held_ms };
            let rank = |it: &Taken<'_>| (locks::strength(&it.lock.mode), it.held_ms);
            match taken[first..].iter().position(is_same) {
                None => taken.push(new),
                Some(at) if rank(&new) > rank(&taken[first + at]) => taken[first + at] = new,
                Some(_) => {}
            }
        }
    }
    taken.sort_by(|left, right| right.held_ms.total_cmp(&left.held_ms));
    taken
}

fn all_locks(migration: &MigrationReport) -> impl Iterator<Item = (&StatementReport, &LockReport)> {
    let of = |it| move |lock| (it, lock);
    migration.statements.iter().flat_map(move |it| it.locks.iter().flatten().map(of(it)))
}

fn matters(lock: &LockReport) -> bool {
    matches!(locks::effect(&lock.mode), Effect::Everybody | Effect::Writers)
}

/// What it means for whoever uses the tables that were shut the longest.
pub(super) fn in_words(
    page: &mut Page<'_>,
    tables: &[&TableReport],
    migrations: &[MigrationReport],
    detail: Detail,
) {
    let shut = |it: &&&TableReport| longest(it) >= UNNOTICED;
    let most = if detail == Detail::Brief { BRIEF } else { usize::MAX };
    for table in tables.iter().filter(shut).take(most) {
        page.paragraph(2, Ink::Plain, &sentence(table, migrations));
    }
}

fn sentence(table: &TableReport, migrations: &[MigrationReport]) -> String {
    let relation = text::tame_line(&table.relation);
    let (read, write) = (table.read_blocked_ms, table.write_blocked_ms);
    let writes = units::duration(write.unwrap_or(0.0));
    match read.filter(|ms| *ms >= UNNOTICED) {
        Some(ms) => {
            let waits = units::duration(ms);
            let lock = the_lock(table, migrations, Effect::Everybody);
            let rest = if writes == waits {
                "; so does every write".to_owned()
            } else {
                format!(", and every write up to {writes}")
            };
            format!("{lock} every SELECT on {relation} waits up to {waits}{rest}.")
        }
        None => {
            let lock = the_lock(table, migrations, Effect::Writers);
            format!("{lock} every write on {relation} waits up to {writes}; reads go on.")
        }
    }
}

/// `Behind the ALTER TABLE of migration 105, line 4,` where one statement's lock accounts for most
/// of the time.
fn the_lock(table: &TableReport, migrations: &[MigrationReport], effect: Effect) -> String {
    let mut of_table: Vec<Taken<'_>> = strongest(migrations)
        .into_iter()
        .filter(|it| it.lock.relation == table.relation)
        .filter(|it| locks::effect(&it.lock.mode) == effect)
        .collect();
    of_table.truncate(1);
    match of_table.pop() {
        Some(it) if it.held_ms >= longest(table) / 2.0 => format!(
            "Behind the {} of migration {}, line {},",
            text::tame_line(&it.statement.tag),
            text::tame_line(&it.migration.version.to_string()),
            it.statement.line
        ),
        _ => "Behind these locks".to_owned(),
    }
}

fn longest(table: &TableReport) -> f64 {
    table.read_blocked_ms.unwrap_or(0.0).max(table.write_blocked_ms.unwrap_or(0.0))
}
