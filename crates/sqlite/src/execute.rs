//! Running statements.

use std::pin::pin;

use rusqlite::Connection;
use stopover_backend::{Audience, BackendError, Done, Execute, Unit, UnitEnd, UnitLimits};
use stopover_model::{DatabaseError, ErrorClass, ForeignKeys, Notice, PlannedStatement};
use tokio::sync::mpsc::unbounded_channel;

use crate::error::{commit_error, database_error, request_error};
use crate::held::{Held, Traces};
use crate::lock::Guard;
use crate::session::{SqliteCanceller, SqliteSession};
use crate::unit::{Kept, settle};

/// How many rows without a parent an error lists.
const LISTED: usize = 10;

impl Execute for SqliteSession {
    type Canceller = SqliteCanceller;

    fn canceller(&self) -> SqliteCanceller {
        self.cancel_handle()
    }

    async fn begin(&mut self, limits: &UnitLimits) -> Result<(), BackendError> {
        let limits = *limits;
        self.call(move |held| begin(held, limits)).await?
    }

    async fn limit(&mut self, limits: &UnitLimits) -> Result<(), BackendError> {
        let limits = *limits;
        self.call(move |held| held.limits = limits).await
    }

    async fn execute(
        &mut self,
        statement: &PlannedStatement,
        _said: &mut (dyn FnMut(Notice) + Send),
    ) -> Result<Done, BackendError> {
        let statement = statement.clone();
        self.call(move |held| execute(held, &statement)).await?
    }

    async fn commit(&mut self) -> Result<(), BackendError> {
        self.call(commit).await?
    }

    async fn rollback(&mut self) -> Result<(), BackendError> {
        self.call(rollback).await?
    }

    async fn transaction(
        &mut self,
        unit: &Unit<'_>,
        audience: &mut dyn Audience,
    ) -> Option<UnitEnd> {
        let (tell, mut heard) = unbounded_channel();
        let kept = Kept::of(unit);
        let mut ending = pin!(self.call(move |held| kept.carry_out(held, &tell)));
        let ended = loop {
            tokio::select! {
                biased;
                Some((at, done, took)) = heard.recv() => audience.ended(at, done, took),
                ended = &mut ending => break ended,
            }
        };
        while let Ok((at, done, took)) = heard.try_recv() {
            audience.ended(at, done, took);
        }
        Some(ended.unwrap_or_else(UnitEnd::Unknown))
    }

    async fn settle(&mut self) -> Result<(), BackendError> {
        self.call(settle).await?
    }

    async fn reset(&mut self) -> Result<(), BackendError> {
        self.call(reset).await?
    }
}

/// Takes the write lock at once: a transaction that reads first and writes later can be refused
/// in its middle, whatever the timeout.
pub(crate) fn begin(held: &mut Held, limits: UnitLimits) -> Result<(), BackendError> {
    held.limits = limits;
    if matches!(held.guard, Guard::Free) {
        // A look at what is there, which takes no lock that anybody would notice.
        let Some(connection) = held.reading()? else { return Ok(()) };
        return batch(connection, "BEGIN");
    }
    held.writing()?;
    held.set_foreign_keys(limits.foreign_keys)?;
    let begun = batch(held.writing()?, "BEGIN IMMEDIATE").and_then(|()| held.check_ledger());
    if begun.is_err() {
        rollback(held)?;
    }
    begun
}

fn batch(connection: &Connection, sql: &str) -> Result<(), BackendError> {
    connection.execute_batch(sql).map_err(|error| request_error(&error))
}

pub(crate) fn execute(held: &mut Held, statement: &PlannedStatement) -> Result<Done, BackendError> {
    if leaves_traces(&statement.tag) {
        held.traces = Traces::Maybe;
    }
    let connection = match held.guard {
        Guard::Free => match held.reading()? {
            Some(connection) => connection,
            None => return Ok(Done::default()),
        },
        _ => held.writing()?,
    };
    let ran = run(connection, statement);
    ran.map_err(|error| {
        let mut told = database_error(&error);
        if held.waiting.timed_out() && told.class == ErrorClass::Final {
            let limit = held.limits.statement_timeout.unwrap_or_default();
            told.message = format!("{}: it ran longer than {limit:?}", told.message);
            told.hint = Some("raise the statement timeout, or split the statement".to_owned());
        }
        BackendError::Refused(Box::new(told))
    })
}

/// Runs one statement and lets its rows pass by.
fn run(connection: &Connection, statement: &PlannedStatement) -> rusqlite::Result<Done> {
    let mut prepared = connection.prepare(&statement.text)?;
    let wanted = prepared.parameter_count();
    if wanted > 0 {
        return Err(rusqlite::Error::InvalidParameterCount(0, wanted));
    }
    let mut rows = prepared.raw_query();
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    drop(rows);
    let rows = match statement.tag.as_str() {
        "SELECT" => Some(count),
        "INSERT" | "UPDATE" | "DELETE" => Some(connection.changes()),
        _ => None,
    };
    Ok(Done { rows })
}

/// Whether a statement of this kind may change something that only its connection sees, apart
/// from temporary objects, which are looked for.
fn leaves_traces(tag: &str) -> bool {
    let lasting = [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE TABLE",
        "CREATE VIRTUAL TABLE",
        "CREATE INDEX",
        "CREATE VIEW",
        "CREATE TRIGGER",
        "ALTER TABLE",
        "DROP TABLE",
        "DROP INDEX",
        "DROP VIEW",
        "DROP TRIGGER",
        "EXPLAIN",
        "SAVEPOINT",
        "RELEASE",
        "ROLLBACK",
        "BEGIN",
        "COMMIT",
        "ANALYZE",
        "REINDEX",
        "VACUUM",
    ];
    !lasting.contains(&tag)
}

pub(crate) fn commit(held: &mut Held) -> Result<(), BackendError> {
    held.start();
    if held.limits.foreign_keys == ForeignKeys::CheckedAtCommit {
        check_foreign_keys(held)?;
    }
    let Some(connection) = held.open_connection() else { return Ok(()) };
    connection.execute_batch("COMMIT").map_err(|error| commit_error(&error))?;
    held.mark_known();
    end_of_unit(held)
}

pub(crate) fn rollback(held: &mut Held) -> Result<(), BackendError> {
    held.start();
    if held.in_transaction()
        && let Some(connection) = held.open_connection()
    {
        batch(connection, "ROLLBACK")?;
        held.restore_known();
    }
    end_of_unit(held)
}

/// Foreign keys that were off for a transaction hold again after it.
fn end_of_unit(held: &mut Held) -> Result<(), BackendError> {
    if held.limits.foreign_keys == ForeignKeys::CheckedAtCommit {
        held.limits.foreign_keys = ForeignKeys::Enforced;
        held.set_foreign_keys(ForeignKeys::Enforced)?;
    }
    Ok(())
}

fn reset(held: &mut Held) -> Result<(), BackendError> {
    rollback(held)?;
    held.renew()
}

/// Refuses while a foreign key does not hold: table, row and parent of the first ones are told.
fn check_foreign_keys(held: &Held) -> Result<(), BackendError> {
    let Some(connection) = held.open_connection() else { return Ok(()) };
    let orphans = orphans(connection).map_err(|error| request_error(&error))?;
    let Some(first) = orphans.first() else { return Ok(()) };
    let mut listed: Vec<String> = orphans.iter().take(LISTED).map(ToString::to_string).collect();
    if orphans.len() > LISTED {
        listed.push(format!("and {} more", orphans.len() - LISTED));
    }
    let rows = if orphans.len() == 1 { "row points" } else { "rows point" };
    let error = DatabaseError {
        table: Some(first.table.clone()),
        message: format!(
            "foreign keys do not hold at the migration's end: {} {rows} to no parent \
             (PRAGMA foreign_key_check)",
            orphans.len()
        ),
        detail: Some(listed.join("; ")),
        hint: Some("correct these rows in the migration, before it ends".to_owned()),
        ..DatabaseError::default()
    };
    Err(BackendError::Refused(Box::new(error)))
}

/// A row whose parent is not there.
struct Orphan {
    table: String,
    rowid: Option<i64>,
    parent: String,
}

impl std::fmt::Display for Orphan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rowid {
            Some(rowid) => write!(f, "{} rowid {rowid} → {}", self.table, self.parent),
            None => write!(f, "{} (a table without rowid) → {}", self.table, self.parent),
        }
    }
}

fn orphans(connection: &Connection) -> rusqlite::Result<Vec<Orphan>> {
    let mut check = connection.prepare("PRAGMA main.foreign_key_check")?;
    let rows = check.query_map([], |row| {
        Ok(Orphan { table: row.get(0)?, rowid: row.get(1)?, parent: row.get(2)? })
    })?;
    rows.collect()
}
