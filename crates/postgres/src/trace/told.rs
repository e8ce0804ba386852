//! From the record to what is told.

use std::collections::HashMap;

use stopover_backend::{OutsideTrace, StatementTrace, Trace};
use stopover_model::report::{
    LockReport, LooksReport, SessionStatementReport, TableReport, TrafficReport,
};
use stopover_model::{Finding, HeldLock, LockMode, beginning, shut_out_ms};

use super::catalog::{Catalog, Kind, Oid, Since};
use super::held::{Reach, Span};
use super::outside::{Glimpsed, Watching};
use super::record::{Observed, Record};

/// Everything that was seen.
pub(super) fn trace(record: &Record, traffic: Option<&Waited>) -> Trace {
    let tables = tables(record, traffic);
    let findings = tables.iter().flat_map(disagreements).collect();
    Trace { statements: statements(record), tables, findings, outside: None }
}

/// What readers and writers waited, by table.
type Waited = HashMap<Oid, TrafficReport>;

/// How much longer than derived a wait may be: a reader's own time, and a busy machine's.
const NOISE_MS: f64 = 100.0;

/// Waits that the trace did not foresee.
fn disagreements(table: &TableReport) -> Vec<Finding> {
    let Some(traffic) = table.traffic else { return Vec::new() };
    let pairs = [
        ("reads", traffic.longest_read_ms, table.read_blocked_ms),
        ("writes", traffic.longest_write_ms, table.write_blocked_ms),
    ];
    let finding = |(who, waited, derived): (&str, f64, Option<f64>)| {
        let derived = derived.filter(|it| waited > it * 1.1 + NOISE_MS)?;
        Some(Finding::warning(
            "traffic",
            table.relation.clone(),
            format!(
                "{who} on {} waited {waited:.0} ms, and {derived:.0} ms were derived from the locks",
                table.relation
            ),
            "believe the longer time; a busy machine can be the reason",
        ))
    };
    pairs.into_iter().filter_map(finding).collect()
}

/// What was seen before the trace broke off. How long tables shut people out is not known then.
pub(super) fn broken(record: &Record, traffic: Option<&Waited>, reason: &str) -> Trace {
    let mut tables = tables(record, traffic);
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
    Trace { statements, tables, findings: vec![finding], outside: None }
}

/// What was seen of sessions that somebody else opened.
pub(super) fn outside(watching: Watching) -> Trace {
    let rewrites = watching.rewrites();
    let Watching { watch, before, .. } = watching;
    let looks =
        LooksReport { count: watch.count, every_ms: watch.every(), longest_ms: watch.longest };
    let mut record = Record::default();
    record.catalog = before;
    record.held.spans = watch.spans;
    let spans = Spans::of(&record);
    let told = |(at, it): (&usize, &Glimpsed)| SessionStatementReport {
        session: it.session,
        text: beginning(&it.text),
        from_ms: it.from,
        duration_ms: it.to - it.from,
        locks: locks(*at, &spans, &record.catalog),
    };
    let statements = watch.statements.iter().map(told).collect();
    let tables = tables(&record, None);
    let outside = Some(OutsideTrace { looks, statements, rewrites });
    Trace { tables, outside, ..Trace::default() }
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
            temp_bytes: it.temp,
            scans: it.scans.clone(),
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

    /// Whether a lock says nothing that another one, on `relation`, does not: whoever waits for it
    /// waits for that one at the same time.
    fn is_implied(&self, span: &Span, relation: Option<Oid>) -> bool {
        let others = relation.and_then(|it| self.on_relation.get(&it));
        others.into_iter().flatten().any(|it| {
            let until = |span: &Span| span.to.unwrap_or(f64::INFINITY);
            it.lock != span.lock
                && it.lock.1.implies(span.lock.1)
                && it.from <= span.from
                && until(it) >= until(span)
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
            Kind::Table | Kind::View => !spans.is_implied(span, Some(oid)),
            Kind::Index => {
                mode >= LockMode::ShareUpdateExclusive && !spans.is_implied(span, relation.table)
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
fn tables(record: &Record, traffic: Option<&Waited>) -> Vec<TableReport> {
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
                bytes: relation.bytes,
                read_blocked_ms: Some(shut_out_ms(held, LockMode::READ)),
                write_blocked_ms: Some(shut_out_ms(held, LockMode::WRITE)),
                traffic: traffic.and_then(|it| it.get(&oid)).copied(),
                ..TableReport::default()
            }
        })
        .collect();
    tables.sort_by(|left, right| left.relation.cmp(&right.relation));
    tables
}
