//! Ledgers and the journal beside them, seen from the engine.

use std::future::Future;

use stopover_model::report::Safeguard;
use stopover_model::{
    Checksum, DatabaseError, HealKind, Interrupted, LedgerKind, NewLedgerRow, PlannedStatement,
    StatementState, Step, Version,
};

use crate::BackendError;

/// Which ledger to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerChoice {
    /// Decided by the settings; `None` leaves it to what is there.
    pub kind: Option<LedgerKind>,
    /// Which kind to make where none is there and none is decided.
    pub fallback: Option<LedgerKind>,
    /// Schema of our own ledger; `stopover` where not set.
    pub schema: Option<String>,
    /// Table of our own ledger; `applied_migrations` where not set.
    pub table: Option<String>,
}

/// A ledger, found or to be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LedgerId {
    /// Whose it is.
    pub kind: LedgerKind,
    /// The qualified name, quoted for SQL.
    pub qualified: String,
    /// Schema of the ledger, unquoted.
    pub schema: String,
    /// Table of the ledger, unquoted.
    pub table: String,
}

impl LedgerId {
    /// Whether a change of the row of `version` met it, and nothing else: it met `rows` rows. A
    /// row that is gone, or there twice, is somebody else's doing, and nothing is to be built on
    /// it. Flyway keeps a line of every time that a version was applied.
    ///
    /// # Errors
    /// Where it did not.
    pub fn changed_one(&self, version: &Version, rows: u64) -> Result<(), BackendError> {
        if rows == 1 || (rows > 1 && self.kind == LedgerKind::Flyway) {
            return Ok(());
        }
        let found = match rows {
            0 => "no row".to_owned(),
            rows => format!("{rows} rows"),
        };
        let mut error = DatabaseError::local(format!(
            "the ledger {} has {found} of version {version}, where one was read: it was changed \
             meanwhile",
            self.table
        ));
        error.hint = Some(
            "nothing was changed; look who writes to the ledger, and run the command again"
                .to_owned(),
        );
        Err(BackendError::Refused(Box::new(error)))
    }
}

/// What happened to a migration: a row of the append-only journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEvent {
    /// A non-transactional migration has begun, and none of its statements has.
    Begun,
    /// A statement of a non-transactional migration is about to run.
    Started {
        /// Its position, from 1.
        statement: usize,
    },
    /// It ended well.
    Finished {
        /// Its position, from 1.
        statement: usize,
    },
    /// The server refused it.
    Failed {
        /// Its position, from 1; `None` where it was not a statement that failed.
        statement: Option<usize>,
        /// The error, redacted.
        detail: String,
    },
    /// Its down script is about to run outside of a transaction: what was done is undone from here
    /// on, nobody knows how far.
    TakingBack,
    /// A signal stopped it.
    Stopped {
        /// The statement's position, from 1.
        statement: Option<usize>,
    },
}

/// Writes the ledger and the journal beside it.
pub trait LedgerWriter {
    /// Makes the ledger where it is not there: in the transaction that is open, or in one of its
    /// own.
    fn create_ledger(
        &mut self,
        ledger: &LedgerId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Makes what a non-transactional migration needs to be found again when it is interrupted:
    /// the journal, where the ledger does not bring one. In the transaction that is open, or in one
    /// of its own.
    fn create_journal(
        &mut self,
        ledger: &LedgerId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Brings a journal that an older version of this tool made up to date, where there is one and
    /// we may; where we may not, it goes on as it is.
    fn update_journal(
        &mut self,
        ledger: &LedgerId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Writes one event of `step` into the journal.
    fn journal(
        &mut self,
        ledger: &LedgerId,
        step: &Step,
        event: &JournalEvent,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Marks a non-transactional migration as begun in ledgers that can say so (sqlx's
    /// `success = false`), so that the other tool stops at it too.
    fn mark_dirty(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Records a migration as applied, in the ledger and in the journal where there is one: in the
    /// transaction that is open, or by itself.
    fn record(
        &mut self,
        ledger: &LedgerId,
        row: &NewLedgerRow,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;
}

/// A decision about the ledger, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalNote {
    /// What was decided or done.
    pub event: NoteEvent,
    /// The migration.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// The checksum before, where one changed or went.
    pub before: Option<Checksum>,
    /// The checksum after.
    pub after: Option<Checksum>,
    /// Why, in the words of whoever decided.
    pub reason: Option<String>,
    /// The up file's text that is recorded as applied now, where it is another one than before.
    pub script: Option<String>,
}

/// What a [`JournalNote`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteEvent {
    /// An edit or a rename was accepted: the ledger says now what the source says.
    Accepted,
    /// A repair said that it is applied.
    Settled,
    /// A repair said that it is not applied.
    Forgotten,
    /// Its down script was run.
    Reverted,
    /// Its row was taken over from another tool's ledger.
    Adopted,
    /// An edit of its file was healed. The reason begins with the class: see
    /// [`stopover_model::Healed::told`].
    Healed(HealKind),
    /// A safeguard of a run was lifted by a decision.
    Overridden(Safeguard),
}

impl NoteEvent {
    /// As the journal's column spells it. `settled` and `reverted` end what the lines before say
    /// of an interrupted migration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Settled | Self::Forgotten => "settled",
            Self::Reverted => "reverted",
            Self::Adopted => "adopted",
            Self::Healed(kind) => kind.event(),
            Self::Overridden(Safeguard::Preflight) => "preflight overridden",
            Self::Overridden(Safeguard::Backup) => "backup skipped",
            Self::Overridden(Safeguard::Postflight) => "postflight skipped",
        }
    }
}

/// Changes rows of the ledger by decision, in the transaction that is open.
pub trait LedgerEditor {
    /// Removes the row of `version`.
    fn forget(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Gives the row of `version` a new name and checksum, as far as the ledger keeps them. An
    /// error where there is no such row, or more than one: [`LedgerId::changed_one`].
    fn restamp(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Writes a decision into the journal, which must be there.
    fn note(
        &mut self,
        ledger: &LedgerId,
        note: &JournalNote,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;
}

/// Remembers what was applied. Writes nothing.
pub trait Recall {
    /// Every up script of `version` that the journal keeps, the newest first.
    fn scripts(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> impl Future<Output = Result<Vec<String>, BackendError>> + Send;
}

/// Finds out how far an interrupted non-transactional migration came. Writes nothing.
pub trait Recover {
    /// What the journal says of `version` since it was last settled.
    fn interrupted(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> impl Future<Output = Result<Interrupted, BackendError>> + Send;

    /// What the catalog says of a statement of which nobody knows whether it finished.
    fn state_of(
        &mut self,
        statement: &PlannedStatement,
    ) -> impl Future<Output = Result<StatementState, BackendError>> + Send;
}
