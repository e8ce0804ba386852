//! A migration whose statements commit one by one, each known by the journal.
//!
//! A statement that can be in a transaction shares one with the journal line that says that it
//! finished: the line is there exactly if the statement took effect. Only a statement that cannot
//! leaves a moment in which nobody knows; the catalog settles that in the next run.

use std::time::Duration;

use stopover_backend::{BackendError, JournalEvent, LeftOpen, Session, UnitLimits};
use stopover_model::{
    DatabaseError, LedgerKind, PlannedStatement, SessionUse, StatementPlace, StatementWay,
};

use super::retry::Tries;
use super::{Carrier, StepEnd};
use crate::statement::{Ran, leaving, run};

impl<S: Session> Carrier<'_, S> {
    /// The whole step, from where it was interrupted if it was.
    pub(super) async fn non_transactional(&mut self) -> StepEnd {
        let done = match self.all_statements().await {
            Ok(()) => self.nothing_open().await,
            Err(end) => Err(end),
        };
        if let Err(end) = done {
            return self.after_failure(end).await;
        }
        match self.record().await {
            Ok(()) => StepEnd::Applied,
            Err(error) => StepEnd::of(error).midway(),
        }
    }

    /// A down script outside of a transaction: the ledger's row goes when all of it is done.
    pub(super) async fn down_without_a_transaction(&mut self) -> StepEnd {
        // What the journal says of an interrupted migration is not true any more from here on.
        if let Err(end) = self.journal(&JournalEvent::TakingBack).await {
            return end;
        }
        for at in 0..self.step.statements.len() {
            let limits = self.limits_alone(&self.step.statements[at]);
            let limited = self.session.limit(&limits).await.map_err(StepEnd::of);
            let done = match limited {
                Ok(()) => self.statement(at).await,
                Err(end) => Err(end),
            };
            if let Err(end) = done {
                return end.midway();
            }
        }
        match self.record().await {
            Ok(()) => StepEnd::Applied,
            Err(error) => StepEnd::of(error).midway(),
        }
    }

    async fn all_statements(&mut self) -> Result<(), StepEnd> {
        self.open_journal().await.map_err(|error| StepEnd::of(error).midway())?;
        let from = self.step.resume.as_ref().map_or(0, |resume| resume.from);
        self.clear_away().await?;
        for (at, way) in self.step.ways().into_iter().enumerate() {
            let statement = &self.step.statements[at];
            if statement.index < from {
                // A new session has none of the settings that the script made before.
                if statement.is_session_setting() {
                    self.statement(at).await?;
                }
                continue;
            }
            match way {
                StatementWay::Atomic => self.atomic(at).await?,
                StatementWay::Alone => self.alone(at).await?,
                StatementWay::InScript => self.in_script(at).await?,
                StatementWay::EndOfScript => self.end_of_script(at).await?,
            }
        }
        Ok(())
    }

    /// What the script has left open would be lost with the session, whatever we record. The plan
    /// refuses it where the text shows it.
    async fn nothing_open(&mut self) -> Result<(), StepEnd> {
        match self.session.left_open().await {
            Ok(LeftOpen::Nothing) => Ok(()),
            Ok(LeftOpen::Transaction) => {
                let message = "the script leaves a transaction open: nothing of that would stay";
                let error = Box::new(DatabaseError::local(message));
                Err(StepEnd::Failed { statement: None, error, rolled_back: false })
            }
            Err(error) => Err(StepEnd::of(error).midway()),
        }
    }

    /// Makes the journal where it is not there, and tells the ledger that the migration began.
    async fn open_journal(&mut self) -> Result<(), BackendError> {
        let (ledger, step) = (self.context.ledger, self.step);
        self.session.create_journal(ledger).await?;
        // Our own ledger has no row of what is not applied: its journal says everything.
        if step.resume.is_some() || ledger.kind == LedgerKind::Stopover {
            return Ok(());
        }
        self.session.begin(&self.limits()).await?;
        let begun = self.tell_the_ledger().await;
        if begun.is_err() {
            self.session.rollback().await?;
        }
        begun?;
        self.session.commit().await
    }

    /// One transaction with the journal's line: a row that is dirty without a line would be
    /// nobody's to settle.
    async fn tell_the_ledger(&mut self) -> Result<(), BackendError> {
        let (ledger, step) = (self.context.ledger, self.step);
        let checksum = step.checksum.as_ref();
        self.session.mark_dirty(ledger, &step.version, &step.name, checksum).await?;
        self.session.journal(ledger, step, &JournalEvent::Begun).await
    }

    /// Removes what a half-done statement left behind.
    async fn clear_away(&mut self) -> Result<(), StepEnd> {
        let Some(resume) = &self.step.resume else { return Ok(()) };
        for text in &resume.cleanup {
            let cleanup = PlannedStatement {
                index: resume.from,
                line: 1,
                column: 1,
                range: 0..0,
                text: text.clone(),
                tag: "DROP INDEX".to_owned(),
                locks: Vec::new(),
                copy_data: None,
                place: StatementPlace::OutsideOnly,
                session: SessionUse::Nothing,
            };
            match run(self.session, &cleanup, &mut drop, self.context.stop).await {
                Ran::Done(..) => {}
                Ran::Refused(error, _) | Ran::Lost(error) => {
                    return Err(StepEnd::of(error).midway());
                }
                Ran::Stopped(signal) => return Err(StepEnd::Stopped(signal)),
            }
        }
        Ok(())
    }

    async fn journal(&mut self, event: &JournalEvent) -> Result<(), StepEnd> {
        let written = self.session.journal(self.context.ledger, self.step, event).await;
        written.map_err(|error| StepEnd::of(error).midway())
    }

    /// In a transaction with its journal line, tried again while a lock is not to be had.
    async fn atomic(&mut self, at: usize) -> Result<(), StepEnd> {
        let statement = self.step.statements[at].index;
        self.journal(&JournalEvent::Started { statement }).await?;
        let mut tries = Tries::new(self.context.limits.lock_retries);
        loop {
            let Err(end) = self.atomic_try(at).await else { return Ok(()) };
            // After a stop, the rollback is part of leaving.
            if matches!(end, StepEnd::Lost(_) | StepEnd::Stopped(_)) {
                return Err(end);
            }
            self.session.rollback().await.map_err(StepEnd::Lost)?;
            self.again(end, &mut tries).await?;
        }
    }

    async fn atomic_try(&mut self, at: usize) -> Result<(), StepEnd> {
        let statement = self.step.statements[at].index;
        let limits = self.without_the_scripts(at, self.limits());
        self.session.begin(&limits).await.map_err(StepEnd::of)?;
        self.statement(at).await?;
        let finished = JournalEvent::Finished { statement };
        let written = self.session.journal(self.context.ledger, self.step, &finished).await;
        written.map_err(StepEnd::of)?;
        self.session.commit().await.map_err(StepEnd::of)
    }

    /// By itself, between two journal lines.
    async fn alone(&mut self, at: usize) -> Result<(), StepEnd> {
        let statement = &self.step.statements[at];
        let index = statement.index;
        self.journal(&JournalEvent::Started { statement: index }).await?;
        let limits = self.without_the_scripts(at, self.limits_alone(statement));
        self.session.limit(&limits).await.map_err(|error| StepEnd::of(error).midway())?;
        self.statement(at).await?;
        self.finished(at).await
    }

    /// In the script's own transaction: its journal lines come and go with that.
    async fn in_script(&mut self, at: usize) -> Result<(), StepEnd> {
        self.statement(at).await?;
        self.finished(at).await
    }

    /// The end of the script's own transaction. The line before it commits with that: whoever
    /// finds it knows that the transaction ended well.
    async fn end_of_script(&mut self, at: usize) -> Result<(), StepEnd> {
        let statement = self.step.statements[at].index;
        self.journal(&JournalEvent::Started { statement }).await?;
        self.statement(at).await?;
        self.finished(at).await
    }

    async fn finished(&mut self, at: usize) -> Result<(), StepEnd> {
        let next = self.step.statements.get(at + 1);
        // It must be the first of its transaction, a line of ours included.
        if next.is_some_and(PlannedStatement::is_transaction_setting) {
            return Ok(());
        }
        let statement = self.step.statements[at].index;
        self.journal(&JournalEvent::Finished { statement }).await
    }

    /// A statement that only takes locks which shut nobody out may wait for them as long as it
    /// needs: `CREATE INDEX CONCURRENTLY` waits for every older transaction, and a time-out would
    /// leave an invalid index behind.
    fn limits_alone(&self, statement: &PlannedStatement) -> UnitLimits {
        let harmless = !statement.locks.is_empty()
            && statement.locks.iter().all(|lock| lock.mode == "ShareUpdateExclusiveLock");
        let limits = self.limits();
        if harmless && self.step.lock_timeout.is_none() {
            return UnitLimits { lock_timeout: Some(Duration::ZERO), ..limits };
        }
        limits
    }

    /// A limit that the script has set itself before the statement at `at` stays as it is.
    fn without_the_scripts(&self, at: usize, mut limits: UnitLimits) -> UnitLimits {
        for setting in self.step.statements[..at].iter().filter(|it| it.is_session_setting()) {
            let text = setting.text.to_ascii_lowercase();
            if text.contains("lock_timeout") {
                limits.lock_timeout = None;
            }
            if text.contains("statement_timeout") {
                limits.statement_timeout = None;
            }
        }
        limits
    }

    /// Writes down where the step failed.
    async fn after_failure(&mut self, end: StepEnd) -> StepEnd {
        let event = match &end {
            StepEnd::Failed { statement, error, .. } => JournalEvent::Failed {
                statement: statement.and_then(|at| self.step.statements.get(at)).map(|it| it.index),
                detail: error.message.clone(),
            },
            StepEnd::Stopped(_) => JournalEvent::Stopped { statement: None },
            _ => return end,
        };
        let written = match end {
            StepEnd::Stopped(_) => leaving(self.told(&event)).await,
            _ => self.told(&event).await,
        };
        if let Err(error) = &written {
            tracing::warn!("the failure could not be written to the journal: {error}");
        }
        match (end, written) {
            (StepEnd::Failed { .. }, Err(error @ BackendError::Lost(_))) => StepEnd::Lost(error),
            (end, _) => end.midway(),
        }
    }

    async fn told(&mut self, event: &JournalEvent) -> Result<(), BackendError> {
        // The script may have opened a transaction of its own.
        self.session.rollback().await?;
        self.session.journal(self.context.ledger, self.step, event).await
    }
}
