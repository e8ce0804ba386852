//! What a rehearsal did, on one axis of time: values that a drawing is made of, and no drawing.

use std::collections::{BTreeMap, HashMap};

use stopover_model::report::{
    LockReport, MigrationReport, RehearsalReport, SessionStatementReport, StatementReport,
    TableReport,
};

use crate::locks::{self, Effect};

/// From and to, in milliseconds of the report's own clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Span {
    /// `None` for what is no time: a report that was read from a file may say anything.
    fn of(from: Option<f64>, length: Option<f64>) -> Option<Self> {
        let (from, length) = (from?, length.unwrap_or(0.0));
        let is_time = from.is_finite() && (0.0..1e15).contains(&length) && from.abs() < 1e15;
        is_time.then_some(Self { from, to: from + length })
    }

    pub(crate) fn length(self) -> f64 {
        self.to - self.from
    }

    fn around(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

/// Where a statement stands in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// Which of the migrations, from 0.
    pub(crate) migration: usize,
    /// Which of its statements, from 0.
    pub(crate) statement: usize,
}

/// A statement on the axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran<'r> {
    pub(crate) at: At,
    pub(crate) migration: &'r MigrationReport,
    pub(crate) statement: &'r StatementReport,
    pub(crate) span: Span,
}

/// A statement of somebody else's session on the axis, as it was seen from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'r> {
    /// Which of those that were seen, from 0.
    pub(crate) place: usize,
    pub(crate) statement: &'r SessionStatementReport,
    pub(crate) span: Span,
}

/// Who took a lock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By<'r> {
    /// A statement of a migration that the engine ran.
    Migration(Ran<'r>),
    /// A statement of the user's own tool.
    Session(Seen<'r>),
}

impl By<'_> {
    const fn span(&self) -> Span {
        match self {
            Self::Migration(ran) => ran.span,
            Self::Session(seen) => seen.span,
        }
    }
}

/// A lock on the axis, and the statement that took it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar<'r> {
    pub(crate) lock: &'r LockReport,
    pub(crate) by: By<'r>,
    pub(crate) span: Span,
}

/// A relation and all that happened to it.
#[derive(Debug)]
pub(crate) struct Row<'r> {
    pub(crate) relation: &'r str,
    /// Strongest mode first, then by time.
    pub(crate) bars: Vec<Bar<'r>>,
    /// When reads were shut out: apart from each other, in order.
    pub(crate) reads: Vec<Span>,
    /// When writes were.
    pub(crate) writes: Vec<Span>,
    /// How long in all: as measured, else the sum of the windows.
    pub(crate) read_ms: f64,
    pub(crate) write_ms: f64,
}

impl Row<'_> {
    pub(crate) fn longest(&self) -> f64 {
        self.read_ms.max(self.write_ms)
    }
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Picture<'r> {
    /// What the axis shows.
    pub(crate) span: Span,
    /// In the order of the report.
    pub(crate) statements: Vec<Ran<'r>>,
    /// The migrations that ran: which, and when.
    pub(crate) migrations: Vec<(usize, Span)>,
    /// The sessions of the user's own tool by their number, each with its statements.
    pub(crate) sessions: BTreeMap<u32, Vec<Seen<'r>>>,
    /// Those that were shut out longest first.
    pub(crate) rows: Vec<Row<'r>>,
}

impl<'r> Picture<'r> {
    /// `None` where nobody observed when what happened.
    pub(crate) fn of(report: &'r RehearsalReport) -> Option<Self> {
        let statements = statements(&report.migrations);
        let seen = seen(report);
        let rows = rows(report, taken(&statements, &seen));
        let spans = statements.iter().map(|it| it.span).chain(seen.iter().map(|it| it.span));
        let bars = rows.iter().flat_map(|row| row.bars.iter().map(|it| it.span));
        let mut span = spans.chain(bars).reduce(Span::around)?;
        // An axis needs a length.
        span.to = span.to.max(span.from + 0.001);
        let mut migrations: Vec<(usize, Span)> = Vec::new();
        for ran in &statements {
            match migrations.last_mut() {
                Some((at, span)) if *at == ran.at.migration => *span = span.around(ran.span),
                _ => migrations.push((ran.at.migration, ran.span)),
            }
        }
        let mut sessions: BTreeMap<u32, Vec<Seen<'_>>> = BTreeMap::new();
        for it in seen {
            sessions.entry(it.statement.session).or_default().push(it);
        }
        Some(Self { span, statements, migrations, sessions, rows })
    }
}

fn statements(migrations: &[MigrationReport]) -> Vec<Ran<'_>> {
    let mut ran = Vec::new();
    for (at, migration) in migrations.iter().enumerate() {
        for (place, statement) in migration.statements.iter().enumerate() {
            let at = At { migration: at, statement: place };
            let span = Span::of(statement.from_ms, statement.duration_ms);
            ran.extend(span.map(|span| Ran { at, migration, statement, span }));
        }
    }
    ran
}

fn seen(report: &RehearsalReport) -> Vec<Seen<'_>> {
    let all = report.command.iter().flat_map(|it| it.statements.iter().flatten());
    let mut seen = Vec::new();
    for (place, statement) in all.enumerate() {
        let span = Span::of(Some(statement.from_ms), Some(statement.duration_ms));
        seen.extend(span.map(|span| Seen { place, statement, span }));
    }
    seen
}

/// Every lock, with who took it.
fn taken<'r>(ran: &[Ran<'r>], seen: &[Seen<'r>]) -> impl Iterator<Item = (By<'r>, &'r LockReport)> {
    let of_ran = |by: &Ran<'r>| {
        let by = *by;
        by.statement.locks.iter().flatten().map(move |lock| (By::Migration(by), lock))
    };
    let of_seen = |by: &Seen<'r>| {
        let by = *by;
        by.statement.locks.iter().map(move |lock| (By::Session(by), lock))
    };
    ran.iter().flat_map(of_ran).chain(seen.iter().flat_map(of_seen))
}

fn rows<'r>(
    report: &'r RehearsalReport,
    taken: impl Iterator<Item = (By<'r>, &'r LockReport)>,
) -> Vec<Row<'r>> {
    let mut rows: Vec<Row<'r>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (by, lock) in taken {
        let whole = by.span();
        let (from, length) =
            (lock.from_ms.unwrap_or(whole.from), lock.held_ms.unwrap_or(whole.length()));
        let Some(span) = Span::of(Some(from), Some(length)) else { continue };
        let place = *places.entry(&lock.relation).or_insert_with(|| {
            rows.push(empty_row(&lock.relation));
            rows.len() - 1
        });
        rows[place].bars.push(Bar { lock, by, span });
    }
    let measured: HashMap<&str, &TableReport> =
        report.tables.iter().map(|it| (it.relation.as_str(), it)).collect();
    for row in &mut rows {
        finish(row, measured.get(row.relation).copied());
    }
    rows.sort_by(|left, right| {
        let by_time = right.longest().total_cmp(&left.longest());
        by_time.then_with(|| left.relation.cmp(right.relation))
    });
    rows
}

const fn empty_row(relation: &str) -> Row<'_> {
    Row {
        relation,
        bars: Vec::new(),
        reads: Vec::new(),
        writes: Vec::new(),
        read_ms: 0.0,
        write_ms: 0.0,
    }
}

fn finish(row: &mut Row<'_>, measured: Option<&TableReport>) {
    row.bars.sort_by(|left, right| {
        let strength = |it: &Bar<'_>| locks::strength(&it.lock.mode);
        let by_mode = strength(right).cmp(&strength(left));
        by_mode.then_with(|| left.span.from.total_cmp(&right.span.from))
    });
    row.reads = windows(&row.bars, |it| it == Effect::Everybody);
    row.writes = windows(&row.bars, |it| matches!(it, Effect::Everybody | Effect::Writers));
    let sum = |spans: &[Span]| spans.iter().map(|it| it.length()).sum();
    let known = |ms: Option<f64>| ms.filter(|it| it.is_finite());
    row.read_ms =
        known(measured.and_then(|it| it.read_blocked_ms)).unwrap_or_else(|| sum(&row.reads));
    row.write_ms =
        known(measured.and_then(|it| it.write_blocked_ms)).unwrap_or_else(|| sum(&row.writes));
}

/// When locks that shut somebody out were held, overlapping ones as one.
fn windows(bars: &[Bar<'_>], shuts: impl Fn(Effect) -> bool) -> Vec<Span> {
    let shutting = bars.iter().filter(|it| shuts(locks::effect(&it.lock.mode)));
    let mut spans: Vec<Span> = shutting.map(|it| it.span).collect();
    spans.sort_by(|left, right| left.from.total_cmp(&right.from));
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => joined.push(span),
        }
    }
    joined
}

/// For how long a migration shut out reads and writes of the table that it shut out longest.
pub(crate) fn shut_out(migration: &MigrationReport) -> (f64, f64) {
    let mut longest = (0.0_f64, 0.0_f64);
    let statements = statements(std::slice::from_ref(migration));
    let mut by_relation: HashMap<&str, Vec<Bar<'_>>> = HashMap::new();
    for by in &statements {
        for lock in by.statement.locks.iter().flatten() {
            let span = Span::of(lock.from_ms.or(by.statement.from_ms), lock.held_ms);
            let bar = span.map(|span| Bar { lock, by: By::Migration(*by), span });
            by_relation.entry(&lock.relation).or_default().extend(bar);
        }
    }
    for bars in by_relation.values() {
        let sum = |spans: Vec<Span>| spans.iter().map(|it| it.length()).sum::<f64>();
        let reads = sum(windows(bars, |it| it == Effect::Everybody));
        let writes = sum(windows(bars, |it| matches!(it, Effect::Everybody | Effect::Writers)));
        longest = (longest.0.max(reads), longest.1.max(writes));
    }
    longest
}
