//! A migration that is one transaction with its ledger row.

use std::time::Duration;

use stopover_backend::{Audience, BackendError, Done, Session, Unit, UnitEnd};
use stopover_model::report::MigrationReport;
use stopover_model::{Direction, Event, EventSink, Notice, Step};

use super::retry::Tries;
use super::{Carrier, StepEnd, untouched};
use crate::notices::Notices;
use crate::place::located;
use crate::statement::{cancelled_by_stop, leaving, unless_stopped};

impl<S: Session> Carrier<'_, S> {
    /// The whole step, tried again while a lock is not to be had.
    pub(super) async fn transactional(&mut self) -> StepEnd {
        let mut tries = Tries::new(self.context.limits.lock_retries);
        loop {
            *self.report = untouched(self.step);
            let end = match self.at_once().await {
                Some(end) => end,
                None => self.one_try().await,
            };
            if matches!(end, StepEnd::Applied | StepEnd::Lost(_) | StepEnd::CommitUnknown(_)) {
                return end;
            }
            if matches!(end, StepEnd::Stopped(_)) {
                let _ = leaving(self.session.rollback()).await;
                let _ = self.put_numbers_forward().await;
                return end;
            }
            if let Err(error) = self.session.rollback().await {
                return StepEnd::Lost(error);
            }
            if let Err(error) = self.put_numbers_forward().await {
                return StepEnd::Lost(error);
            }
            if let Err(end) = self.again(end, &mut tries).await {
                return end;
            }
            // Not everything is undone by a rollback: a prepared statement is still there.
            if let Err(error) = self.session.reset().await {
                return StepEnd::Lost(error);
            }
        }
    }

    /// Everything sent without waiting in between; `None` where the database cannot do that.
    async fn at_once(&mut self) -> Option<StepEnd> {
        if self.context.direction == Direction::Down || self.context.again.is_some() {
            return None;
        }
        let row = self.ledger_row(None);
        let unit = Unit {
            limits: self.limits(),
            durability: self.context.durability,
            statements: &self.step.statements,
            ledger: self.context.ledger,
            row: &row,
            next: self.context.next,
        };
        let mut tale = Tale {
            step: self.step,
            report: self.report,
            sink: self.sink,
            notices: Notices::default(),
        };
        tale.starts(0);
        let canceller = self.session.canceller();
        let running = self.session.transaction(&unit, &mut tale);
        let (end, signal) = cancelled_by_stop(&canceller, running, self.context.stop).await;
        tale.quiet();
        Some(match (end, signal) {
            // A session that does not even end what was cancelled is given up.
            (None, signal) => signal.map_or_else(
                || StepEnd::Lost(BackendError::Lost("no answer".to_owned())),
                StepEnd::Stopped,
            ),
            (Some(None), _) => return None,
            (Some(Some(UnitEnd::Committed)), _) => StepEnd::Applied,
            (Some(Some(UnitEnd::Unknown(error))), _) => StepEnd::CommitUnknown(error),
            (Some(Some(UnitEnd::Failed { .. })), Some(signal)) => StepEnd::Stopped(signal),
            (Some(Some(UnitEnd::Failed { statement, took, error })), None) => {
                self.refused(statement, took, error)
            }
        })
    }

    fn refused(
        &mut self,
        statement: Option<usize>,
        took: Duration,
        error: BackendError,
    ) -> StepEnd {
        let error = match error {
            BackendError::Refused(error) => error,
            other => return StepEnd::Lost(other),
        };
        if let Some(at) = statement {
            let entry = &mut self.report.statements[at];
            entry.duration_ms = Some(took.as_secs_f64() * 1e3);
            entry.error = Some(located(self.step, self.step.statements.get(at), &error));
        }
        StepEnd::Failed { statement, error, rolled_back: true }
    }

    /// Where the database has one lock for all its writers, this waits for it.
    async fn begin(&mut self) -> Result<(), StepEnd> {
        let limits = self.limits();
        let canceller = self.session.canceller();
        match unless_stopped(&canceller, self.session.begin(&limits), self.context.stop).await {
            Ok(begun) => begun.map_err(StepEnd::of),
            Err(signal) => Err(StepEnd::Stopped(signal)),
        }
    }

    /// BEGIN, limits, statements, ledger row, COMMIT. The caller rolls back what failed.
    async fn one_try(&mut self) -> StepEnd {
        if let Err(end) = self.begin().await {
            return end;
        }
        if let Err(end) = self.statements().await {
            return end;
        }
        if let Err(error) = self.record().await {
            return StepEnd::of(error);
        }
        match self.session.commit().await {
            Ok(()) => StepEnd::Applied,
            Err(error @ BackendError::Refused(_)) => StepEnd::of(error),
            Err(error) => StepEnd::CommitUnknown(error),
        }
    }

    async fn statements(&mut self) -> Result<(), StepEnd> {
        if let Some(again) = self.context.again {
            return Box::pin(self.once_more(again)).await;
        }
        for at in 0..self.step.statements.len() {
            self.statement(at).await?;
        }
        Ok(())
    }
}

/// Tells what happens in a transaction that is sent at once.
struct Tale<'a> {
    step: &'a Step,
    report: &'a mut MigrationReport,
    sink: &'a mut dyn EventSink,
    /// Of the statement that runs.
    notices: Notices,
}

impl Tale<'_> {
    /// Nothing more is heard of the statement that ran.
    fn quiet(&mut self) {
        self.notices.end(&self.step.version, self.sink);
    }

    fn starts(&mut self, at: usize) {
        self.quiet();
        // Behind the last statement come the ledger's row and the commit.
        let behind = self.step.statements.last().map_or(1, |it| it.index + 1);
        self.notices = Notices::of(self.step.statements.get(at).map_or(behind, |it| it.index));
        if let Some(statement) = self.step.statements.get(at) {
            self.sink.emit(Event::StatementStarted {
                version: self.step.version.clone(),
                index: statement.index,
                tag: statement.tag.clone(),
                line: statement.line,
            });
        }
    }
}

impl Audience for Tale<'_> {
    fn said(&mut self, _at: usize, notice: Notice) {
        self.notices.said(&self.step.version, notice, self.sink);
    }

    fn ended(&mut self, at: usize, done: Done, took: Duration) {
        let duration_ms = took.as_secs_f64() * 1e3;
        let entry = &mut self.report.statements[at];
        entry.duration_ms = Some(duration_ms);
        entry.rows = done.rows;
        *self.report.duration_ms.get_or_insert(0.0) += duration_ms;
        self.sink.emit(Event::StatementFinished {
            version: self.step.version.clone(),
            index: self.step.statements[at].index,
            duration_ms,
            rows: done.rows,
        });
        self.starts(at + 1);
    }
}
