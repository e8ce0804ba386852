//! One pinned connection.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use stopover_backend::{BackendError, Canceller, LedgerId, Opening, Session};
use stopover_model::PlainStrings;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::error::request_error;
use crate::facts::Located;
use crate::ledger::ReadLedger;
use crate::served::{Listening, Served};
use crate::sighting::Sighted;
use crate::tls::Encryption;
use crate::trace::Tracer;

/// What `DISCARD ALL` does (source: its documentation), without the release of advisory locks:
/// the run lock must live on.
const RESET: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; \
                     DEALLOCATE ALL; UNLISTEN *; DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES;";

/// How a cancel request reaches the server: as the session does.
#[derive(Clone)]
pub(crate) enum CancelTls {
    /// Without encryption.
    Off,
    /// With it.
    On(Encryption),
}

/// A pinned connection to a PostgreSQL server. Dropping it ends it, and frees the run lock.
pub struct PostgresSession {
    pub(crate) client: Client,
    served: Served,
    tls: CancelTls,
    /// The server's process that answers, once it is known.
    pub(crate) process: Option<i32>,
    /// The key of the run lock, while we have it.
    pub(crate) lock: Option<i64>,
    /// What the catalog told when the connection was opened early: the first look takes it.
    pub(crate) sighted: Option<Sighted>,
    /// What the ledger held then: the first reading takes it, if nothing else came before.
    pub(crate) read_early: Option<ReadLedger>,
    /// What was read ahead: the request, and its rows.
    pub(crate) foreseen: Option<(String, Vec<Vec<SimpleQueryRow>>)>,
    /// Where the ledgers are, as far as it was looked up.
    pub(crate) located: Option<Located>,
    /// Whether what a migration left in the session is still to be removed.
    pub(crate) traces: Traces,
    /// A transaction that was opened for work which has not begun.
    pub(crate) ahead: Ahead,
    /// Whether the server looks by itself whether the client is still there.
    pub(crate) watch: Watch,
    /// Whether a journal is known to be there, by ledger.
    pub(crate) journals: HashMap<LedgerId, JournalState>,
    /// The moment in which every census is taken, where it is a shared one.
    pub(crate) moment: Option<String>,
    /// Observes it, in a rehearsal.
    pub(crate) tracer: Option<Tracer>,
}

/// What the work before has left in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traces {
    /// Nothing.
    None,
    /// Settings, a role, temporary tables: removed before the next request, together with it where
    /// that saves a round trip.
    Left,
}

impl JournalState {
    /// Whether there is a journal, of whatever age.
    pub(crate) fn is_there(state: Option<&Self>) -> bool {
        matches!(state, Some(Self::Present | Self::Older))
    }
}

/// What was opened together with the last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Nothing.
    Nothing,
    /// A transaction that begins so, and is in the session that has the run lock.
    Open(Opening),
    /// Something was to be opened, and nobody knows what is.
    Unclear,
}

/// Whether a server that is told of a dead client stops the statement that nobody waits for any
/// more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It was not asked.
    Unknown,
    /// It can, and does.
    On,
    /// It cannot.
    Off,
}

/// What is known of a journal table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JournalState {
    /// It is there.
    Present,
    /// It is there, as an older version of this tool made it: without a column for scripts.
    Older,
    /// It was not there when we looked.
    Absent,
}

impl Session for PostgresSession {
    async fn hang_up(&mut self) {
        self.served.hang_up().await;
    }
}

impl PostgresSession {
    pub(crate) fn new(client: Client, served: Served, tls: CancelTls) -> Self {
        Self {
            client,
            served,
            tls,
            process: None,
            lock: None,
            sighted: None,
            read_early: None,
            foreseen: None,
            located: None,
            traces: Traces::None,
            ahead: Ahead::Nothing,
            watch: Watch::Unknown,
            journals: HashMap::new(),
            moment: None,
            tracer: None,
        }
    }

    /// The server's major version; 0 where it cannot be read.
    #[must_use]
    pub fn major(&self) -> u32 {
        let digits: String = self.served.version.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    /// The server's version without the packager's addition, e.g. `15.18`.
    #[must_use]
    pub fn server_version(&self) -> String {
        self.served.version.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// How the server reads plain strings in this session, before a script changes that.
    pub(crate) const fn plain_strings(&self) -> PlainStrings {
        self.served.plain_strings
    }

    /// Hears what the server says, until it is dropped.
    pub(crate) fn listen(&self) -> Listening {
        self.served.listen()
    }

    /// Settings that this tool's sessions have. A server that is told of a dead client stops the
    /// statement that nobody waits for any more (since version 14). Only Linux is sure to tell it:
    /// elsewhere (Windows; macOS before version 15) the server refuses the setting itself
    /// (`check_client_connection_check_interval` in `src/backend/tcop/postgres.c`).
    pub(crate) fn own_settings(&self) -> &'static str {
        match self.watch {
            Watch::On => "SET client_connection_check_interval = '2s';",
            Watch::Off => "",
            Watch::Unknown if self.major() < 14 => "",
            Watch::Unknown => {
                "SELECT pg_catalog.set_config('client_connection_check_interval', '2s', false) \
                 WHERE pg_catalog.version() LIKE '%linux%';"
            }
        }
    }

    /// Settings with which a session may wait for as long as a copy of the target takes, or until
    /// a lock is free, whatever roles and databases set. Only those that the server knows.
    pub(crate) fn patience(&self) -> &'static str {
        match self.major() {
            14.. => "SET idle_session_timeout = 0;SET idle_in_transaction_session_timeout = 0;",
            10..=13 => "SET idle_in_transaction_session_timeout = 0;",
            _ => "",
        }
    }

    /// Makes the settings of this tool's sessions, before the first work: who only reads needs none.
    pub(crate) async fn with_settings(&mut self) -> Result<(), BackendError> {
        if self.watch != Watch::Unknown {
            return Ok(());
        }
        let sets = self.rows(&format!("{}{}", self.own_settings(), self.patience())).await?;
        let is_set = self.major() >= 14 && sets.first().is_some_and(|rows| !rows.is_empty());
        self.watch = if is_set { Watch::On } else { Watch::Off };
        Ok(())
    }

    /// Runs `sql` (one or several statements) and returns the rows of each statement.
    pub(crate) async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<Vec<SimpleQueryRow>>, BackendError> {
        self.without_traces().await?;
        sets(&self.client, sql).await.map_err(|error| request_error(&error))
    }

    /// The same; `ahead` is sent right behind it, and its rows wait for whoever asks for them next.
    /// What is wrong with them is told to who asks again.
    pub(crate) async fn rows_and_ahead(
        &mut self,
        sql: &str,
        ahead: String,
    ) -> Result<Vec<Vec<SimpleQueryRow>>, BackendError> {
        self.without_traces().await?;
        let (sets, foreseen) = join(sets(&self.client, sql), sets(&self.client, &ahead)).await;
        self.foreseen = foreseen.ok().map(|foreseen| (ahead, foreseen));
        sets.map_err(|error| request_error(&error))
    }

    /// The same for what is read about the database, however short the role's time-out is: that is
    /// meant for its work. It holds for this request alone: a migration has the role's.
    pub(crate) async fn rows_at_leisure(
        &mut self,
        sql: &str,
    ) -> Result<Vec<Vec<SimpleQueryRow>>, BackendError> {
        let request = at_leisure(sql);
        let foreseen = self.foreseen.take().filter(|(asked, _)| *asked == request);
        let mut sets = match foreseen {
            Some((_, sets)) => sets,
            None => self.rows(&request).await?,
        };
        sets.drain(..1.min(sets.len()));
        Ok(sets)
    }

    /// Runs `sql` for its effect.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), BackendError> {
        self.without_traces().await?;
        self.client.batch_execute(sql).await.map_err(|error| request_error(&error))
    }

    /// Runs `sql`, and says how many rows its last statement touched.
    pub(crate) async fn rows_changed(&mut self, sql: &str) -> Result<u64, BackendError> {
        self.without_traces().await?;
        let messages =
            self.client.simple_query(sql).await.map_err(|error| request_error(&error))?;
        let rows = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        });
        Ok(rows.unwrap_or(0))
    }

    /// Removes what the work before has left, and what was opened for work that does not come.
    pub(crate) async fn without_traces(&mut self) -> Result<(), BackendError> {
        let Some(sql) = self.take_traces() else { return Ok(()) };
        self.client.batch_execute(&sql).await.map_err(|error| request_error(&error))
    }

    /// The statements that remove what the work before has left, if it has; to be sent next.
    pub(crate) fn take_traces(&mut self) -> Option<String> {
        // Something else is asked for, or done: what was read ahead is old.
        (self.read_early, self.foreseen) = (None, None);
        let ahead = std::mem::replace(&mut self.ahead, Ahead::Nothing);
        let left = std::mem::replace(&mut self.traces, Traces::None);
        let end = if ahead == Ahead::Nothing { "" } else { "ROLLBACK;" };
        match left {
            Traces::Left => Some(format!("{end}{}", self.removal())),
            Traces::None => (!end.is_empty()).then(|| end.to_owned()),
        }
    }

    /// The statements that remove whatever a migration may have left.
    pub(crate) fn removal(&self) -> String {
        format!("{RESET}{}{}", self.patience(), self.own_settings())
    }

    pub(crate) fn cancel_handle(&self) -> PostgresCanceller {
        PostgresCanceller { token: self.client.cancel_token(), tls: self.tls.clone() }
    }
}

/// Longest time for sending a cancel request.
const CANCEL_REQUEST: Duration = Duration::from_secs(2);

/// Cancels what a session is doing, over a connection of its own.
pub struct PostgresCanceller {
    token: CancelToken,
    tls: CancelTls,
}

impl Canceller for PostgresCanceller {
    async fn cancel(&self) {
        let sending = async {
            match &self.tls {
                CancelTls::Off => self.token.cancel_query(NoTls).await,
                CancelTls::On(tls) => self.token.cancel_query(tls.clone()).await,
            }
        };
        // A cancel request that does not arrive changes nothing: the caller goes on waiting for
        // the statement's answer, and a second signal ends the process. A server that cannot be
        // reached any more would keep it for minutes.
        match tokio::time::timeout(CANCEL_REQUEST, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!("the cancel request did not reach the server: {error}");
            }
            Err(_) => tracing::warn!("the cancel request did not reach the server in time"),
        }
    }
}

/// `sql`, however short the role's time-out is. The statements of one request are one transaction.
pub(crate) fn at_leisure(sql: &str) -> String {
    format!("SET LOCAL statement_timeout = 0;{sql}")
}

/// The rows of each statement.
async fn sets(
    client: &Client,
    sql: &str,
) -> Result<Vec<Vec<SimpleQueryRow>>, tokio_postgres::Error> {
    let mut answer = pin!(client.simple_query_raw(sql).await?);
    let mut sets = vec![Vec::new()];
    while let Some(message) = answer.next().await {
        match message? {
            SimpleQueryMessage::Row(row) => {
                if let Some(set) = sets.last_mut() {
                    set.push(row);
                }
            }
            SimpleQueryMessage::CommandComplete(_) => sets.push(Vec::new()),
            _ => {}
        }
    }
    sets.pop();
    Ok(sets)
}

/// A column as text; `None` for NULL and for a column that is not there.
pub(crate) fn text(row: &SimpleQueryRow, column: usize) -> Option<String> {
    lent(row, column).map(str::to_owned)
}

/// The same, to look at.
pub(crate) fn lent(row: &SimpleQueryRow, column: usize) -> Option<&str> {
    row.try_get(column).ok().flatten()
}

/// A boolean column as PostgreSQL prints it.
pub(crate) fn truth(row: &SimpleQueryRow, column: usize) -> bool {
    lent(row, column) == Some("t")
}
