//! Running statements.

use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use stopover_backend::{
    Audience, BackendError, Done, Execute, LeftOpen, Unit, UnitEnd, UnitLimits,
};
use stopover_model::{Notice, PlannedStatement};
use tokio_postgres::SimpleQueryMessage;

use crate::error::request_error;
use crate::session::{Ahead, PostgresCanceller, PostgresSession, Traces, truth};
use crate::trace::End;

impl Execute for PostgresSession {
    type Canceller = PostgresCanceller;

    fn canceller(&self) -> PostgresCanceller {
        self.cancel_handle()
    }

    async fn begin(&mut self, limits: &UnitLimits) -> Result<(), BackendError> {
        self.with_settings().await?;
        let sql = format!("BEGIN;{}{}", settings("SET LOCAL", limits), self.guard(limits));
        let sets = match self.tracer.clone() {
            None => self.rows(&sql).await?,
            Some(tracer) => tokio::join!(self.rows(&sql), tracer.begin()).0?,
        };
        let guarded = self.guarded(sets.last().and_then(|rows| rows.first()));
        if guarded.is_err() {
            self.rollback().await?;
        }
        guarded
    }

    async fn limit(&mut self, limits: &UnitLimits) -> Result<(), BackendError> {
        self.with_settings().await?;
        self.run(&settings("SET", limits)).await
    }

    async fn execute(
        &mut self,
        statement: &PlannedStatement,
        said: &mut (dyn FnMut(Notice) + Send),
    ) -> Result<Done, BackendError> {
        match self.tracer.clone() {
            None => self.execute_unseen(statement, said).await,
            Some(tracer) => tracer.during(statement, self.execute_unseen(statement, said)).await,
        }
    }

    async fn commit(&mut self) -> Result<(), BackendError> {
        let committed = self.run("COMMIT").await;
        self.tell_end(if committed.is_ok() { End::Committed } else { End::RolledBack });
        committed
    }

    async fn rollback(&mut self) -> Result<(), BackendError> {
        self.ahead = Ahead::Nothing;
        let rolled_back = self.run("ROLLBACK").await;
        self.tell_end(End::RolledBack);
        rolled_back
    }

    async fn transaction(
        &mut self,
        unit: &Unit<'_>,
        audience: &mut dyn Audience,
    ) -> Option<UnitEnd> {
        // Inline data needs an answer before it can be sent.
        if unit.statements.iter().any(|it| it.copy_data.is_some()) {
            return None;
        }
        // In boxes: they are large, and called deep down.
        Some(match self.tracer.clone() {
            None => Box::pin(self.pipelined(unit, audience)).await,
            Some(tracer) => Box::pin(self.observed(unit, &tracer, audience)).await,
        })
    }

    async fn settle(&mut self) -> Result<(), BackendError> {
        // A commit that has a transaction id waits for everything that was written before it.
        self.run(
            "BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_catalog.txid_current(); COMMIT",
        )
        .await
    }

    async fn left_open(&mut self) -> Result<LeftOpen, BackendError> {
        // Outside of a transaction this query is one of its own, which has written nothing.
        let sql = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL";
        let sets = self.rows(sql).await?;
        let written = sets.first().and_then(|rows| rows.first()).is_some_and(|row| truth(row, 0));
        Ok(if written { LeftOpen::Transaction } else { LeftOpen::Nothing })
    }

    async fn reset(&mut self) -> Result<(), BackendError> {
        // What was opened together with the commit was opened behind the removal.
        if !matches!(self.ahead, Ahead::Open(_)) {
            self.traces = Traces::Left;
        }
        Ok(())
    }
}

impl PostgresSession {
    /// Tells the observer that the transaction has ended.
    fn tell_end(&self, end: End) {
        if let Some(tracer) = &self.tracer {
            tracer.end(end);
        }
    }

    /// Runs a statement, whoever observes the session.
    pub(crate) async fn execute_unseen(
        &mut self,
        statement: &PlannedStatement,
        said: &mut (dyn FnMut(Notice) + Send),
    ) -> Result<Done, BackendError> {
        self.without_traces().await?;
        // Its end of all advisory locks would be the end of the run lock.
        if statement.tag == "DISCARD ALL" {
            self.traces = Traces::Left;
            self.without_traces().await?;
            return Ok(Done::default());
        }
        let mut listening = self.listen();
        match &statement.copy_data {
            Some(data) => listening.until(self.copy(&statement.text, data), said).await,
            None => listening.until(self.simple(statement), said).await,
        }
    }

    /// Runs one statement and lets its rows pass by: a migration's SELECT may return millions.
    async fn simple(&self, statement: &PlannedStatement) -> Result<Done, BackendError> {
        let stream = self.client.simple_query_raw(&statement.text).await;
        let mut stream = pin!(stream.map_err(|error| request_error(&error))?);
        let mut done = Done::default();
        while let Some(message) = stream.next().await {
            let message = message.map_err(|error| request_error(&error))?;
            if let SimpleQueryMessage::CommandComplete(rows) = message {
                done.rows = counts_rows(&statement.tag).then_some(rows);
            }
        }
        Ok(done)
    }

    async fn copy(&self, text: &str, data: &str) -> Result<Done, BackendError> {
        let failed = |error: tokio_postgres::Error| request_error(&error);
        let mut sink = pin!(self.client.copy_in::<_, Bytes>(text).await.map_err(failed)?);
        sink.send(Bytes::copy_from_slice(data.as_bytes())).await.map_err(failed)?;
        let rows = sink.finish().await.map_err(failed)?;
        Ok(Done { rows: Some(rows) })
    }
}

/// Whether the server's command tag ends in a number of rows.
/// Source: PostgreSQL's documentation of `CommandComplete`.
pub(crate) fn counts_rows(tag: &str) -> bool {
    let counting = ["INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "COPY", "CREATE TABLE AS"];
    counting.contains(&tag)
}

pub(crate) fn settings(set: &str, limits: &UnitLimits) -> String {
    let mut sql = String::new();
    let pairs =
        [("lock_timeout", limits.lock_timeout), ("statement_timeout", limits.statement_timeout)];
    for (name, value) in pairs {
        if let Some(value) = value {
            let _ = write!(sql, "{set} {name} = {};", milliseconds(value));
        }
    }
    sql
}

/// PostgreSQL's timeouts are milliseconds in an `int`; 0 would switch them off, so a shorter one
/// than a millisecond is one.
fn milliseconds(value: Duration) -> i32 {
    if value.is_zero() { 0 } else { i32::try_from(value.as_millis()).unwrap_or(i32::MAX).max(1) }
}
