//! Taking over another tool's history into our own ledger: under the run lock, in one transaction.
//! A half-done backfill would run history again.

mod auto;
mod differences;
mod history;
mod prove;

use stopover_backend::{
    Adopt, Backend, Bookkeeping, Census, Counter, FactsReader, FactsRequest, LedgerChoice, Session,
    UnitLimits,
};
use stopover_model::report::{AdoptReport, AdoptedEntry, LedgerEntry};
use stopover_model::{
    Checksum, EventSink, Facts, Finding, LedgerKind, LedgerRow, Provenance, SourceSet, Version,
};

use crate::apply::{open, ready_ledger};
use crate::lock::Locked;
use crate::{EngineError, Request};

pub(crate) use auto::{foresee, take_over, told};
use history::history;
pub use prove::{Proof, prove};

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
    /// That the target's schema is what the history's migrations make ([`prove`]); without one,
    /// what only a counter says is `assumed`.
    pub proof: Option<Proof>,
}

/// A history that can be taken over.
pub(crate) struct History {
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
    B::Session: Adopt + Census + Bookkeeping,
{
    let own = of_kind(&request.facts, LedgerKind::Stopover);
    let request = Request { facts: own, ..request.clone() };
    let mut locked = open(backend, &request, sink).await?;
    let adopted = under_lock(backend, &mut locked, &request, adoption).await;
    locked.release().await;
    adopted
}

async fn under_lock<B>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    adoption: &Adoption,
) -> Result<AdoptReport, EngineError>
where
    B: Backend,
    B::Session: Adopt + Census + Bookkeeping,
{
    let facts = locked.session().facts(&request.facts).await?;
    let mut history = history(locked.session(), request, &facts, adoption).await?;
    if let Some(proof) = &adoption.proof {
        still_holds(proof, locked.session(), request).await?;
        history.rows =
            history.rows.into_iter().map(|it| shown(it, proof, request.source)).collect();
    }
    let entry = LedgerEntry { kind: facts.ledger.kind, table: facts.ledger.table.clone() };
    let mut report = AdoptReport::begun(history.table.clone(), entry);
    let is_known = |version: &Version| facts.ledger.rows.iter().any(|it| it.version == *version);
    let (already, new): (Vec<LedgerRow>, Vec<LedgerRow>) =
        history.rows.into_iter().partition(|row| is_known(&row.version));
    report.already = already.len();
    report.adopted = new.iter().map(entry_of).collect();
    report.dropped = adoption.drop_legacy && history.counter.is_some();
    report.proven = adoption.proof.is_some();
    report.findings = adoption.proof.iter().flat_map(|it| it.findings.clone()).collect();
    if !new.is_empty() || report.dropped {
        let counter = history.counter.as_ref().filter(|_| adoption.drop_legacy);
        locked.prove_pinned(backend, &request.stop).await?;
        write(locked, &facts, &new, &history.table, counter).await?;
    }
    Ok(report)
}

/// One transaction, the ledger's making included: an empty ledger beside a history would say that
/// nothing is applied.
async fn write<S: Session + Adopt>(
    locked: &mut Locked<S>,
    facts: &Facts,
    rows: &[LedgerRow],
    from: &str,
    counter: Option<&Counter>,
) -> Result<(), EngineError> {
    locked.session().begin(&UnitLimits::default()).await?;
    let done = async {
        ready_ledger(locked, facts).await?;
        let ledger = locked.ledger().clone();
        let session = locked.session();
        session.create_journal(&ledger).await?;
        session.take_over(&ledger, rows, from).await?;
        if let Some(counter) = counter {
            session.drop_counter(counter).await?;
        }
        Ok(())
    };
    let done: Result<(), EngineError> = done.await;
    if done.is_err() {
        locked.session().rollback().await?;
    }
    done?;
    Ok(locked.session().commit().await?)
}

/// What was proven of another schema is not proven of this one.
async fn still_holds<S: Session + Census + Bookkeeping>(
    proof: &Proof,
    session: &mut S,
    request: &Request<'_>,
) -> Result<(), EngineError> {
    let now = prove::schema(session, &request.facts).await?;
    if now.checksum == proof.target {
        return Ok(());
    }
    Err(refused(
        "the database",
        "the target's schema was changed while the proof was made".to_owned(),
        "run the command again when nobody changes the schema",
    ))
}

/// A migration of which the schema shows that it ran: what ran is as good as what the source has.
fn shown(row: LedgerRow, proof: &Proof, source: &SourceSet) -> LedgerRow {
    let migration = source.get(&row.version).filter(|it| proof.shown.contains(&it.version));
    match (migration, row.provenance) {
        (Some(migration), Provenance::Assumed) => LedgerRow {
            checksum: Some(Checksum::sha256(migration.up.text.as_bytes())),
            provenance: Provenance::Applied,
            ..row
        },
        _ => row,
    }
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
