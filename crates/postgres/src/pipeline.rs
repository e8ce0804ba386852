//! A whole transaction without waiting between its statements.
//!
//! Every statement is a message of its own, as it would be one by one: errors, their positions and
//! the view of other sessions are the same. Only nobody waits for an answer before the next message
//! is sent. After an error the server refuses the rest (25P02): it never comes to the COMMIT, which
//! is in one message behind the ledger row, or makes a ROLLBACK of it.
//! That holds inside of a transaction only: the BEGIN is waited for. A cancel request could hit it,
//! and everything behind it would commit statement by statement. So that nobody waits for it alone,
//! it is sent together with the commit of the transaction before.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use stopover_backend::{Audience, BackendError, Done, Durability, Opening, Unit, UnitEnd};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use crate::error::request_error;
use crate::execute::{counts_rows, settings};
use crate::ledger::record_sql;
use crate::session::{Ahead, PostgresSession};

/// The messages behind a unit's statements.
struct Ending {
    /// The ledger row, where it has a message of its own.
    record: Option<String>,
    /// What commits.
    closing: String,
    /// How many statements stand before its COMMIT.
    before_commit: usize,
    /// What is opened behind it.
    next: Option<Opening>,
}

/// What came of the message that commits.
#[derive(Default)]
struct Closed {
    /// How many of its statements ended well.
    completed: usize,
    /// The row of the last statement that followed it, if it gave one.
    row: Option<SimpleQueryRow>,
    /// Why it, or what followed it, did not end well.
    error: Option<BackendError>,
}

impl PostgresSession {
    pub(crate) async fn pipelined(
        &mut self,
        unit: &Unit<'_>,
        audience: &mut dyn Audience,
    ) -> UnitEnd {
        if let Err(end) = self.opened(unit).await {
            return end;
        }
        self.carried(unit, 0, audience).await
    }

    /// What comes before the first statement: the removal of what was left, and BEGIN; nothing
    /// where that came with the last commit.
    pub(crate) async fn opened(&mut self, unit: &Unit<'_>) -> Result<(), UnitEnd> {
        if self.ahead == Ahead::Open(unit.opening()) {
            self.ahead = Ahead::Nothing;
            return Ok(());
        }
        let failed = |error| UnitEnd::Failed { statement: None, took: Duration::ZERO, error };
        self.with_settings().await.map_err(failed)?;
        let begin = format!("{}{}", begin(&unit.opening()), self.guard(&unit.limits));
        let observation = self.tracer.as_ref().map(|it| it.observation(self.major()));
        let opening: Vec<String> =
            self.take_traces().into_iter().chain(observation).chain([begin]).collect();
        let before_begin = opening.len().saturating_sub(2);
        let mut refused = None;
        let mut guard = None;
        match self.send(opening).await {
            Ok(answers) => {
                for (at, answer) in answers.into_iter().enumerate() {
                    let row = last_row(answer).await;
                    if let (Some(tracer), true) = (&self.tracer, at == before_begin) {
                        // What keeps the observer from seeing keeps nobody from migrating.
                        tracer.begun(row.ok().flatten().as_ref());
                        continue;
                    }
                    match row {
                        Ok(row) => guard = row,
                        Err(error) => refused = refused.or(Some(error)),
                    }
                }
            }
            Err(error) => refused = Some(error),
        }
        if let Some(error) = refused {
            return Err(failed(error));
        }
        if let Err(error) = self.guarded(guard.as_ref()) {
            let error = self.run("ROLLBACK").await.err().unwrap_or(error);
            return Err(failed(error));
        }
        Ok(())
    }

    /// The statements from `first` on, the ledger row and COMMIT.
    pub(crate) async fn carried(
        &mut self,
        unit: &Unit<'_>,
        first: usize,
        audience: &mut dyn Audience,
    ) -> UnitEnd {
        let mut listening = self.listen();
        let ending = self.ending(unit);
        let statements = unit.statements.iter().skip(first).map(|it| it.text.clone());
        let texts = statements.chain(ending.record).chain([ending.closing]).collect();
        let answers = match self.send(texts).await {
            Ok(answers) => answers,
            Err(error) => return UnitEnd::Unknown(error),
        };
        let last = first + answers.len() - 1;
        let mut failure: Option<UnitEnd> = None;
        let mut since = Instant::now();
        for (position, answer) in (first..).zip(answers) {
            let mut said = |notice| audience.said(position, notice);
            if position == last {
                let closed = listening.until(closed(answer), &mut said).await;
                let committed = closed.completed > ending.before_commit;
                return self.closed(closed, committed, ending.next, failure);
            }
            let statement = unit.statements.get(position);
            let tag = statement.map_or("", |it| it.tag.as_str());
            let ended = listening.until(drained(answer, tag), &mut said).await;
            let took = since.elapsed();
            since = Instant::now();
            match ended {
                Err(error @ BackendError::Lost(_)) => return UnitEnd::Unknown(error),
                _ if failure.is_some() => {}
                Ok(done) if statement.is_some() => audience.ended(position, done, took),
                Ok(_) => {}
                Err(error) => {
                    let statement = statement.map(|_| position);
                    failure = Some(UnitEnd::Failed { statement, took, error });
                }
            }
        }
        UnitEnd::Unknown(BackendError::Lost("no answer".to_owned()))
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

    /// The ledger row and COMMIT, in one message where nobody observes. Observed, a COMMIT of its own
    /// ends the transaction on the server in the moment in which a statement failed, and who
    /// observes begins each transaction for itself.
    fn ending(&self, unit: &Unit<'_>) -> Ending {
        let record = record_sql(self, unit.ledger, unit.row);
        if self.tracer.is_some() {
            let (record, closing) = (Some(record.join(";")), self.closing(None));
            return Ending { record, closing, before_commit: 0, next: None };
        }
        Ending {
            record: None,
            closing: format!("{};{}", record.join(";"), self.closing(unit.next)),
            before_commit: record.len(),
            next: unit.next,
        }
    }

    /// COMMIT, and the next transaction: the removal of what was left is one of its own, which
    /// neither belongs to the one before nor is undone with the one behind it.
    fn closing(&self, next: Option<Opening>) -> String {
        next.map_or_else(
            || "COMMIT".to_owned(),
            |next| {
                format!(
                    "COMMIT;BEGIN;{}COMMIT;{}{}",
                    self.removal(),
                    begin(&next),
                    self.guard(&next.limits)
                )
            },
        )
    }

    /// How the unit ended, and what is open behind it.
    fn closed(
        &mut self,
        closed: Closed,
        committed: bool,
        next: Option<Opening>,
        failure: Option<UnitEnd>,
    ) -> UnitEnd {
        let Closed { completed: _, row, error } = closed;
        // What is not committed is still open, and the next request rolls it back.
        if next.is_some() || !committed {
            self.ahead = Ahead::Unclear;
        }
        match (failure, error) {
            (None, error) if committed => {
                let is_open = error.is_none() && self.guarded(row.as_ref()).is_ok();
                if let Some(next) = next.filter(|_| is_open) {
                    self.ahead = Ahead::Open(next);
                }
                UnitEnd::Committed
            }
            (_, Some(error @ BackendError::Lost(_))) => UnitEnd::Unknown(error),
            (Some(failure), _) => failure,
            (None, Some(error)) => UnitEnd::Failed { statement: None, took: Duration::ZERO, error },
            (None, None) => UnitEnd::Unknown(BackendError::Lost("no answer".to_owned())),
        }
    }
}

/// BEGIN with its limits.
fn begin(opening: &Opening) -> String {
    let later = match opening.durability {
        Durability::AtOnce => "",
        Durability::Later => "SET LOCAL synchronous_commit = off;",
    };
    format!("BEGIN;{later}{}", settings("SET LOCAL", &opening.limits))
}

/// Reads the answer to the message that commits.
async fn closed(answer: SimpleQueryStream) -> Closed {
    let mut answer = pin!(answer);
    let mut closed = Closed::default();
    let mut row = None;
    while let Some(message) = answer.next().await {
        match message {
            Ok(SimpleQueryMessage::CommandComplete(_)) => {
                closed.completed += 1;
                closed.row = row.take();
            }
            Ok(SimpleQueryMessage::Row(found)) => row = Some(found),
            Ok(_) => {}
            Err(error) => {
                closed.error = Some(request_error(&error));
                return closed;
            }
        }
    }
    closed
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
