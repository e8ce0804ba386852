//! The statements behind the data that may be executed beside others, and what each claims: what
//! the server locks for it, and what others need of it. Forms as pg_dump writes them, with their
//! names qualified; others keep their place.

use super::key::{Claim, Key, Mode};
use crate::restore::policy::reading::Reading;

/// A statement that may be executed beside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::restore) struct Task {
    /// What it claims; of two that claim the same, the first in the dump comes first.
    pub(in crate::restore) claims: Vec<Claim>,
    /// The table whose size says how long it takes; `None` for what takes no time.
    pub(in crate::restore) reads: Option<Key>,
    /// The index that it makes, and its table.
    pub(in crate::restore) makes: Option<(Key, Key)>,
    /// Whether it may run code that looks at other tables.
    pub(in crate::restore) code: Code,
}

/// Whether a statement runs code of the dump's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::restore) enum Code {
    None,
    /// An expression or a condition: whatever its functions read must be there.
    Possible,
}

impl Task {
    pub(in crate::restore) fn of(reading: &Reading<'_>) -> Option<Self> {
        new_index(reading)
            .or_else(|| altered_table(reading))
            .or_else(|| altered_index(reading))
            .or_else(|| comment(reading))
            .or_else(|| trigger(reading))
    }

    fn small(claims: Vec<Claim>) -> Self {
        Self { claims, reads: None, makes: None, code: Code::None }
    }
}

/// A qualified name at `at`: its key, and the place behind it.
pub(in crate::restore) fn relation(reading: &Reading<'_>, at: usize) -> Option<(Key, usize)> {
    let (schema, name) = (reading.name(at)?, reading.name(at + 2)?);
    let whole = reading.symbol(at + 1, ".") && !reading.symbol(at + 3, ".");
    whole.then(|| (Key::relation(&schema, &name), at + 3))
}

/// `CREATE [UNIQUE] INDEX i ON [ONLY] s.t …`: writes are locked out, other builds are not.
fn new_index(reading: &Reading<'_>) -> Option<Task> {
    let at = reading.skip(1, "unique") + 1;
    if !reading.is(0, "create") || !reading.is(at - 1, "index") || !reading.is(at + 1, "on") {
        return None;
    }
    let (table, _) = relation(reading, reading.skip(at + 2, "only"))?;
    let index = table.neighbour(&reading.name(at)?);
    Some(Task {
        claims: vec![Claim::Table(table.clone(), Mode::Shared), Claim::Part(index.clone())],
        reads: Some(table.clone()),
        makes: Some((index, table)),
        code: code_from(reading, at + 1),
    })
}

/// A plain index has its columns in parentheses, and none within; operator classes with options
/// have some as well, which does no harm.
fn code_from(reading: &Reading<'_>, at: usize) -> Code {
    let mut depth = 0_u32;
    for place in at..reading.len() {
        if reading.symbol(place, "(") {
            depth += 1;
        } else if reading.symbol(place, ")") {
            depth = depth.saturating_sub(1);
        }
        if depth > 1 || depth == 0 && reading.is(place, "where") {
            return Code::Possible;
        }
    }
    Code::None
}

fn altered_table(reading: &Reading<'_>) -> Option<Task> {
    if !reading.begins("alter table") {
        return None;
    }
    let only = reading.is(2, "only");
    let (table, at) = relation(reading, reading.skip(2, "only"))?;
    if reading.has_symbol(at, ",") {
        // More than one action is nothing that pg_dump writes.
        return None;
    }
    let whole = if only {
        Claim::Table(table.clone(), Mode::Exclusive)
    } else {
        Claim::Family(table.clone())
    };
    let clusters = reading.are(at, "cluster on") && reading.len() == at + 3;
    let identifies = reading.are(at, "replica identity using index") && reading.len() == at + 5;
    if clusters || identifies {
        return Some(Task::small(vec![whole]));
    }
    if reading.are(at, "add constraint") { constraint(reading, at + 2, table, whole) } else { None }
}

/// What is behind `ADD CONSTRAINT`: its name and kind.
fn constraint(reading: &Reading<'_>, at: usize, table: Key, whole: Claim) -> Option<Task> {
    let kind = at + 1;
    if reading.are(kind, "foreign key") {
        // Both tables are locked until all rows are checked, and in a family all of them.
        let (other, _) = relation(reading, reading.find(kind, "references")? + 1)?;
        let claims = vec![Claim::Family(table.clone()), Claim::Family(other)];
        return Some(Task { claims, reads: Some(table), makes: None, code: Code::None });
    }
    let indexed = ["primary key", "unique", "exclude"].into_iter().any(|it| reading.are(kind, it));
    let index = table.neighbour(&reading.name(at)?);
    let claims = vec![whole, Claim::Part(index.clone())];
    let code = code_from(reading, kind);
    indexed.then(|| Task { claims, reads: Some(table.clone()), makes: Some((index, table)), code })
}

/// `ALTER INDEX s.i ATTACH PARTITION s.j`, `ALTER INDEX s.i ALTER COLUMN n SET STATISTICS m`.
fn altered_index(reading: &Reading<'_>) -> Option<Task> {
    if !reading.begins("alter index") {
        return None;
    }
    let (index, at) = relation(reading, reading.skip(2, "only"))?;
    let mut claims = vec![Claim::TableOf(index.clone()), Claim::Part(index)];
    if reading.are(at, "attach partition") {
        let (other, end) = relation(reading, at + 2)?;
        claims.push(Claim::Attachment(other.clone()));
        claims.extend([Claim::TableOf(other.clone()), Claim::Part(other)]);
        return (reading.len() == end).then(|| Task::small(claims));
    }
    let statistics = reading.are(at, "alter column") && reading.are(at + 3, "set statistics");
    (statistics && reading.len() == at + 6).then(|| Task::small(claims))
}

/// `COMMENT ON INDEX s.i IS …`, `COMMENT ON CONSTRAINT c ON s.t IS …`, the same for triggers.
fn comment(reading: &Reading<'_>) -> Option<Task> {
    if reading.begins("comment on index") {
        let (index, _) = relation(reading, 3)?;
        return Some(Task::small(vec![Claim::TableOf(index.clone()), Claim::Part(index)]));
    }
    let part = reading.begins("comment on constraint") || reading.begins("comment on trigger");
    if !part || !reading.is(4, "on") || reading.is(5, "domain") {
        return None;
    }
    let (table, _) = relation(reading, 5)?;
    Some(Task::small(vec![Claim::Table(table, Mode::Shared)]))
}

/// `CREATE [CONSTRAINT] TRIGGER g … ON s.t [FROM s.r] …`
fn trigger(reading: &Reading<'_>) -> Option<Task> {
    let at = reading.skip(1, "constraint") + 1;
    if !reading.is(0, "create") || !reading.is(at - 1, "trigger") {
        return None;
    }
    let (table, end) = relation(reading, reading.find(at + 1, "on")? + 1)?;
    let mut claims = vec![Claim::Family(table)];
    if reading.is(end, "from") {
        claims.push(Claim::Family(relation(reading, end + 1)?.0));
    }
    Some(Task::small(claims))
}
