//! A whole transaction without waiting between its statements.
//!
//! Every statement is a message of its own, as it would be one by one: errors, their positions and
//! the view of other sessions are the same. Only nobody waits for an answer before the next message
//! is sent. After an error the server refuses the rest (25P02), and the COMMIT becomes a ROLLBACK.
//! That holds inside of a transaction only: the BEGIN is waited for. A cancel request could hit it,
//! and everything behind it would commit statement by statement.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use stopover_backend::{Audience, BackendError, Done, Durability, Unit, UnitEnd};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use crate::error::request_error;
use crate::execute::{counts_rows, settings};
use crate::ledger::record_sql;
use crate::session::PostgresSession;

impl PostgresSession {
    pub(crate) async fn pipelined(
        &mut self,
        unit: &Unit<'_>,
        audience: &mut dyn Audience,
    ) -> UnitEnd {
        // What comes before the first statement: the removal of what was left, and BEGIN.
        let begin = format!("{}{}", begin(unit), self.guard());
        let opening: Vec<String> = self.take_traces().into_iter().chain([begin]).collect();
        let mut refused = None;
        let mut guard = None;
        match self.send(opening).await {
            Ok(answers) => {
                for answer in answers {
                    match last_row(answer).await {
                        Ok(row) => guard = row,
                        Err(error) => refused = refused.or(Some(error)),
                    }
                }
            }
            Err(error) => refused = Some(error),
        }
        if let Some(error) = refused {
            return UnitEnd::Failed { statement: None, took: Duration::ZERO, error };
        }
        if let Err(error) = self.guarded(guard.as_ref()) {
            let error = self.run("ROLLBACK").await.err().unwrap_or(error);
            return UnitEnd::Failed { statement: None, took: Duration::ZERO, error };
        }
        let mut listening = self.listen();
        let answers = match self.send(self.messages(unit)).await {
            Ok(answers) => answers,
            Err(error) => return UnitEnd::Unknown(error),
        };
        let mut failure: Option<UnitEnd> = None;
        let mut since = Instant::now();
        for (position, answer) in answers.into_iter().enumerate() {
            let at = Some(position).filter(|at| *at < unit.statements.len());
            let tag = at.map_or("", |at| unit.statements[at].tag.as_str());
            let mut said = |notice| audience.said(position, notice);
            let ended = listening.until(drained(answer, tag), &mut said).await;
            let took = since.elapsed();
            since = Instant::now();
            match ended {
                Err(error @ BackendError::Lost(_)) => return UnitEnd::Unknown(error),
                _ if failure.is_some() => {}
                Ok(done) => {
                    if let Some(at) = at {
                        audience.ended(at, done, took);
                    }
                }
                Err(error) => failure = Some(UnitEnd::Failed { statement: at, took, error }),
            }
        }
        failure.unwrap_or(UnitEnd::Committed)
    }

    /// Sends each text and returns at once; the answers come with the streams.
    async fn send(&self, texts: Vec<String>) -> Result<Vec<SimpleQueryStream>, BackendError> {
        let mut answers = Vec::with_capacity(texts.len());
        for text in texts {
            let answer = self.client.simple_query_raw(&text).await;
            answers.push(answer.map_err(|error| request_error(&error))?);
        }
        Ok(answers)
    }

    /// The statements, the ledger row, COMMIT.
    fn messages(&self, unit: &Unit<'_>) -> Vec<String> {
        let statements = unit.statements.iter().map(|it| it.text.clone());
        let record = record_sql(self, unit.ledger, unit.row);
        statements.chain([record, "COMMIT".to_owned()]).collect()
    }
}

/// BEGIN with its limits.
fn begin(unit: &Unit<'_>) -> String {
    let later = match unit.durability {
        Durability::AtOnce => "",
        Durability::Later => "SET LOCAL synchronous_commit = off;",
    };
    format!("BEGIN;{later}{}", settings("SET LOCAL", &unit.limits))
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

/// Reads an answer to its end and keeps its last row.
async fn last_row(answer: SimpleQueryStream) -> Result<Option<SimpleQueryRow>, BackendError> {
    let mut answer = pin!(answer);
    let mut last = None;
    while let Some(message) = answer.next().await {
        if let SimpleQueryMessage::Row(row) = message.map_err(|error| request_error(&error))? {
            last = Some(row);
        }
    }
    Ok(last)
}
