//! From the record to what is told.

use std::collections::HashMap;

use stopover_backend::{StatementTrace, Trace};
use stopover_model::report::{LockReport, TableReport};
use stopover_model::{Finding, HeldLock, LockMode, shut_out_ms};

use super::catalog::{Catalog, Kind, Oid, Since};
use super::held::{Reach, Span};
use super::record::{Observed, Record};

/// Everything that was seen.
pub(super) fn trace(record: &Record) -> Trace {
    Trace { statements: statements(record), tables: tables(record), findings: Vec::new() }
}

/// What was seen before the trace broke off. How long tables shut people out is not known then.
pub(super) fn broken(record: &Record, reason: &str) -> Trace {
    let mut tables = tables(record);
    for table in &mut tables {
        table.read_blocked_ms = None;
        table.write_blocked_ms = None;
    }
    let finding = Finding::warning(
        "trace",
        "the trace",
        format!("locks and rewrites could not be observed to the end: {reason}"),
        "the migrations themselves were rehearsed; run it again for the trace",
    );
    let statements = statements(record).into_iter().filter(|it| it.locks.is_some()).collect();
    Trace { statements, tables, findings: vec![finding] }
}

fn statements(record: &Record) -> Vec<StatementTrace> {
    let spans = Spans::of(record);
    let told = |(at, it): (usize, &Observed)| {
        let (version, index) = it.whose.clone()?;
        Some(StatementTrace {
            version,
            index,
            from_ms: it.from,
            duration_ms: it.to - it.from,
            wal_bytes: it.wal,
            temp_bytes: None,
            locks: Some(locks(at, &spans, &record.catalog)),
            rewrites: it.settled.then(|| it.rewrites.clone()),
            indexes: it.settled.then(|| it.indexes.clone()),
        })
    };
    record.statements.iter().enumerate().filter_map(told).collect()
}

/// The locks that somebody can wait for.
struct Spans<'r> {
    of_statement: HashMap<usize, Vec<&'r Span>>,
    on_relation: HashMap<Oid, Vec<&'r Span>>,
}

impl<'r> Spans<'r> {
    fn of(record: &'r Record) -> Self {
        let mut spans = Self { of_statement: HashMap::new(), on_relation: HashMap::new() };
        for span in record.held.spans.iter().filter(|it| it.reach == Reach::Everybody) {
            spans.of_statement.entry(span.statement).or_default().push(span);
            spans.on_relation.entry(span.lock.0).or_default().push(span);
        }
        spans
    }

    /// Whether a lock on an index says nothing that the one on its table does not.
    fn goes_with_the_table(&self, span: &Span, table: Option<Oid>) -> bool {
        let on_table = table.and_then(|it| self.on_relation.get(&it));
        on_table.into_iter().flatten().any(|it| {
            let until = |span: &Span| span.to.unwrap_or(f64::INFINITY);
            it.lock.1 >= span.lock.1 && it.from <= span.from && until(it) >= until(span)
        })
    }
}

/// What a statement took, strongest first.
fn locks(at: usize, spans: &Spans<'_>, catalog: &Catalog) -> Vec<LockReport> {
    let taken = spans.of_statement.get(&at).map(Vec::as_slice).unwrap_or_default();
    let told = |span: &&Span| {
        let (oid, mode) = span.lock;
        let relation = catalog.get(oid)?;
        let matters = match relation.kind {
            Kind::Table | Kind::View => true,
            Kind::Index => {
                mode >= LockMode::ShareUpdateExclusive
                    && !spans.goes_with_the_table(span, relation.table)
            }
            // Every `nextval` takes a weak one.
            Kind::Sequence => mode >= LockMode::ShareUpdateExclusive,
            Kind::Other => false,
        };
        let report = LockReport {
            mode: mode.to_string(),
            relation: relation.name_before.clone(),
            from_ms: Some(span.from),
            held_ms: span.to.map(|to| to - span.from),
        };
        matters.then_some((mode, report))
    };
    let mut locks: Vec<(LockMode, LockReport)> = taken.iter().filter_map(told).collect();
    locks
        .sort_by(|(left, a), (right, b)| right.cmp(left).then_with(|| a.relation.cmp(&b.relation)));
    locks.into_iter().map(|it| it.1).collect()
}

/// The tables that were there before, by name.
fn tables(record: &Record) -> Vec<TableReport> {
    let mut felt: HashMap<Oid, Vec<HeldLock>> = HashMap::new();
    for span in record.held.spans.iter().filter(|it| it.reach == Reach::Everybody) {
        // One that was never given back was held at least until its statement's end.
        let to_ms = span.to.or_else(|| record.statements.get(span.statement).map(|it| it.to));
        let lock =
            HeldLock { mode: span.lock.1, from_ms: span.from, to_ms: to_ms.unwrap_or(span.from) };
        for table in record.catalog.felt_by(span.lock.0) {
            felt.entry(table).or_default().push(lock);
        }
    }
    let before =
        record.catalog.iter().filter(|(_, it)| it.kind == Kind::Table && it.since == Since::Before);
    let mut tables: Vec<TableReport> = before
        .map(|(oid, relation)| {
            let held = felt.get(&oid).map(Vec::as_slice).unwrap_or_default();
            TableReport {
                relation: relation.name_before.clone(),
                rows_before: None,
                rows_after: None,
                bytes: relation.bytes,
                read_blocked_ms: Some(shut_out_ms(held, LockMode::READ)),
                write_blocked_ms: Some(shut_out_ms(held, LockMode::WRITE)),
            }
        })
        .collect();
    tables.sort_by(|left, right| left.relation.cmp(&right.relation));
    tables
}
