//! Trying again while a lock is not to be had.

use std::time::Duration;

use rand::RngExt;
use stopover_backend::Session;
use stopover_model::{DatabaseError, ErrorClass, Event};

use super::{Carrier, StepEnd};

/// The tries of one transaction.
pub(super) struct Tries {
    attempt: u32,
    of: u32,
}

impl Tries {
    pub(super) fn new(retries: u32) -> Self {
        Self { attempt: 1, of: retries.saturating_add(1) }
    }
}

impl<S: Session> Carrier<'_, S> {
    /// After a try that ended so, and was rolled back: waits, and says `Ok` where another try is
    /// worth it; gives the end back where it is not.
    pub(super) async fn again(&mut self, end: StepEnd, tries: &mut Tries) -> Result<(), StepEnd> {
        let StepEnd::Failed { statement, error, .. } = &end else { return Err(end) };
        if tries.attempt >= tries.of || !is_worth_it(error) {
            return Err(end);
        }
        let failing = statement.and_then(|at| self.step.statements.get(at));
        let pause = pause_after(tries.attempt);
        let holders = match failing {
            Some(failing) => self.session.lock_holders(failing).await,
            None => Vec::new(),
        };
        self.sink.emit(Event::MigrationRetried {
            version: self.step.version.clone(),
            attempt: tries.attempt,
            of: tries.of,
            pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            reason: error.message.clone(),
            holders,
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            signal = self.context.stop.wait() => return Err(StepEnd::Stopped(signal)),
        }
        tries.attempt += 1;
        Ok(())
    }
}

fn is_worth_it(error: &DatabaseError) -> bool {
    error.class == ErrorClass::Contention
}

/// Doubles from 250 ms to at most 15 s, of which a random half to all is waited: two runners that
/// met once must not meet again at every try.
fn pause_after(attempt: u32) -> Duration {
    let full = Duration::from_millis(250).saturating_mul(1 << attempt.min(7).saturating_sub(1));
    let full = full.min(Duration::from_secs(15));
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}
