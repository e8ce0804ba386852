//! One statement, with a stop that reaches the server.

use std::pin::pin;
use std::time::{Duration, Instant};

use stopover_backend::{BackendError, Canceller, Done, Session, Stop, StopSignal};
use stopover_model::{Notice, PlannedStatement};

/// How often a cancel request is sent again: one that arrives before the statement began is lost.
const CANCEL_AGAIN: Duration = Duration::from_millis(200);

/// How long we wait for a cancelled statement before we leave it to the server.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// How long we wait for the server when we are leaving: it ends by itself what a session leaves.
const LEAVING: Duration = Duration::from_secs(2);

/// Waits for what is only courtesy: a server that does not answer keeps nobody from leaving.
pub(crate) async fn leaving<T>(
    request: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    let answer = tokio::time::timeout(LEAVING, request).await;
    answer.unwrap_or_else(|_| Err(BackendError::Lost("no answer".to_owned())))
}

/// What came of a statement.
pub(crate) enum Ran {
    /// It ended well.
    Done(Done, Duration),
    /// The server refused it.
    Refused(BackendError, Duration),
    /// The session was lost in it.
    Lost(BackendError),
    /// A stop was asked for, and the statement cancelled.
    Stopped(StopSignal),
}

/// Runs one statement; a stop cancels it on the server and waits for its end. `said` hears what
/// the server says meanwhile.
pub(crate) async fn run<S: Session>(
    session: &mut S,
    statement: &PlannedStatement,
    said: &mut (dyn FnMut(Notice) + Send),
    stop: &Stop,
) -> Ran {
    let canceller = session.canceller();
    let began = Instant::now();
    match unless_stopped(&canceller, session.execute(statement, said), stop).await {
        Ok(Ok(done)) => Ran::Done(done, began.elapsed()),
        Ok(Err(error @ BackendError::Refused(_))) => Ran::Refused(error, began.elapsed()),
        Ok(Err(error)) => Ran::Lost(error),
        Err(signal) => Ran::Stopped(signal),
    }
}

/// Waits for the answer to `request`; a stop cancels it on the server and waits for its end.
pub(crate) async fn unless_stopped<T>(
    canceller: &impl Canceller,
    request: impl Future<Output = T>,
    stop: &Stop,
) -> Result<T, StopSignal> {
    match cancelled_by_stop(canceller, request, stop).await {
        (_, Some(signal)) => Err(signal),
        (Some(answer), None) => Ok(answer),
        // Without a stop there always is an answer.
        (None, None) => std::future::pending().await,
    }
}

/// Waits for the answer to `request`. A stop cancels it on the server; what it answered all the
/// same is given back beside the signal, and `None` where it did not end in time.
pub(crate) async fn cancelled_by_stop<T>(
    canceller: &impl Canceller,
    request: impl Future<Output = T>,
    stop: &Stop,
) -> (Option<T>, Option<StopSignal>) {
    let mut running = pin!(request);
    let signal = tokio::select! {
        biased;
        answer = &mut running => return (Some(answer), None),
        signal = stop.wait() => signal,
    };
    let deadline = Instant::now() + CANCEL_PATIENCE;
    while Instant::now() < deadline {
        canceller.cancel().await;
        if let Ok(answer) = tokio::time::timeout(CANCEL_AGAIN, &mut running).await {
            return (Some(answer), Some(signal));
        }
    }
    (None, Some(signal))
}
