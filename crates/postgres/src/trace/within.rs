//! Looks that the session takes itself, on a server of our own: a query behind each statement, sent
//! with everything else of the transaction. The server answers one message after the other, so that
//! it shows what is held between two statements; nobody waits for it, and no second process wakes up.
//!
//! It must not change what the migration does:
//! - At READ COMMITTED each statement takes a snapshot of its own: a query more takes nobody's. The
//!   session is asked for its level when it begins, and a transaction with a `SET TRANSACTION` is
//!   left to the second connection. So is every one with another setting in it: a role or a time-out
//!   could make the query fail, and the migration with it.
//! - The query names nothing but functions of PostgreSQL's own, qualified, operators and types too:
//!   no search path matters. That everybody may call them is asked for at the beginning, and doubted
//!   as soon as a statement says REVOKE.
//! - It keeps no lock, writes nothing, and fires no trigger.
//!
//! Not for given servers: others write there, and two connections over a network tell nothing of the
//! order in which things happened.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use stopover_backend::{Audience, BackendError, Done, FirstQuery, Unit, UnitEnd};
use stopover_model::{LockMode, PlannedStatement};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use super::catalog::FIRST_OF_USERS;
use super::lookout::Neighbours;
use super::record::{Ended, Outcome, Seen};
use super::tracer::refusal;
use super::{End, Tracer};
use crate::error::request_error;
use crate::pipeline::{drained, failed};
use crate::session::PostgresSession;

/// How long the answer to a statement may be on its way behind what a look has shown since. Both come
/// over sockets of this machine.
const LATE: Duration = Duration::from_millis(1);

/// A statement's time-out holds for the look as well, which takes a tenth of a millisecond. Shorter
/// ones than this are not put to that test on a busy machine.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);

/// First words of statements behind which a look is safe: they change no setting of the session, and
/// begin, end and undo no transaction.
const SAFE: [&str; 15] = [
    "ALTER", "ANALYZE", "CLUSTER", "COMMENT", "CREATE", "DELETE", "DROP", "INSERT", "LOCK",
    "MERGE", "REFRESH", "REINDEX", "SELECT", "TRUNCATE", "UPDATE",
];

/// Whether a session can look for itself, in SQL: asked once, for what the session begins with comes
/// back before each transaction.
pub(super) const fn ability(neighbours: Neighbours) -> &'static str {
    match neighbours {
        Neighbours::Some => "false",
        Neighbours::None => {
            "pg_catalog.current_setting('default_transaction_isolation') \
               OPERATOR(pg_catalog.=) 'read committed' \
             AND pg_catalog.current_setting('statement_timeout') OPERATOR(pg_catalog.=) '0' \
             AND pg_catalog.has_function_privilege('public', 'pg_catalog.pg_lock_status()', \
               'EXECUTE') \
             AND pg_catalog.has_function_privilege('public', \
               'pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE') \
             AND pg_catalog.has_function_privilege('public', \
               'pg_catalog.pg_stat_get_db_temp_bytes(pg_catalog.oid)', 'EXECUTE')"
        }
    }
}

/// Whether a statement may take away what everybody may do.
pub(super) fn may_revoke(statement: &PlannedStatement) -> bool {
    let first = statement.tag.split(' ').next().unwrap_or_default();
    !SAFE.contains(&first) && statement.text.to_ascii_uppercase().contains("REVOKE")
}

/// Whether a look is safe behind each of the unit's statements.
pub(super) fn is_safe(unit: &Unit<'_>) -> bool {
    let limit = unit.limits.statement_timeout;
    unit.limits.first_query == FirstQuery::Ours
        && limit.is_none_or(|it| it.is_zero() || it >= SHORTEST_LIMIT)
        && unit.statements.iter().all(is_safe_behind)
}

fn is_safe_behind(statement: &PlannedStatement) -> bool {
    let first = statement.tag.split(' ').next().unwrap_or_default();
    SAFE.contains(&first) && !statement.is_session_setting()
}

impl Tracer {
    /// The look that the session is to take. It has a row at least: each transaction holds a lock on
    /// itself. `due` says whether statistics are to be read as well.
    fn own_look(&self, due: bool) -> String {
        let (process, database) = (self.lookout.process, self.lookout.database);
        let temp = if due {
            format!("pg_catalog.pg_stat_get_db_temp_bytes('{database}')")
        } else {
            "0".to_owned()
        };
        // Short, and with few names: the server reads it anew each time.
        format!(
            "SELECT l.relation, l.mode, pg_catalog.pg_current_wal_insert_lsn(), {temp} \
             FROM pg_catalog.pg_lock_status() l WHERE l.pid OPERATOR(pg_catalog.=) {process} \
             AND (l.relation IS NULL OR l.relation OPERATOR(pg_catalog.>=) '{FIRST_OF_USERS}')"
        )
    }

    /// Looks up what is to be known before the next commit, which is sent together with everything
    /// before it. `false` where nothing is seen any more.
    pub(super) async fn is_up_to_date(&self) -> bool {
        if !self.recorder.sees() {
            return false;
        }
        let looked_up = self.look_up().await;
        looked_up.inspect_err(|error| self.recorder.lose_sight(error)).is_ok()
    }

    /// Waits for a statement, and looks at it from beside where it takes long. Gives its place, its
    /// answer, and when the last such look was sent.
    async fn awaited(
        &self,
        statement: &PlannedStatement,
        began: Instant,
        running: impl Future<Output = Result<Done, BackendError>>,
    ) -> (usize, Result<Done, BackendError>, Instant) {
        let at = {
            let mut state = self.recorder.state();
            let from = state.ms(began);
            state.record.start(statement, from)
        };
        if !self.recorder.sees() {
            return (at, running.await, began);
        }
        let (answer, looked) = self.watched(at, began, LATE, running).await;
        (at, answer, looked)
    }

    /// What was seen when a statement had ended.
    fn has_seen(&self, at: usize, seen: &Seen, looked: Instant, ended: Instant, outcome: Outcome) {
        let mut state = self.recorder.state();
        let ended = Ended { looked: state.ms(looked), at: state.ms(ended), outcome };
        state.record.end(at, seen, ended);
    }
}

impl PostgresSession {
    /// The whole transaction at once, with a look behind each statement.
    pub(super) async fn looking(
        &mut self,
        unit: &Unit<'_>,
        tracer: &Tracer,
        audience: &mut dyn Audience,
    ) -> UnitEnd {
        let mut listening = self.listen();
        let ending = self.ending(unit);
        let mut due = tracer.recorder.state().record.statistics_due().is_some();
        let looks =
            |it: &PlannedStatement| [it.text.clone(), tracer.own_look(std::mem::take(&mut due))];
        let statements = unit.statements.iter().flat_map(looks);
        let mut began = Instant::now();
        let answers = match self.send(statements.chain(ending.messages()).collect()).await {
            Ok(answers) => answers,
            Err(error) => return lost(tracer, error),
        };
        let mut answers = answers.into_iter();
        let mut failure = None;
        for (position, statement) in unit.statements.iter().enumerate() {
            let (Some(answer), Some(shown)) = (answers.next(), answers.next()) else { break };
            if failure.is_some() {
                continue;
            }
            let mut said = |notice| audience.said(position, notice);
            let running = listening.until(drained(answer, &statement.tag), &mut said);
            let (at, ended, looked) = tracer.awaited(statement, began, running).await;
            let now = Instant::now();
            let took = now - began;
            let done = match ended {
                Ok(done) => done,
                Err(error @ BackendError::Lost(_)) => return lost(tracer, error),
                Err(error) => {
                    // Its transaction is undone, and nothing behind it runs: that is seen at leisure.
                    if let Some(seen) = tracer.look().await {
                        tracer.has_seen(at, &seen, looked, now, refusal(&error));
                    }
                    failure = Some(failed(Some(position), took, error));
                    continue;
                }
            };
            match listening.until(seen(shown), &mut |_| {}).await {
                Ok(seen) => {
                    tracer.count_alone(&seen);
                    tracer.has_seen(at, &seen, looked, now, Outcome::Done);
                    audience.ended(position, done, took);
                }
                Err(error @ BackendError::Lost(_)) => return lost(tracer, error),
                // Who cancels a migration may hit the look behind its statement.
                Err(error) => failure = Some(failed(Some(position), took, error)),
            }
            began = Instant::now();
        }
        let Some(answer) = answers.next() else {
            return lost(tracer, BackendError::Lost("no answer".to_owned()));
        };
        let last = unit.statements.len();
        let closing = self.closing_answers(answer, answers.collect(), &ending, failure.as_ref());
        let mut said = |notice| audience.said(last, notice);
        let closed = listening.until(closing, &mut said).await;
        let committed = ending.is_committed(&closed);
        self.closed(closed, committed, ending.next, failure)
    }
}

/// The session is gone; whether it had committed, nobody knows.
fn lost(tracer: &Tracer, error: BackendError) -> UnitEnd {
    tracer.end(End::RolledBack);
    UnitEnd::Unknown(error)
}

/// What the session saw.
async fn seen(answer: SimpleQueryStream) -> Result<Seen, BackendError> {
    let mut answer = pin!(answer);
    let mut seen = Seen::default();
    while let Some(message) = answer.next().await {
        if let SimpleQueryMessage::Row(row) = message.map_err(|error| request_error(&error))? {
            take(&row, &mut seen);
        }
    }
    Ok(seen)
}

/// A row of [`Tracer::own_look`].
fn take(row: &SimpleQueryRow, seen: &mut Seen) {
    let column = |at| row.try_get(at).ok().flatten();
    seen.wal = column(2).and_then(position);
    seen.temp = column(3).and_then(|it| it.parse().ok()).unwrap_or(0);
    let relation = column(0).and_then(|it| it.parse().ok());
    // Nobody waits for a predicate lock (`SIReadLock`).
    let mode = column(1).and_then(LockMode::of);
    seen.locks.extend(relation.zip(mode));
}

/// A position in the WAL as PostgreSQL prints it (`16/B374D848`), as a number of bytes.
fn position(text: &str) -> Option<i64> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (i64::from_str_radix(high, 16).ok()?, i64::from_str_radix(low, 16).ok()?);
    Some((high << 32) + low)
}

#[cfg(test)]
mod tests {
    use stopover_model::{SessionUse, StatementPlace};
    use stopover_sql::classify;

    use super::*;

    fn statement(text: &str) -> PlannedStatement {
        PlannedStatement {
            index: 0,
            line: 1,
            column: 1,
            range: 0..text.len(),
            text: text.to_owned(),
            tag: classify(text).tag,
            locks: Vec::new(),
            copy_data: None,
            place: StatementPlace::Anywhere,
            session: SessionUse::Nothing,
        }
    }

    #[test]
    fn behind_what_changes_the_session_or_its_transaction_no_look_is_taken() {
        let changing = [
            "SET ROLE app",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "RESET ALL",
            "DISCARD ALL",
            "SAVEPOINT a",
            "ROLLBACK TO SAVEPOINT a",
            "COMMIT",
            "REVOKE EXECUTE ON FUNCTION pg_lock_status() FROM PUBLIC",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "EXECUTE p",
        ];
        for text in changing {
            assert!(!is_safe_behind(&statement(text)), "{text}");
        }
        for text in ["CREATE TABLE t (a int)", "alter table t add b int", "UPDATE t SET a = 1"] {
            assert!(is_safe_behind(&statement(text)), "{text}");
        }
    }
}
