//! A request to stop that reaches the engine between and during statements.

use tokio::sync::watch;

/// Which signal asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: exit code 130.
    Interrupt,
    /// SIGTERM: exit code 143.
    Terminate,
}

/// The side that asks.
#[derive(Debug, Clone)]
pub struct StopRequest(watch::Sender<Option<StopSignal>>);

impl StopRequest {
    /// Asks to stop. Only the first request counts.
    pub fn stop(&self, signal: StopSignal) {
        self.0.send_if_modified(|state| {
            let first = state.is_none();
            if first {
                *state = Some(signal);
            }
            first
        });
    }
}

/// The side that listens. Clones listen to the same request.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<StopSignal>>);

impl Stop {
    /// A connected pair.
    #[must_use]
    pub fn channel() -> (StopRequest, Self) {
        let (sender, receiver) = watch::channel(None);
        (StopRequest(sender), Self(receiver))
    }

    /// One that never asks to stop.
    #[must_use]
    pub fn never() -> Self {
        Self::channel().1
    }

    /// The request, if it was made.
    #[must_use]
    pub fn requested(&self) -> Option<StopSignal> {
        *self.0.borrow()
    }

    /// Waits until a stop is asked for; for ever where nobody can ask any more.
    pub async fn wait(&self) -> StopSignal {
        let mut receiver = self.0.clone();
        loop {
            if let Some(signal) = *receiver.borrow_and_update() {
                return signal;
            }
            if receiver.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
