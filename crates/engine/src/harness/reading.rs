//! Facts that are read within a time.

use std::pin::pin;
use std::time::Duration;

use stopover_backend::{BackendError, Canceller};
use stopover_model::DatabaseError;
use stopover_model::harness::{Fact, Unread};

/// How long we wait for what was cancelled.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a cancel request is sent again: one that arrives between two statements is lost.
const AGAIN: Duration = Duration::from_millis(200);

/// Waits for `request` for at most `limit`, then cancels it on the server. What is refused, or not
/// there in time, is a fact that was not read.
///
/// # Errors
/// Where the session is lost, or the settings do not fit.
pub(crate) async fn in_time<T>(
    canceller: &impl Canceller,
    limit: Duration,
    request: impl Future<Output = Result<T, BackendError>>,
) -> Result<Fact<T>, BackendError> {
    let mut running = pin!(request);
    if let Ok(answer) = tokio::time::timeout(limit, &mut running).await {
        return fact(answer);
    }
    let began = tokio::time::Instant::now();
    while began.elapsed() < PATIENCE {
        canceller.cancel().await;
        if let Ok(answer) = tokio::time::timeout(AGAIN, &mut running).await {
            // It may have come to its end in the last moment.
            let late = |_| Fact::Unread(too_slow(limit));
            return answer.map_or_else(
                |error| if error.refused().is_some() { Ok(late(())) } else { Err(error) },
                |value| Ok(Fact::Read(value)),
            );
        }
    }
    Err(BackendError::Lost("the server does not answer".to_owned()))
}

fn fact<T>(answer: Result<T, BackendError>) -> Result<Fact<T>, BackendError> {
    match answer {
        Ok(value) => Ok(Fact::Read(value)),
        Err(BackendError::Refused(error)) => Ok(Fact::Unread(refused(&error))),
        Err(other) => Err(other),
    }
}

fn refused(error: &DatabaseError) -> Unread {
    Unread {
        why: error.message.clone(),
        sqlstate: error.sqlstate.clone(),
        remedy: match error.sqlstate.as_deref() {
            Some("42501") => {
                "grant this role what the message names, or connect as one that has it".to_owned()
            }
            _ => "see what the server says, and run the command again".to_owned(),
        },
    }
}

fn too_slow(limit: Duration) -> Unread {
    Unread {
        why: format!("it took longer than {} s", limit.as_secs_f64()),
        sqlstate: None,
        remedy: "look what keeps the database busy, or allow more time: fact_timeout and \
                 scan_timeout under [preflight] and [postflight] in stopover.toml"
            .to_owned(),
    }
}
