//! One migration: in a transaction with its ledger row, or statement by statement with the journal.

use std::time::Duration;

use rand::RngExt;
use stopover_backend::{
    BackendError, JournalEvent, LedgerId, Session, Stop, StopSignal, UnitLimits,
};
use stopover_model::report::{MigrationReport, MigrationStatus, StatementReport};
use stopover_model::{
    Checksum, DatabaseError, Event, EventSink, NewLedgerRow, PlannedStatement, Provenance, Step,
    sqlstate,
};

use crate::place::located;
use crate::request::Limits;
use crate::statement::{Ran, run};

/// What came of a step.
pub(crate) enum StepEnd {
    /// It is applied and in the ledger.
    Applied,
    /// It failed. `statement` is its index in the step's list; `None` for the commit or the
    /// ledger row.
    Failed { statement: Option<usize>, error: Box<DatabaseError>, rolled_back: bool },
    /// A signal stopped it.
    Stopped(StopSignal),
    /// The session is lost; nothing of a transactional migration remains.
    Lost(BackendError),
    /// The session was lost in the commit: only the ledger knows.
    CommitUnknown(BackendError),
}

/// What a step needs besides itself.
pub(crate) struct StepContext<'a> {
    pub(crate) ledger: &'a LedgerId,
    pub(crate) limits: &'a Limits,
    pub(crate) stop: &'a Stop,
}

/// A report of `step` that says: not begun.
pub(crate) fn untouched(step: &Step) -> MigrationReport {
    let statement = |it: &PlannedStatement| StatementReport {
        index: it.index,
        line: it.line,
        tag: it.tag.clone(),
        duration_ms: None,
        rows: None,
        wal_bytes: None,
        locks: None,
        rewrites: None,
        error: None,
    };
    MigrationReport {
        version: step.version.clone(),
        name: step.name.clone(),
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
    if step.boundary.is_transactional() {
        with_retries(session, step, context, report, sink).await
    } else {
        non_transactional(session, step, context, report, sink).await
    }
}

/// A transactional step, tried again while a lock is not to be had.
async fn with_retries<S: Session>(
    session: &mut S,
    step: &Step,
    context: &StepContext<'_>,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> StepEnd {
    let tries = context.limits.lock_retries.saturating_add(1);
    let mut attempt = 1;
    loop {
        *report = untouched(step);
        let end = transactional(session, step, context, report, sink).await;
        if matches!(end, StepEnd::Lost(_) | StepEnd::CommitUnknown(_)) {
            return end;
        }
        if !matches!(end, StepEnd::Applied)
            && let Err(error) = session.rollback().await
        {
            return StepEnd::Lost(error);
        }
        let StepEnd::Failed { statement, error, .. } = &end else { return end };
        if attempt >= tries || !worth_retrying(error) {
            return end;
        }
        let failing = statement.and_then(|at| step.statements.get(at));
        let pause = pause_after(attempt);
        let holders = match failing {
            Some(failing) => session.lock_holders(failing).await,
            None => Vec::new(),
        };
        sink.emit(Event::MigrationRetried {
            version: step.version.clone(),
            attempt,
            of: tries,
            pause_ms: millis(pause),
            reason: error.message.clone(),
            holders,
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            signal = context.stop.wait() => return StepEnd::Stopped(signal),
        }
        attempt += 1;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn worth_retrying(error: &DatabaseError) -> bool {
    error.is(sqlstate::LOCK_NOT_AVAILABLE) || error.is(sqlstate::DEADLOCK_DETECTED)
}

/// Doubles from 250 ms to at most 15 s, of which a random half to all is waited: two runners that
/// met once must not meet again at every try.
fn pause_after(attempt: u32) -> Duration {
    let full = Duration::from_millis(250).saturating_mul(1 << attempt.min(7).saturating_sub(1));
    let full = full.min(Duration::from_secs(15));
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// One try: BEGIN, limits, statements, ledger row, COMMIT. The caller rolls back what failed.
async fn transactional<S: Session>(
    session: &mut S,
    step: &Step,
    context: &StepContext<'_>,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> StepEnd {
    let limits = UnitLimits {
        lock_timeout: Some(step.lock_timeout.unwrap_or(context.limits.lock_timeout)),
        statement_timeout: step.statement_timeout.or(context.limits.statement_timeout),
    };
    if let Err(error) = session.begin(&limits).await {
        return refused_or_lost(None, error);
    }
    for at in 0..step.statements.len() {
        if let Err(end) = one(session, step, at, context.stop, report, sink).await {
            return end;
        }
    }
    if let Err(error) = session.record(context.ledger, &ledger_row(step, report)).await {
        return refused_or_lost(None, error);
    }
    match session.commit().await {
        Ok(()) => StepEnd::Applied,
        Err(BackendError::Refused(error)) => {
            StepEnd::Failed { statement: None, error, rolled_back: true }
        }
        Err(error) => StepEnd::CommitUnknown(error),
    }
}

fn refused_or_lost(statement: Option<usize>, error: BackendError) -> StepEnd {
    match error {
        BackendError::Refused(error) => StepEnd::Failed { statement, error, rolled_back: true },
        other => StepEnd::Lost(other),
    }
}

/// Runs the statement at `at` and writes its measures into the report.
async fn one<S: Session>(
    session: &mut S,
    step: &Step,
    at: usize,
    stop: &Stop,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> Result<(), StepEnd> {
    let statement = &step.statements[at];
    sink.emit(Event::StatementStarted {
        version: step.version.clone(),
        index: statement.index,
        tag: statement.tag.clone(),
        line: statement.line,
    });
    let entry = &mut report.statements[at];
    match run(session, statement, stop).await {
        Ran::Done(done, took) => {
            let duration_ms = took.as_secs_f64() * 1e3;
            entry.duration_ms = Some(duration_ms);
            entry.rows = done.rows;
            *report.duration_ms.get_or_insert(0.0) += duration_ms;
            sink.emit(Event::StatementFinished {
                version: step.version.clone(),
                index: statement.index,
                duration_ms,
                rows: done.rows,
            });
            Ok(())
        }
        Ran::Refused(error, took) => {
            let error = error.into_database_error();
            entry.duration_ms = Some(took.as_secs_f64() * 1e3);
            entry.error = Some(located(step, Some(statement), &error));
            Err(StepEnd::Failed { statement: Some(at), error: Box::new(error), rolled_back: true })
        }
        Ran::Lost(error) => Err(StepEnd::Lost(error)),
        Ran::Stopped(signal) => Err(StepEnd::Stopped(signal)),
    }
}

fn ledger_row(step: &Step, report: &MigrationReport) -> NewLedgerRow {
    NewLedgerRow {
        version: step.version.clone(),
        name: step.name.clone(),
        checksum: step.checksum.clone(),
        provenance: Provenance::Applied,
        duration_ms: report.duration_ms.unwrap_or(0.0),
    }
}

/// A step whose statements commit one by one. The journal says before and after each how far it
/// is, so that an interrupted one is known as such.
async fn non_transactional<S: Session>(
    session: &mut S,
    step: &Step,
    context: &StepContext<'_>,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> StepEnd {
    let ledger = context.ledger;
    let begun = async {
        session.create_journal(ledger).await?;
        session.mark_dirty(ledger, &step.version, &step.name, step.checksum.as_ref()).await
    };
    if let Err(error) = begun.await {
        return refused_or_lost(None, error);
    }
    for at in 0..step.statements.len() {
        if let Err(end) = journaled(session, step, at, context, report, sink).await {
            return after_failure(session, step, ledger, end).await;
        }
    }
    match session.record(ledger, &ledger_row(step, report)).await {
        Ok(()) => StepEnd::Applied,
        Err(BackendError::Refused(error)) => {
            StepEnd::Failed { statement: None, error, rolled_back: false }
        }
        Err(error) => StepEnd::Lost(error),
    }
}

async fn journaled<S: Session>(
    session: &mut S,
    step: &Step,
    at: usize,
    context: &StepContext<'_>,
    report: &mut MigrationReport,
    sink: &mut dyn EventSink,
) -> Result<(), StepEnd> {
    let statement = &step.statements[at];
    let index = statement.index;
    let ledger = context.ledger;
    let ours = |error| match refused_or_lost(None, error) {
        StepEnd::Failed { statement, error, .. } => {
            StepEnd::Failed { statement, error, rolled_back: false }
        }
        other => other,
    };
    session
        .journal(ledger, step, &JournalEvent::Started { statement: index })
        .await
        .map_err(ours)?;
    session.limit(&statement_limits(step, statement, context.limits)).await.map_err(ours)?;
    one(session, step, at, context.stop, report, sink).await?;
    session.journal(ledger, step, &JournalEvent::Finished { statement: index }).await.map_err(ours)
}

/// A statement that only takes locks which shut nobody out may wait for them as long as it
/// needs: `CREATE INDEX CONCURRENTLY` waits for every older transaction, and a time-out would
/// leave an invalid index behind.
fn statement_limits(step: &Step, statement: &PlannedStatement, limits: &Limits) -> UnitLimits {
    let harmless = !statement.locks.is_empty()
        && statement.locks.iter().all(|lock| lock.mode == "ShareUpdateExclusiveLock");
    let default = if harmless { Duration::ZERO } else { limits.lock_timeout };
    UnitLimits {
        lock_timeout: Some(step.lock_timeout.unwrap_or(default)),
        statement_timeout: step.statement_timeout.or(limits.statement_timeout),
    }
}

/// Writes down where a non-transactional step failed.
async fn after_failure<S: Session>(
    session: &mut S,
    step: &Step,
    ledger: &LedgerId,
    end: StepEnd,
) -> StepEnd {
    let (statement, detail) = match &end {
        StepEnd::Failed { statement, error, .. } => (*statement, error.message.clone()),
        StepEnd::Stopped(_) => (None, "stopped by a signal".to_owned()),
        _ => return end,
    };
    let index = statement.and_then(|at| step.statements.get(at)).map(|it| it.index);
    // The script may have opened a transaction of its own.
    let written = async {
        session.rollback().await?;
        session.journal(ledger, step, &JournalEvent::Failed { statement: index, detail }).await
    };
    if let Err(error) = written.await {
        tracing::warn!("the failure could not be written to the journal: {error}");
    }
    match end {
        StepEnd::Failed { statement, error, .. } => {
            StepEnd::Failed { statement, error, rolled_back: false }
        }
        other => other,
    }
}

/// The checksum that proves a row to be ours, when a commit's answer was lost.
pub(crate) fn proves(step: &Step, stored: Option<&Checksum>) -> bool {
    stored.is_none() || stored == step.checksum.as_ref()
}
