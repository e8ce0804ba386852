//! A migration that is one transaction with its ledger row.

use stopover_backend::{BackendError, Session};

use super::retry::Tries;
use super::{Carrier, StepEnd, untouched};
use crate::statement::unless_stopped;

impl<S: Session> Carrier<'_, S> {
    /// The whole step, tried again while a lock is not to be had.
    pub(super) async fn transactional(&mut self) -> StepEnd {
        let mut tries = Tries::new(self.context.limits.lock_retries);
        loop {
            *self.report = untouched(self.step);
            let end = self.one_try().await;
            if matches!(end, StepEnd::Applied | StepEnd::Lost(_) | StepEnd::CommitUnknown(_)) {
                return end;
            }
            if let Err(error) = self.session.rollback().await {
                return StepEnd::Lost(error);
            }
            if let Err(end) = self.again(end, &mut tries).await {
                return end;
            }
        }
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
        for at in 0..self.step.statements.len() {
            if let Err(end) = self.statement(at).await {
                return end;
            }
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
}
