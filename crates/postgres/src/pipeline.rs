//! A whole transaction without waiting between its statements.
//!
//! Every statement is a message of its own, as it would be one by one: errors, their positions and
//! the view of other sessions are the same. Only nobody waits for an answer before the next message
//! is sent. After an error the server refuses the rest (25P02), and the COMMIT becomes a ROLLBACK.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use stopover_backend::{BackendError, Done, Durability, Unit, UnitEnd};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryStream};

use crate::error::request_error;
use crate::execute::{counts_rows, settings};
use crate::ledger::record_sql;
use crate::session::PostgresSession;

impl PostgresSession {
    pub(crate) async fn pipelined(
        &mut self,
        unit: &Unit<'_>,
        told: &mut (dyn FnMut(usize, Done, Duration) + Send),
    ) -> UnitEnd {
        let mut answers = Vec::with_capacity(unit.statements.len() + 4);
        let traces = self.take_traces();
        // What comes before the first statement: BEGIN, and the removal of what was left.
        let before = 1 + usize::from(traces.is_some());
        for text in traces.into_iter().chain(self.messages(unit)) {
            // Sends and returns at once; the answer comes with the stream.
            match self.client.simple_query_raw(&text).await {
                Ok(answer) => answers.push(answer),
                Err(error) => return UnitEnd::Unknown(request_error(&error)),
            }
        }
        let mut failure: Option<UnitEnd> = None;
        let mut since = Instant::now();
        for (position, answer) in answers.into_iter().enumerate() {
            let at = position.checked_sub(before).filter(|at| *at < unit.statements.len());
            let tag = at.map_or("", |at| unit.statements[at].tag.as_str());
            let ended = drained(answer, tag).await;
            let took = since.elapsed();
            // The answer to BEGIN may come in one go with the first statement's: its little time is
            // counted there.
            if position >= before {
                since = Instant::now();
            }
            match ended {
                Err(error @ BackendError::Lost(_)) => return UnitEnd::Unknown(error),
                _ if failure.is_some() => {}
                Ok(done) => {
                    if let Some(at) = at {
                        told(at, done, took);
                    }
                }
                // Without a transaction around them the statements may have run all the same.
                Err(error) if position < before => failure = Some(UnitEnd::Unknown(error)),
                Err(error) => failure = Some(UnitEnd::Failed { statement: at, took, error }),
            }
        }
        failure.unwrap_or(UnitEnd::Committed)
    }

    /// BEGIN with its limits, the statements, the ledger row, COMMIT.
    fn messages(&self, unit: &Unit<'_>) -> Vec<String> {
        let later = match unit.durability {
            Durability::AtOnce => "",
            Durability::Later => "SET LOCAL synchronous_commit = off;",
        };
        let begin = format!("BEGIN;{later}{}", settings("SET LOCAL", &unit.limits));
        let statements = unit.statements.iter().map(|it| it.text.clone());
        let record = record_sql(self, unit.ledger, unit.row);
        let ends = [record, "COMMIT".to_owned()];
        std::iter::once(begin).chain(statements).chain(ends).collect()
    }
}

/// Reads an answer to its end and lets its rows pass by.
async fn drained(answer: SimpleQueryStream, tag: &str) -> Result<Done, BackendError> {
    let mut answer = pin!(answer);
    let mut done = Done::default();
    while let Some(message) = answer.next().await {
        let message = message.map_err(|error| request_error(&error))?;
        if let SimpleQueryMessage::CommandComplete(rows) = message {
            done.rows = counts_rows(tag).then_some(rows);
        }
    }
    Ok(done)
}
