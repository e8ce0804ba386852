//! Taking over another tool's history into our own ledger: under the run lock, in one transaction.
//! A half-done backfill would run history again.

use stopover_backend::{
    Adopt, Backend, BackendError, Counter, Execute, FactsReader, FactsRequest, LedgerChoice,
    LedgerWriter, Session, UnitLimits,
};
use stopover_model::report::{AdoptReport, AdoptedEntry, LedgerEntry};
use stopover_model::{
    Checksum, EventSink, Facts, Finding, LedgerKind, LedgerRow, Provenance, RowState, SourceSet,
    Version,
};

use crate::apply::{open, ready_ledger};
use crate::{EngineError, Request};

/// Whose history is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptFrom {
    /// The one that is there.
    Auto,
    /// golang-migrate's counter.
    GolangMigrate,
    /// Another tool's ledger.
    Ledger(LedgerKind),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Whose history.
    pub from: AdoptFrom,
    /// Which counter, where there are several: its table, e.g. `public.schema_migrations`.
    pub table: Option<String>,
    /// Whether the counter's table is dropped, once all that it says is in our ledger.
    pub drop_legacy: bool,
}

/// A history that can be taken over.
struct History {
    table: String,
    rows: Vec<LedgerRow>,
    counter: Option<Counter>,
}

/// Writes our ledger from another tool's. Doing it twice changes nothing.
///
/// # Errors
/// Where it is not clear what is to be taken over, or it cannot be; nothing is changed then.
pub async fn adopt<B>(
    backend: &B,
    request: &Request<'_>,
    adoption: &Adoption,
    sink: &mut dyn EventSink,
) -> Result<AdoptReport, EngineError>
where
    B: Backend,
    B::Session: Adopt,
{
    let own = of_kind(&request.facts, LedgerKind::Stopover);
    let request = Request { facts: own, ..request.clone() };
    let mut locked = open(backend, &request, sink).await?;
    let facts = locked.session().facts(&request.facts).await?;
    let history = history(locked.session(), &request, &facts, adoption).await?;
    let entry = LedgerEntry { kind: facts.ledger.kind, table: facts.ledger.table.clone() };
    let mut report = AdoptReport::begun(history.table.clone(), entry);
    let is_known = |version: &Version| facts.ledger.rows.iter().any(|it| it.version == *version);
    let (already, new): (Vec<LedgerRow>, Vec<LedgerRow>) =
        history.rows.into_iter().partition(|row| is_known(&row.version));
    report.already = already.len();
    report.adopted = new.iter().map(entry_of).collect();
    report.dropped = adoption.drop_legacy && history.counter.is_some();
    if !new.is_empty() || report.dropped {
        ready_ledger(&mut locked, &facts).await?;
        let ledger = locked.ledger().clone();
        let session = locked.session();
        session.create_journal(&ledger).await?;
        session.begin(&UnitLimits::default()).await?;
        let done = async {
            session.take_over(&ledger, &new, &history.table).await?;
            match &history.counter {
                Some(counter) if adoption.drop_legacy => session.drop_counter(counter).await,
                _ => Ok(()),
            }
        };
        let done: Result<(), BackendError> = done.await;
        if done.is_err() {
            session.rollback().await?;
        }
        done?;
        session.commit().await?;
    }
    locked.release().await;
    Ok(report)
}

fn of_kind(request: &FactsRequest, kind: LedgerKind) -> FactsRequest {
    FactsRequest { ledger: LedgerChoice { kind: Some(kind), ..request.ledger.clone() } }
}

fn entry_of(row: &LedgerRow) -> AdoptedEntry {
    AdoptedEntry {
        version: row.version.clone(),
        name: row.name.clone(),
        checksum: row.checksum.as_ref().map(|it| it.hex().to_owned()),
        provenance: row.provenance,
    }
}

fn refused(subject: &str, message: String, remedy: &str) -> EngineError {
    EngineError::Refused(vec![Finding::error("adopt", subject, message, remedy)])
}

/// Finds what is to be taken over: exactly one history, or a refusal that names them all.
async fn history<S: Session + Adopt>(
    session: &mut S,
    request: &Request<'_>,
    facts: &Facts,
    adoption: &Adoption,
) -> Result<History, EngineError> {
    let others: Vec<LedgerKind> = facts.ledgers.iter().map(|it| it.kind).collect();
    let others = others.into_iter().filter(|it| *it != LedgerKind::Stopover);
    let counters = session.counters().await?;
    let wanted = |kind: &LedgerKind| match adoption.from {
        AdoptFrom::Auto => true,
        AdoptFrom::Ledger(wanted) => wanted == *kind,
        AdoptFrom::GolangMigrate => false,
    };
    let ledgers: Vec<LedgerKind> = others.filter(wanted).collect();
    let counters: Vec<Counter> = match adoption.from {
        AdoptFrom::Ledger(_) => Vec::new(),
        _ => counters
            .into_iter()
            .filter(|it| adoption.table.as_ref().is_none_or(|table| *table == it.table))
            .collect(),
    };
    match (ledgers.as_slice(), counters.as_slice()) {
        ([kind], []) => of_ledger(session, request, *kind).await,
        ([], [counter]) => of_counter(request.source, counter),
        ([], []) => Err(refused(
            "the database",
            "there is no history to take over".to_owned(),
            "`stopover status` says which ledger is used; --from names the tool",
        )),
        _ => Err(several(&ledgers, &counters)),
    }
}

/// None is guessed: all are shown with what they say.
fn several(ledgers: &[LedgerKind], counters: &[Counter]) -> EngineError {
    let ledgers = ledgers.iter().map(|kind| format!("the ledger of {kind}"));
    let counters = counters.iter().map(|it| format!("{} ({})", it.table, told(it)));
    let all: Vec<String> = ledgers.chain(counters).collect();
    refused(
        "the database",
        format!("there are several histories: {}", stopover_model::detail_list(&all)),
        "say which one is meant: --from TOOL, and --table NAME for one of several counters",
    )
}

fn told(counter: &Counter) -> String {
    if counter.rows.is_empty() {
        return "empty".to_owned();
    }
    let rows = counter.rows.iter().map(|row| {
        let dirty = if row.dirty { ", dirty" } else { "" };
        format!("version {}{dirty}", row.version)
    });
    rows.collect::<Vec<_>>().join("; ")
}

/// A counter at N says that everything up to N ran. Nobody saw it: the rows say `assumed`.
fn of_counter(source: &SourceSet, counter: &Counter) -> Result<History, EngineError> {
    let table = counter.table.clone();
    if let Some(dirty) = counter.rows.iter().find(|row| row.dirty) {
        return Err(refused(
            &table,
            format!("{table} is dirty at version {}: nobody knows what of it ran", dirty.version),
            "settle it with golang-migrate first: look at the database, then `migrate force VERSION`",
        ));
    }
    let Some(highest) = counter.rows.iter().map(|row| row.version).max() else {
        return Ok(History { table, rows: Vec::new(), counter: Some(counter.clone()) });
    };
    let highest = Version::Integer(highest);
    if source.get(&highest).is_none() {
        return Err(refused(
            &table,
            format!("{table} is at version {highest}, and the source has no such migration"),
            "name the folder that the counter belongs to: --migrations DIR",
        ));
    }
    let upto = source.migrations.iter().filter(|it| it.version <= highest);
    let rows = upto.map(|it| LedgerRow {
        version: it.version.clone(),
        name: Some(it.name.clone()),
        applied_at: None,
        checksum: None,
        provenance: Provenance::Assumed,
        state: RowState::Done,
    });
    Ok(History { table, rows: rows.collect(), counter: Some(counter.clone()) })
}

/// Another tool's ledger, row by row. A checksum is taken over where the source proves it.
async fn of_ledger<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    kind: LedgerKind,
) -> Result<History, EngineError> {
    let theirs = session.facts(&of_kind(&request.facts, kind)).await?;
    let table = theirs.ledger.table.clone();
    let mut rows = Vec::new();
    for row in theirs.ledger.rows {
        if let RowState::Dirty(how_far) = &row.state {
            return Err(refused(
                &table,
                format!("migration {} is not known to have finished: {how_far}", row.version),
                "settle it first, with the tool that left it so or with `stopover repair`",
            ));
        }
        if row.state != RowState::Done {
            continue;
        }
        if !LedgerKind::Stopover.holds(&row.version) {
            return Err(refused(
                &table,
                format!("our ledger holds integers, and {table} holds {}", row.version),
                "stay with that ledger: it is used in place",
            ));
        }
        rows.push(taken(row, request.source));
    }
    Ok(History { table, rows, counter: None })
}

fn taken(row: LedgerRow, source: &SourceSet) -> LedgerRow {
    let migration = source.get(&row.version);
    let is_proven = |it: &&stopover_model::Migration| {
        row.checksum.as_ref().is_some_and(|checksum| checksum.is_of(it.fingerprinted()))
    };
    let proven = migration.filter(is_proven);
    LedgerRow {
        name: migration.map(|it| it.name.clone()).or_else(|| row.name.clone()),
        checksum: proven.map(|it| Checksum::sha256(it.up.text.as_bytes())),
        ..row
    }
}
