//! Settling drift by decision: explicit, one version at a time, and written into the journal.

use stopover_backend::{
    Backend, BackendError, Execute, JournalNote, LedgerId, LedgerWriter, NoteEvent, Session,
    UnitLimits,
};
use stopover_model::report::{LedgerEntry, RepairAction, RepairReport};
use stopover_model::{
    Checksum, EventSink, Facts, Finding, LedgerRow, Migration, NewLedgerRow, Provenance, RowState,
    Version,
};

use crate::apply::{open, ready_ledger};
use crate::lock::Locked;
use crate::{EngineError, Request, recover};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// What is decided.
    pub action: RepairAction,
    /// Of which migration.
    pub version: Version,
    /// Why, in the words of whoever decides; kept in the journal.
    pub reason: Option<String>,
}

/// What one repair works on.
struct Case<'a> {
    repair: &'a Repair,
    migration: Option<&'a Migration>,
    row: Option<&'a LedgerRow>,
    facts: &'a Facts,
}

/// Carries out one decision, in one transaction, under the run lock. Runs no migration.
///
/// # Errors
/// Where the decision does not fit what source and ledger say, and where the database cannot do
/// what is asked; nothing is changed then.
pub async fn repair<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    repair: &Repair,
    sink: &mut dyn EventSink,
) -> Result<RepairReport, EngineError> {
    let mut locked = open(backend, request, sink).await?;
    let repaired = under_lock(backend, &mut locked, request, repair).await;
    locked.release().await;
    repaired
}

async fn under_lock<B: Backend>(
    backend: &B,
    locked: &mut Locked<B::Session>,
    request: &Request<'_>,
    repair: &Repair,
) -> Result<RepairReport, EngineError> {
    let facts = recover::facts(locked.session(), &request.facts, request.source).await?;
    let case = Case {
        repair,
        migration: request.source.get(&repair.version),
        row: facts.ledger.rows.iter().find(|row| row.version == repair.version),
        facts: &facts,
    };
    let mut report = case.report();
    case.refusal().map_or(Ok(()), |it| Err(EngineError::Refused(vec![it])))?;
    if case.has_work() {
        locked.prove_pinned(backend, &request.stop).await?;
        ready_ledger(locked, &facts).await?;
        let ledger = locked.ledger().clone();
        let session = locked.session();
        session.create_journal(&ledger).await?;
        session.begin(&UnitLimits::default()).await?;
        let done = carry_out(session, &ledger, &case).await;
        if done.is_err() {
            session.rollback().await?;
        }
        done?;
        session.commit().await?;
        report.changed = true;
    }
    Ok(report)
}

async fn carry_out<S: Session>(
    session: &mut S,
    ledger: &LedgerId,
    case: &Case<'_>,
) -> Result<(), BackendError> {
    let version = &case.repair.version;
    match (case.repair.action, case.migration) {
        (RepairAction::Accept, Some(migration)) => {
            let checksum = case.source_checksum();
            session.restamp(ledger, version, &migration.name, checksum.as_ref()).await?;
        }
        (RepairAction::Applied, Some(migration)) => {
            let row = NewLedgerRow {
                version: version.clone(),
                name: migration.name.clone(),
                file: migration.file.clone(),
                checksum: case.source_checksum(),
                provenance: Provenance::Manual,
                duration_ms: Some(0.0),
                script: Some(migration.up.text.clone()),
            };
            session.record(ledger, &row).await?;
        }
        (RepairAction::Pending, _) => session.forget(ledger, version).await?,
        // Refused before: nothing can be taken over from a source that lacks the migration.
        (RepairAction::Accept | RepairAction::Applied, None) => {}
    }
    session.note(ledger, &case.note()).await
}

impl Case<'_> {
    fn dirty(&self) -> bool {
        self.row.is_some_and(|row| matches!(row.state, RowState::Dirty(_)))
    }

    /// The source's checksum, as this ledger keeps it.
    fn source_checksum(&self) -> Option<Checksum> {
        self.facts.ledger.checksums.of(self.migration?.fingerprinted())
    }

    /// Whether the ledger does not say already what is decided.
    fn has_work(&self) -> bool {
        match (self.repair.action, self.row) {
            (RepairAction::Accept, Some(row)) => {
                let stored =
                    self.migration.and_then(|it| self.facts.ledger.kind.stored_name(&it.name));
                row.checksum != self.source_checksum() || (stored.is_some() && row.name != stored)
            }
            (RepairAction::Accept, None) => false,
            (RepairAction::Applied, _) => self.row.is_none() || self.dirty(),
            (RepairAction::Pending, row) => row.is_some(),
        }
    }

    /// Why the decision cannot be carried out.
    fn refusal(&self) -> Option<Finding> {
        let version = self.repair.version.to_string();
        let refuse = |message: String, remedy: &str| {
            Some(Finding::error("repair", version.clone(), message, remedy))
        };
        match (self.repair.action, self.migration, self.row) {
            (RepairAction::Accept | RepairAction::Applied, None, _) => refuse(
                format!("there is no migration {version} in the source"),
                "bring its file back first; `stopover repair pending` removes a row without a file",
            ),
            (RepairAction::Accept, Some(_), None) => refuse(
                format!("migration {version} is not in the ledger: there is nothing to accept"),
                "`stopover apply` runs it; `stopover repair applied` records it without running it",
            ),
            (RepairAction::Accept, Some(_), Some(_)) if self.dirty() => refuse(
                format!("migration {version} is not known to have finished"),
                "say first whether it is applied: `stopover repair applied` or `… pending`",
            ),
            (RepairAction::Pending, None, None) => refuse(
                format!("there is no migration {version}, neither in the source nor in the ledger"),
                "`stopover status` lists what is there",
            ),
            _ => None,
        }
    }

    fn note(&self) -> JournalNote {
        let name = self.migration.map(|it| it.name.clone());
        let name = name.or_else(|| self.row.and_then(|row| row.name.clone()));
        JournalNote {
            event: match self.repair.action {
                RepairAction::Accept => NoteEvent::Accepted,
                RepairAction::Applied => NoteEvent::Settled,
                RepairAction::Pending => NoteEvent::Forgotten,
            },
            version: self.repair.version.clone(),
            name: name.unwrap_or_default(),
            before: self.row.and_then(|row| row.checksum.clone()),
            after: match self.repair.action {
                RepairAction::Pending => None,
                _ => self.source_checksum(),
            },
            reason: self.repair.reason.clone(),
            script: match self.repair.action {
                RepairAction::Accept => self.migration.map(|it| it.up.text.clone()),
                // Its row's own line has it.
                RepairAction::Applied | RepairAction::Pending => None,
            },
        }
    }

    fn report(&self) -> RepairReport {
        let ledger = &self.facts.ledger;
        let entry = LedgerEntry { kind: ledger.kind, table: ledger.table.clone() };
        let note = self.note();
        let hex = |checksum: Option<Checksum>| checksum.map(|it| it.hex().to_owned());
        RepairReport {
            name: Some(note.name).filter(|it| !it.is_empty()),
            name_before: self.row.and_then(|row| row.name.clone()),
            checksum_before: hex(note.before),
            checksum_after: hex(note.after),
            reason: self.repair.reason.clone(),
            ..RepairReport::begun(entry, self.repair.action, self.repair.version.clone())
        }
    }
}
