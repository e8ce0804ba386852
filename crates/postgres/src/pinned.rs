//! Whether a session is one session of the server's, and nobody else's.
//!
//! A proxy that pools transactions or statements (pgbouncer with `pool_mode = transaction`) gives
//! each transaction to whichever session of the server is free. The run lock, settings and
//! temporary tables belong to that session, not to ours: they are gone in the next transaction, or
//! are shared with another client.
//!
//! Two signs prove it, and neither shows on a direct connection or through a proxy that pools
//! sessions: answers of different processes in one session of ours, and one process that answers
//! two of our sessions which are open at once. The first costs nothing and is looked at all the
//! time. The second needs another connection, for a moment: a proxy that nobody else uses gives
//! every transaction to the same process.
//!
//! What cannot be looked at proves nothing: a server that has no connection left for the second
//! session is no proxy.

use std::time::Duration;

use stopover_backend::BackendError;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::connect::PostgresBackend;
use crate::error::request_error;
use crate::session::{PostgresSession, text};

/// How long we wait for the second session. A proxy that pools sessions may have none left, and
/// keep it waiting for as long as the first one lives.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often a process that has our lock is looked for.
const ROUNDS: usize = 20;

/// Who answers: the process, and the server that it is of. Two servers behind one address may have
/// processes of the same number.
const WHO: &str = "SELECT pg_catalog.pg_backend_pid() || ' ' || \
                   extract(epoch FROM pg_catalog.pg_postmaster_start_time())";

impl PostgresBackend {
    /// See [`stopover_backend::Backend::prove_pinned`].
    pub(crate) async fn compare_sessions(
        &self,
        session: &mut PostgresSession,
    ) -> Result<(), BackendError> {
        let before = session.who().await?;
        let looking = tokio::time::timeout(PATIENCE, self.beside());
        let (beside, other) = match looking.await {
            Ok(Ok(beside)) => beside,
            Ok(Err(error)) => {
                tracing::debug!("no second session to compare with: {error}");
                return Ok(());
            }
            Err(_) => {
                tracing::debug!("no second session to compare with, in {PATIENCE:?}");
                return Ok(());
            }
        };
        // The second one is still open. A proxy gives out last what came back last, or in turn:
        // one of the two comparisons finds either.
        let after = session.who().await?;
        if before == after && after != other {
            return Ok(());
        }
        session.leave_no_lock(&beside).await;
        Err(not_pinned())
    }

    /// A second session, and who answers in it.
    async fn beside(&self) -> Result<(Client, Option<String>), BackendError> {
        let (client, _, _) = self.open().await?;
        let who = asked(&client, WHO).await?;
        Ok((client, who))
    }
}

impl PostgresSession {
    async fn who(&mut self) -> Result<Option<String>, BackendError> {
        let sets = self.rows(WHO).await?;
        Ok(sets.first().and_then(|rows| rows.first()).and_then(|row| text(row, 0)))
    }

    /// Gives the run lock back, which a process of the pool has. It must come round again: while
    /// one of our two sessions keeps another process busy, the other one may meet it.
    async fn leave_no_lock(&mut self, beside: &Client) {
        let Some(sql) = self.unlocking() else { return };
        for _ in 0..ROUNDS {
            let ours = asked(&self.client, &format!("BEGIN;{sql}")).await;
            let theirs = match ours {
                Ok(Some(_)) => Ok(None),
                _ => asked(beside, &sql).await,
            };
            // It ends what was begun; a pool of statements has let nothing begin.
            let _ = asked(&self.client, "ROLLBACK").await;
            if matches!(ours, Ok(Some(_))) || matches!(theirs, Ok(Some(_))) {
                break;
            }
        }
        self.lock = None;
    }

    /// Takes note of the process that answered, or finds that it is not the one of before.
    pub(crate) fn answered(&mut self, pid: Option<i32>) -> Result<(), BackendError> {
        match (self.process, pid) {
            (Some(before), Some(now)) if before != now => Err(not_pinned()),
            (before, now) => {
                self.process = before.or(now);
                Ok(())
            }
        }
    }
}

/// The first value of the answer.
async fn asked(client: &Client, sql: &str) -> Result<Option<String>, BackendError> {
    let answer = client.simple_query(sql).await.map_err(|error| request_error(&error))?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => text(row, 0),
        _ => None,
    }))
}

/// The refusal of such a proxy.
pub(crate) fn not_pinned() -> BackendError {
    BackendError::Settings {
        message: "the database URL leads to a proxy that pools transactions or statements (such \
                  as pgbouncer with pool_mode = transaction): run lock, settings and temporary \
                  tables would not hold from one transaction to the next"
            .to_owned(),
        remedy: "give a URL that leads to the server itself, or to a port of the proxy with \
                 pool_mode = session: DATABASE_URL, --database-url, or database_url in \
                 stopover.toml (for a rehearsal: --scratch-url)"
            .to_owned(),
    }
}
