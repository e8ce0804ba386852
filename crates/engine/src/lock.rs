//! The run lock as a value: what has it owns the session that holds it.

use std::time::{Duration, Instant};

use stopover_backend::{BackendError, LedgerId, LockAttempt, RunLock, Session, Stop};
use stopover_model::{Event, EventSink, LockHolder, Step};

use crate::EngineError;
use crate::statement::leaving;

/// Pause between two tries for the lock.
const POLL: Duration = Duration::from_millis(100);

/// A session that holds the run lock.
///
/// Dropping it, by an early return or a cancelled future, ends the session, and with it the lock.
pub(crate) struct Locked<S> {
    session: S,
    ledger: LedgerId,
}

impl<S: Session> Locked<S> {
    /// Takes the lock by polling, for at most `wait`.
    pub(crate) async fn acquire(
        mut session: S,
        ledger: LedgerId,
        wait: Duration,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Self, EngineError> {
        let began = Instant::now();
        let mut told: Option<Option<LockHolder>> = None;
        loop {
            let LockAttempt::Held(holder) = session.try_lock(&ledger).await? else {
                return Ok(Self { session, ledger });
            };
            if began.elapsed() >= wait {
                return Err(EngineError::LockHeld { holder, waited: wait });
            }
            // A runner that has just ended may still be going: that is not worth a word.
            if told.as_ref() != Some(&holder) && began.elapsed() >= POLL {
                let limit_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                sink.emit(Event::LockWaiting { holder: holder.clone(), limit_ms });
                told = Some(holder);
            }
            let pause = POLL.min(wait.saturating_sub(began.elapsed()));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                signal = stop.wait() => return Err(EngineError::Stopped(signal)),
            }
        }
    }

    /// The session.
    pub(crate) const fn session(&mut self) -> &mut S {
        &mut self.session
    }

    /// The ledger that the lock is for.
    pub(crate) const fn ledger(&self) -> &LedgerId {
        &self.ledger
    }

    /// Makes sure of the lock after a step that may have freed it, as
    /// [`may_free_locks`] says.
    pub(crate) async fn keep(&mut self) -> Result<(), BackendError> {
        match self.session.try_lock(&self.ledger).await? {
            LockAttempt::Taken => Ok(()),
            LockAttempt::Held(_) => Err(BackendError::Lost(
                "a migration freed the run lock, and another runner has it now".to_owned(),
            )),
        }
    }

    /// Gives the lock back. An error is none that matters: the session ends here either way.
    pub(crate) async fn release(mut self) {
        if let Err(error) = leaving(RunLock::unlock(&mut self.session, &self.ledger)).await {
            tracing::debug!("the run lock ends with its session: {error}");
        }
    }
}

/// Whether a step may free the session's locks, the run lock among them.
pub(crate) fn may_free_locks(step: &Step) -> bool {
    step.statements.iter().any(|it| it.tag.starts_with("DISCARD"))
        || step.text.to_ascii_lowercase().contains("pg_advisory_unlock_all")
}
