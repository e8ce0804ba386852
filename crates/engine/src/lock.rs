//! The run lock as a value: what has it owns the session that holds it.

use std::time::{Duration, Instant};

use stopover_backend::{Backend, BackendError, LedgerId, LockAttempt, LockKept, Session, Stop};
use stopover_model::{Event, EventSink, Finding, LockHolder, Step};

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

    /// Makes sure, before anything is written, that what holds for this session holds for all of
    /// its transactions.
    pub(crate) async fn prove_pinned<B: Backend<Session = S>>(
        &mut self,
        backend: &B,
        stop: &Stop,
    ) -> Result<(), EngineError> {
        tokio::select! {
            proven = backend.prove_pinned(&mut self.session) => Ok(proven?),
            signal = stop.wait() => Err(EngineError::Stopped(signal)),
        }
    }

    /// Makes sure of the lock after a step that may have freed it, as [`may_free_locks`] says.
    pub(crate) async fn keep(&mut self) -> Result<LockKept, BackendError> {
        self.session.keep_lock(&self.ledger).await
    }

    /// Ends the session, whatever the server knows of that: the lock is free, or will be.
    pub(crate) async fn hang_up(&mut self) {
        self.session.hang_up().await;
    }

    /// Gives the lock back, and tells where it was gone before. An error is none that matters: the
    /// session ends here either way.
    pub(crate) async fn release(mut self) -> Option<Finding> {
        match leaving(self.session.unlock(&self.ledger)).await {
            Ok(LockKept::Held) => None,
            Ok(LockKept::TakenAgain | LockKept::Gone(_)) => Some(freed("a migration")),
            Err(error) => {
                tracing::debug!("the run lock ends with its session: {error}");
                None
            }
        }
    }
}

/// That the run lock was given away before its time.
pub(crate) fn freed(by: &str) -> Finding {
    Finding::warning(
        "run-lock",
        by,
        format!(
            "{by} freed the run lock (pg_advisory_unlock_all, or what calls it): another runner \
             could have begun in between"
        ),
        "remove the call: it ends locks that others rely on; pg_advisory_unlock(KEY) ends one",
    )
}

/// Whether a step may free the session's locks, the run lock among them: whatever calls functions
/// may. What a trigger or a default calls is seen at the end of the run only.
pub(crate) fn may_free_locks(step: &Step) -> bool {
    const CALLS: [&str; 5] = ["SELECT", "DO", "CALL", "EXECUTE", "DISCARD"];
    let calls = |tag: &str| CALLS.iter().any(|it| tag.starts_with(it));
    step.statements.iter().any(|it| calls(&it.tag))
}
