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
use crate::trace::End;

/// The messages behind a unit's statements.
pub(crate) struct Ending {
    /// What commits.
    closing: String,
    /// How many statements stand before its COMMIT.
    before_commit: usize,
    /// Messages behind the one that commits, where what comes next is not in that one.
    pub(crate) behind: Vec<String>,
    /// What is opened behind it.
    pub(crate) next: Option<Opening>,
}

/// What came of the message that commits.
#[derive(Default)]
pub(crate) struct Closed {
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
        let removal = self.take_traces();
        let preparation = self.preparation(removal, &unit.opening());
        let answers = self.send(preparation).await.map_err(failed)?;
        let guard = self.prepared(answers).await.map_err(failed)?;
        if let Err(error) = self.guarded(guard.as_ref()) {
            let error = self.run("ROLLBACK").await.err().unwrap_or(error);
            return Err(failed(error));
        }
        Ok(())
    }

    /// The messages before a unit's first statement: `removal`, what an observer asks, and BEGIN.
    fn preparation(&self, removal: Option<String>, opening: &Opening) -> Vec<String> {
        let observation = self.tracer.as_ref().map(|it| it.observation(self.major(), &[]));
        removal.into_iter().chain(observation).chain([self.beginning(opening)]).collect()
    }

    /// BEGIN and what is to be known of the transaction before its first statement.
    fn beginning(&self, opening: &Opening) -> String {
        format!("{}{}", begin(opening), self.guard(&opening.limits))
    }

    /// Reads the answers to that; gives the guard's row.
    async fn prepared(
        &self,
        answers: Vec<SimpleQueryStream>,
    ) -> Result<Option<SimpleQueryRow>, BackendError> {
        let before_begin = answers.len().checked_sub(2);
        let (mut guard, mut refused) = (None, None);
        for (at, answer) in answers.into_iter().enumerate() {
            let row = last_row(answer).await;
            if let (Some(tracer), true) = (&self.tracer, before_begin == Some(at)) {
                // What keeps the observer from seeing keeps nobody from migrating.
                tracer.prepared(row.ok().flatten().as_ref());
                continue;
            }
            match row {
                Ok(row) => guard = row,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(guard), Err)
    }

    /// Reads the answers to what prepares the next transaction behind a commit; gives the guard's
    /// row. A removal whose observation fails is done once more: they are one
    /// message there.
    async fn prepared_behind(
        &self,
        answers: Vec<SimpleQueryStream>,
    ) -> Result<Option<SimpleQueryRow>, BackendError> {
        let mut row = None;
        let last = answers.len().saturating_sub(1);
        for (at, answer) in answers.into_iter().enumerate() {
            row = last_row(answer).await?;
            if let (Some(tracer), true) = (&self.tracer, at < last) {
                tracer.prepared(row.as_ref());
            }
        }
        Ok(row)
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
        let texts = ending.texts(unit, first);
        let last = first + texts.len() - ending.behind.len() - 1;
        let answers = match self.send(texts).await {
            Ok(answers) => answers,
            Err(error) => return UnitEnd::Unknown(error),
        };
        let mut failure = None;
        let mut since = Instant::now();
        let mut answers = (first..).zip(answers);
        while let Some((position, answer)) = answers.next() {
            let mut said = |notice| audience.said(position, notice);
            if position == last {
                let behind = answers.map(|it| it.1).collect();
                let closing = self.closing_answers(answer, behind, &ending, failure.as_ref());
                let closed = listening.until(closing, &mut said).await;
                let committed = ending.is_committed(&closed);
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
                Err(error) => failure = Some(failed(statement.map(|_| position), took, error)),
            }
        }
        UnitEnd::Unknown(BackendError::Lost("no answer".to_owned()))
    }

    /// Reads the answers to COMMIT and to what was sent behind it. An observer is told of the end
    /// of the transaction when it ends: its locks are free then.
    pub(crate) async fn closing_answers(
        &self,
        answer: SimpleQueryStream,
        behind: Vec<SimpleQueryStream>,
        ending: &Ending,
        failure: Option<&UnitEnd>,
    ) -> Closed {
        let mut closed = closed(answer).await;
        if let Some(tracer) = &self.tracer {
            let committed = failure.is_none() && ending.is_committed(&closed);
            tracer.end(if committed { End::Committed } else { End::RolledBack });
        }
        if !behind.is_empty() {
            match self.prepared_behind(behind).await {
                Ok(row) => closed.row = row,
                Err(error) => closed.error = closed.error.or(Some(error)),
            }
        }
        closed
    }

    /// Sends each text and returns at once; the answers come with the streams.
    pub(crate) async fn send(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<SimpleQueryStream>, BackendError> {
        let mut answers = Vec::with_capacity(texts.len());
        for text in texts {
            let answer = self.client.simple_query_raw(&text).await;
            answers.push(answer.map_err(|error| request_error(&error))?);
        }
        Ok(answers)
    }

    /// The ledger row and COMMIT, with what comes next in the same message where nobody observes.
    /// Observed, the answer to the COMMIT tells when the locks were free, and statistics are sent on
    /// between transactions only, at the end of a message: the next one is prepared by two more.
    pub(crate) fn ending(&self, unit: &Unit<'_>) -> Ending {
        let record = record_sql(self, unit.ledger, unit.row);
        let next = unit.next;
        let (closing, behind) = match &self.tracer {
            None => (self.closing(next), Vec::new()),
            Some(tracer) => {
                let observation = tracer.observation(self.major(), unit.statements);
                // The removal's WAL is its own.
                let between = format!("BEGIN;{}COMMIT;{observation}", self.removal());
                let opened = |it: Opening| vec![between, self.beginning(&it)];
                (self.closing(None), next.map(opened).unwrap_or_default())
            }
        };
        Ending {
            closing: format!("{};{closing}", record.join(";")),
            before_commit: record.len(),
            behind,
            next,
        }
    }

    /// COMMIT, and the next transaction: the removal of what was left is one of its own, which
    /// neither belongs to the one before nor is undone with the one behind it.
    fn closing(&self, next: Option<Opening>) -> String {
        next.map_or_else(
            || "COMMIT".to_owned(),
            |next| format!("COMMIT;BEGIN;{}COMMIT;{}", self.removal(), self.beginning(&next)),
        )
    }

    /// How the unit ended, and what is open behind it.
    pub(crate) fn closed(
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

impl Ending {
    /// All messages of the unit, from its statement `first` on.
    fn texts(&self, unit: &Unit<'_>, first: usize) -> Vec<String> {
        let statements = unit.statements.iter().skip(first).map(|it| &it.text);
        statements.cloned().chain(self.messages()).collect()
    }

    /// The messages behind the statements.
    pub(crate) fn messages(&self) -> impl Iterator<Item = String> {
        std::iter::once(&self.closing).chain(&self.behind).cloned()
    }

    /// Whether so much came of it that it is committed.
    pub(crate) const fn is_committed(&self, closed: &Closed) -> bool {
        closed.completed > self.before_commit
    }
}

pub(crate) const fn failed(
    statement: Option<usize>,
    took: Duration,
    error: BackendError,
) -> UnitEnd {
    UnitEnd::Failed { statement, took, error }
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
pub(crate) async fn drained(answer: SimpleQueryStream, tag: &str) -> Result<Done, BackendError> {
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
