//! One migration: in a transaction with its ledger row, or statement by statement with the journal.

pub(crate) mod again;
mod non_transactional;
mod retry;
mod transactional;

use stopover_backend::{
    BackendError, Durability, FirstQuery, JournalNote, LedgerId, NoteEvent, Opening, Session, Stop,
    StopSignal, UnitLimits,
};
use stopover_model::report::{MigrationReport, MigrationStatus, StatementReport};
use stopover_model::{
    Checksum, DatabaseError, Direction, Event, EventSink, NewLedgerRow, PlannedStatement,
    Provenance, Step,
};

use self::again::Again;
use crate::notices::Notices;
use crate::place::located;
use crate::request::Limits;
use crate::statement::{Ran, run};

/// What came of a step.
pub(crate) enum StepEnd {
    /// It is applied and in the ledger.
    Applied,
    /// It failed. `statement` is its position in the step's list; `None` for the commit or the
    /// ledger row.
    Failed { statement: Option<usize>, error: Box<DatabaseError>, rolled_back: bool },
    /// A signal stopped it.
    Stopped(StopSignal),
    /// The session is lost; nothing of a transactional migration remains.
    Lost(BackendError),
    /// The session was lost in the commit: only the ledger knows.
    CommitUnknown(BackendError),
}

impl StepEnd {
    /// The end that an error of our own statements (BEGIN, ledger row, journal) makes.
    fn of(error: BackendError) -> Self {
        match error {
            BackendError::Refused(error) => {
                Self::Failed { statement: None, error, rolled_back: true }
            }
            other => Self::Lost(other),
        }
    }

    /// A failure after which what was done before stays.
    fn midway(self) -> Self {
        match self {
            Self::Failed { statement, error, .. } => {
                Self::Failed { statement, error, rolled_back: false }
            }
            other => other,
        }
    }
}

/// What a step needs besides itself.
pub(crate) struct StepContext<'a> {
    pub(crate) ledger: &'a LedgerId,
    pub(crate) limits: &'a Limits,
    pub(crate) stop: &'a Stop,
    /// Whether a commit waits for the disk.
    pub(crate) durability: Durability,
    /// How the next step's transaction begins, where it may be opened together with the commit.
    pub(crate) next: Option<Opening>,
    /// Up or down.
    pub(crate) direction: Direction,
    /// Who asked for a down script, and why, where that is kept.
    pub(crate) reason: Option<&'a str>,
    /// How an applied migration is run again, where it is.
    pub(crate) again: Option<&'a Again<'a>>,
}

/// A report of `step` that says: not begun.
pub(crate) fn untouched(step: &Step) -> MigrationReport {
    let statement = |it: &PlannedStatement| StatementReport {
        index: it.index,
        line: it.line,
        column: it.column,
        tag: it.tag.clone(),
        text: it.beginning(),
        from_ms: None,
        duration_ms: None,
        rows: None,
        wal_bytes: None,
        temp_bytes: None,
        locks: None,
        rewrites: None,
        indexes: None,
        scans: None,
        error: None,
    };
    MigrationReport {
        version: step.version.clone(),
        name: step.name.clone(),
        file: step.path.clone(),
        status: MigrationStatus::Untouched,
        transactional: step.boundary.is_transactional(),
        duration_ms: None,
        wal_bytes: None,
        statements: step.statements.iter().map(statement).collect(),
    }
}

/// Carries out one step; fills `report` with what it measures.
pub(crate) async fn carry_out<S: Session>(
    session: &mut S,
    step: &Step,
    context: &StepContext<'_>,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> StepEnd {
    let transactional = step.boundary.is_transactional();
    let mut carrier = Carrier { session, step, context, report, sink };
    match (transactional, context.direction) {
        // On the heap: what is awaited inside of each other adds up, and threads are small.
        (true, _) => Box::pin(carrier.transactional()).await,
        (false, Direction::Up) => Box::pin(carrier.non_transactional()).await,
        (false, Direction::Down) => Box::pin(carrier.down_without_a_transaction()).await,
    }
}

/// The file's own timeouts, else the settings'.
pub(crate) fn limits_of(step: &Step, limits: &Limits) -> UnitLimits {
    UnitLimits {
        lock_timeout: Some(step.lock_timeout.unwrap_or(limits.lock_timeout)),
        statement_timeout: step.statement_timeout.or(limits.statement_timeout),
        foreign_keys: step.foreign_keys,
        first_query: if step.statements.iter().any(sets_transaction) {
            FirstQuery::Scripts
        } else {
            FirstQuery::Ours
        },
    }
}

/// `SET TRANSACTION`, or a setting that does the same (`SET LOCAL transaction_isolation`).
fn sets_transaction(statement: &PlannedStatement) -> bool {
    statement.is_transaction_setting()
        || (statement.tag == "SET" && statement.text.to_ascii_lowercase().contains("transaction_"))
}

/// The checksum that proves a row to be ours, when a commit's answer was lost.
pub(crate) fn proves(step: &Step, stored: Option<&Checksum>) -> bool {
    stored.is_none() || stored == step.checksum.as_ref()
}

/// Carries out one step in one session.
struct Carrier<'a, S> {
    session: &'a mut S,
    step: &'a Step,
    context: &'a StepContext<'a>,
    report: &'a mut MigrationReport,
    sink: &'a mut dyn EventSink,
}

impl<S: Session> Carrier<'_, S> {
    /// Runs the statement at `at` and writes its measures into the report.
    async fn statement(&mut self, at: usize) -> Result<(), StepEnd> {
        let step = self.step;
        let statement = &step.statements[at];
        self.sink.emit(Event::StatementStarted {
            version: step.version.clone(),
            index: statement.index,
            tag: statement.tag.clone(),
            line: statement.line,
        });
        let entry = &mut self.report.statements[at];
        let mut notices = Notices::of(statement.index);
        let sink = &mut *self.sink;
        let mut said = |notice| notices.said(&step.version, notice, sink);
        let ran = run(self.session, statement, &mut said, self.context.stop).await;
        notices.end(&step.version, self.sink);
        match ran {
            Ran::Done(done, took) => {
                let duration_ms = took.as_secs_f64() * 1e3;
                entry.duration_ms = Some(duration_ms);
                entry.rows = done.rows;
                entry.error = None;
                *self.report.duration_ms.get_or_insert(0.0) += duration_ms;
                self.sink.emit(Event::StatementFinished {
                    version: step.version.clone(),
                    index: statement.index,
                    duration_ms,
                    rows: done.rows,
                });
                Ok(())
            }
            Ran::Refused(error, took) => {
                let error = Box::new(error.into_database_error());
                entry.duration_ms = Some(took.as_secs_f64() * 1e3);
                entry.error = Some(located(step, Some(statement), &error));
                Err(StepEnd::Failed { statement: Some(at), error, rolled_back: true })
            }
            Ran::Lost(error) => Err(StepEnd::Lost(error)),
            Ran::Stopped(signal) => Err(StepEnd::Stopped(signal)),
        }
    }

    fn limits(&self) -> UnitLimits {
        let mut limits = limits_of(self.step, self.context.limits);
        if self.context.again.is_some() {
            // What keeps others out stands before every query.
            limits.first_query = FirstQuery::Scripts;
        }
        limits
    }

    /// Records the migration, or that it is taken back, in the transaction that is open, or by itself.
    async fn record(&mut self) -> Result<(), BackendError> {
        let ledger = self.context.ledger;
        if self.context.direction == Direction::Down {
            let note = JournalNote {
                event: NoteEvent::Reverted,
                version: self.step.version.clone(),
                name: self.step.name.clone(),
                before: self.step.checksum.clone(),
                after: None,
                reason: self.context.reason.map(str::to_owned),
                script: None,
            };
            self.session.forget(ledger, &self.step.version).await?;
            return self.session.note(ledger, &note).await;
        }
        if let Some(Again { note, .. }) = self.context.again {
            let (version, name) = (&self.step.version, &self.step.name);
            self.session.restamp(ledger, version, name, self.step.checksum.as_ref()).await?;
            return self.session.note(ledger, note).await;
        }
        let row = self.ledger_row(Some(self.report.duration_ms.unwrap_or(0.0)));
        self.session.record(ledger, &row).await
    }

    fn ledger_row(&self, duration_ms: Option<f64>) -> NewLedgerRow {
        NewLedgerRow {
            version: self.step.version.clone(),
            name: self.step.name.clone(),
            file: self.step.file.clone(),
            checksum: self.step.checksum.clone(),
            provenance: Provenance::Applied,
            duration_ms,
            script: Some(self.step.text.clone()),
        }
    }
}
