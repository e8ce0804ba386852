//! One question: a transaction that reads, with its own time-out.

use std::time::Duration;

use stopover_backend::BackendError;
use stopover_model::harness::{Fact, Unread};
use stopover_model::{DatabaseError, sqlstate};
use tokio_postgres::SimpleQueryRow;

use crate::literal::literal;
use crate::session::{PostgresSession, text};

/// The rows of each statement of a question.
pub(super) type Sets = Vec<Vec<SimpleQueryRow>>;

/// What the server shows in the place of a query that a role may not see (`pgstatfuncs.c`).
pub(super) const HIDDEN: &str = "'<insufficient privilege>'";

/// Where unqualified names are looked for.
#[derive(Debug, Clone)]
pub(super) enum Path {
    /// In the catalogs alone.
    Catalogs,
    /// Where the session looks: for names that a migration writes. The question's own names are all
    /// qualified.
    Sessions,
    /// Here.
    Given(String),
}

/// A session that is asked one question after the other.
pub(super) struct Asking<'s> {
    session: &'s mut PostgresSession,
    limit: Duration,
}

impl<'s> Asking<'s> {
    pub(super) fn new(session: &'s mut PostgresSession, limit: Duration) -> Self {
        Self { session, limit }
    }

    /// Asks the catalogs.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Fact<Sets>, BackendError> {
        let limit = self.limit;
        self.ask_at(sql, &Path::Catalogs, limit, limit).await
    }

    /// Asks with names as the session has them.
    pub(super) async fn ask_as_session(&mut self, sql: &str) -> Result<Fact<Sets>, BackendError> {
        let limit = self.limit;
        self.ask_at(sql, &Path::Sessions, limit, limit).await
    }

    /// Asks with another search path; what the server refuses is given as it says it.
    pub(super) async fn ask_with_path(
        &mut self,
        sql: &str,
        path: &Path,
    ) -> Result<Result<Sets, Box<DatabaseError>>, BackendError> {
        let limit = self.limit;
        self.answer(sql, path, limit, limit).await
    }

    /// Why a question was refused, in this tool's words.
    pub(super) fn unread(&self, error: &DatabaseError) -> Unread {
        unread(error, self.limit)
    }

    /// Asks what may take long.
    pub(super) async fn ask_for(
        &mut self,
        sql: &str,
        limit: Duration,
    ) -> Result<Fact<Sets>, BackendError> {
        let lock = self.limit;
        self.ask_at(sql, &Path::Catalogs, limit, lock).await
    }

    /// Asks what must not stand in a queue.
    pub(super) async fn ask_in_passing(
        &mut self,
        sql: &str,
        lock: Duration,
    ) -> Result<Fact<Sets>, BackendError> {
        let limit = self.limit;
        self.ask_at(sql, &Path::Catalogs, limit, lock).await
    }

    async fn ask_at(
        &mut self,
        sql: &str,
        path: &Path,
        limit: Duration,
        lock: Duration,
    ) -> Result<Fact<Sets>, BackendError> {
        Ok(match self.answer(sql, path, limit, lock).await? {
            Ok(sets) => Fact::Read(sets),
            Err(error) => Fact::Unread(unread(&error, limit)),
        })
    }

    async fn answer(
        &mut self,
        sql: &str,
        path: &Path,
        limit: Duration,
        lock: Duration,
    ) -> Result<Result<Sets, Box<DatabaseError>>, BackendError> {
        let (opening, statements) = opening(path, limit, lock);
        match self.session.rows(&format!("{opening}{sql};ROLLBACK")).await {
            Ok(mut sets) => {
                // Those of the opening, and that of the end.
                sets.drain(..statements.min(sets.len()));
                sets.pop();
                Ok(Ok(sets))
            }
            Err(BackendError::Refused(error)) => {
                self.session.run("ROLLBACK").await?;
                Ok(Err(error))
            }
            Err(other) => Err(other),
        }
    }
}

/// Opens the transaction; and how many statements that is.
fn opening(path: &Path, limit: Duration, lock: Duration) -> (String, usize) {
    let ms = |it: Duration| it.as_millis().clamp(1, i32::MAX.unsigned_abs().into());
    let path = match path {
        Path::Catalogs => "SET LOCAL search_path = pg_catalog, pg_temp;".to_owned(),
        Path::Sessions => "SELECT;".to_owned(),
        Path::Given(path) => {
            format!("SELECT pg_catalog.set_config('search_path', {}, true);", literal(path))
        }
    };
    let sql = format!(
        "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY;\
         SET LOCAL statement_timeout = {};SET LOCAL lock_timeout = {};\
         SET LOCAL row_security = off;SET LOCAL datestyle = 'ISO, YMD';SET LOCAL jit = off;{path}",
        ms(limit),
        ms(lock),
    );
    (sql, 7)
}

/// Why the server refused, and what lets it answer.
fn unread(error: &DatabaseError, limit: Duration) -> Unread {
    let code = error.sqlstate.as_deref().unwrap_or_default();
    let (why, remedy) = match code {
        sqlstate::QUERY_CANCELED => (
            format!(
                "the server did not answer within {} s: {}",
                limit.as_secs_f64(),
                error.message
            ),
            "look what keeps the server busy, or allow more time: fact_timeout (or scan_timeout) \
             under [preflight] or [postflight] in stopover.toml",
        ),
        sqlstate::LOCK_NOT_AVAILABLE => (
            format!("a lock was not to be had: {}", error.message),
            "see who holds it: stopover preflight names them",
        ),
        sqlstate::INSUFFICIENT_PRIVILEGE => (
            error.message.clone(),
            "grant this role what the message names, or connect as one that has it",
        ),
        sqlstate::UNDEFINED_TABLE | "42883" | "42703" => (
            format!("the server has nothing of that name: {}", error.message),
            "ask a PostgreSQL server of version 14 or newer",
        ),
        _ => (error.message.clone(), "see what the server says, and run the command again"),
    };
    Unread { why, sqlstate: error.sqlstate.clone(), remedy: remedy.to_owned() }
}

/// The rows of the first statement.
pub(super) fn first(sets: Sets) -> Vec<SimpleQueryRow> {
    sets.into_iter().next().unwrap_or_default()
}

/// A column as a number that is not negative.
pub(super) fn count(row: &SimpleQueryRow, column: usize) -> Option<u64> {
    // Numbers may come with a fraction, and times may run backwards by a moment.
    text(row, column)?.parse::<f64>().ok().map(|it| it.max(0.0) as u64)
}

/// What parts the names of a list.
const SEPARATOR: char = '\u{1f}';

/// An SQL expression that lists the values of `column`, each once.
pub(super) fn list(column: &str) -> String {
    format!("string_agg(DISTINCT {column}, chr(31))")
}

/// Reads what [`list`] gives.
pub(super) fn names(row: &SimpleQueryRow, column: usize) -> Vec<String> {
    let all = text(row, column).unwrap_or_default();
    all.split(SEPARATOR).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}
