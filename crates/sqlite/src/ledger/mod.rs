//! The ledgers: our own, and other tools' used in place.
//!
//! Each kind has a file with the same functions (see [`form::Form`]) over a connection. SQLite has no schemas: the
//! schema of the settings is the beginning of our tables' names, `stopover_applied_migrations`
//! and `stopover_migration_journal`. Every statement names the main database, so that a temporary
//! table of a script's never stands for the ledger.

mod dbmate;
mod diesel;
mod fingerprint;
mod flyway;
mod form;
mod goose;
mod journal;
mod refinery;
mod sqlx;
mod stopover;

use form::Named;
pub(crate) use journal::actor;
pub(crate) use refinery::width;
use rusqlite::Connection;
use stopover_backend::{
    BackendError, JournalEvent, JournalNote, LedgerEditor, LedgerId, LedgerWriter,
};
use stopover_model::{
    Checksum, Healed, JournalEntry, LedgerKind, LedgerRow, NewLedgerRow, Step, Version,
};

use crate::error::{code, request_error};
use crate::held::Held;
use crate::literal::qualified;
use crate::session::SqliteSession;

/// sqlx's table.
pub(crate) const SQLX_TABLE: &str = "_sqlx_migrations";
/// goose's table.
pub(crate) const GOOSE_TABLE: &str = "goose_db_version";
/// dbmate's table.
pub(crate) const DBMATE_TABLE: &str = "schema_migrations";
/// Flyway's table.
pub(crate) const FLYWAY_TABLE: &str = "flyway_schema_history";
/// refinery's table.
pub(crate) const REFINERY_TABLE: &str = "refinery_schema_history";
/// Diesel's table.
pub(crate) const DIESEL_TABLE: &str = "__diesel_schema_migrations";
/// What our own tables' names begin with, where not set.
pub(crate) const OWN_PREFIX: &str = "stopover";
/// Our own ledger without that beginning, where not set.
pub(crate) const OWN_TABLE: &str = "applied_migrations";
/// The journal without that beginning.
const JOURNAL_TABLE: &str = "migration_journal";

/// The name of the journal that goes with a ledger.
pub(crate) fn journal_table(ledger: &LedgerId) -> String {
    let prefix = match ledger.kind {
        LedgerKind::Stopover => &ledger.schema,
        _ => OWN_PREFIX,
    };
    format!("{prefix}_{JOURNAL_TABLE}")
}

/// A ledger of this kind and name.
pub(crate) fn ledger_id(kind: LedgerKind, schema: &str, table: &str) -> LedgerId {
    LedgerId {
        kind,
        qualified: qualified(table),
        schema: schema.to_owned(),
        table: table.to_owned(),
    }
}

/// Whether a table of this name is in the main database. Asks the parsed schema, which finds a
/// name at once: `sqlite_schema` is read row by row.
pub(crate) fn is_there(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1, 'main'))";
    connection.prepare_cached(sql)?.query_row([table], |row| row.get(0))
}

/// Reads the rows of a ledger; dirty versions of the journal are part of them.
pub(crate) fn read(
    connection: &Connection,
    ledger: &LedgerId,
) -> Result<Vec<LedgerRow>, BackendError> {
    let rows = form::of(ledger.kind).read(connection, ledger);
    let mut rows = rows.map_err(|error| unreadable(ledger, &error))?;
    let journal = journal_table(ledger);
    if is_there(connection, &journal).map_err(|error| request_error(&error))? {
        let dirty = journal::dirty(connection, ledger);
        for dirty in dirty.map_err(|error| request_error(&error))? {
            dirty.merge_into(&mut rows, ledger.kind);
        }
    }
    rows.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(rows)
}

/// Every heal that the journal tells of, oldest first.
pub(crate) fn healed(
    connection: &Connection,
    ledger: &LedgerId,
) -> Result<Vec<Healed>, BackendError> {
    let healed = || {
        if !is_there(connection, &journal_table(ledger))? {
            return Ok(Vec::new());
        }
        journal::healed(connection, ledger)
    };
    healed().map_err(|error: rusqlite::Error| request_error(&error))
}

/// The up scripts of a version that the journal keeps, the newest first.
pub(crate) fn scripts(
    connection: &Connection,
    ledger: &LedgerId,
    version: &Version,
) -> rusqlite::Result<Vec<Vec<u8>>> {
    journal::scripts(connection, ledger, version)
}

/// Writes into the journal that a row was taken over.
pub(crate) fn note_adopted(
    connection: &Connection,
    ledger: &LedgerId,
    row: &LedgerRow,
    from: &str,
) -> rusqlite::Result<()> {
    journal::insert(connection, ledger, &journal::Line::adopted(row, from))
}

/// What the journal says of `version` since it was last settled.
pub(crate) fn entries(
    connection: &Connection,
    ledger: &LedgerId,
    version: &Version,
) -> rusqlite::Result<Vec<JournalEntry>> {
    if !is_there(connection, &journal_table(ledger))? {
        return Ok(Vec::new());
    }
    journal::entries(connection, ledger, version)
}

fn unreadable(ledger: &LedgerId, error: &rusqlite::Error) -> BackendError {
    if code(error).is_some() {
        return request_error(error);
    }
    BackendError::Settings {
        message: format!("{} holds a row that is not of {}'s form", ledger.table, ledger.kind),
        remedy: "look at the table; name another ledger with --ledger".to_owned(),
    }
}

impl LedgerWriter for SqliteSession {
    async fn create_ledger(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        let ledger = ledger.clone();
        self.call(move |held| {
            in_transaction(held, &form::of(ledger.kind).create(&ledger))?;
            held.remember(&ledger)
        })
        .await?
    }

    async fn create_journal(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        let ledger = ledger.clone();
        self.call(move |held| in_transaction(held, &journal::create(&ledger))).await?
    }

    async fn update_journal(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        let ledger = ledger.clone();
        self.call(move |held| {
            let connection = held.writing()?;
            let is_older = is_there(connection, &journal_table(&ledger))
                .and_then(|there| Ok(there && !journal::keeps_scripts(connection, &ledger)?));
            if is_older.map_err(|error| request_error(&error))? {
                in_transaction(held, &journal::update(&ledger))?;
            }
            Ok(())
        })
        .await?
    }

    async fn journal(
        &mut self,
        ledger: &LedgerId,
        step: &Step,
        event: &JournalEvent,
    ) -> Result<(), BackendError> {
        let event = journal::Line::of_step(step, event);
        let ledger = ledger.clone();
        self.call(move |held| write(held, |it| journal::insert(it, &ledger, &event))).await?
    }

    async fn mark_dirty(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Result<(), BackendError> {
        let (ledger, version, name) = (ledger.clone(), version.clone(), name.to_owned());
        let checksum = checksum.cloned();
        self.call(move |held| {
            held.check_ledger()?;
            let named = Named { version: &version, name: &name, checksum: checksum.as_ref() };
            write(held, |it| form::of(ledger.kind).begin(it, &ledger, &named))?;
            held.remember(&ledger)
        })
        .await?
    }

    async fn record(&mut self, ledger: &LedgerId, row: &NewLedgerRow) -> Result<(), BackendError> {
        let (ledger, row) = (ledger.clone(), row.clone());
        self.call(move |held| record(held, &ledger, &row)).await?
    }
}

impl LedgerEditor for SqliteSession {
    async fn forget(&mut self, ledger: &LedgerId, version: &Version) -> Result<(), BackendError> {
        let (ledger, version) = (ledger.clone(), version.clone());
        self.call(move |held| {
            write(held, |it| form::of(ledger.kind).forget(it, &ledger, &version))?;
            held.remember(&ledger)
        })
        .await?
    }

    async fn restamp(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Result<(), BackendError> {
        let (ledger, version, name) = (ledger.clone(), version.clone(), name.to_owned());
        let checksum = checksum.cloned();
        self.call(move |held| {
            let named = Named { version: &version, name: &name, checksum: checksum.as_ref() };
            let restamp = |it: &Connection| form::of(ledger.kind).restamp(it, &ledger, &named);
            match write(held, restamp)? {
                Some(rows) => ledger.changed_one(&version, rows),
                None => Ok(()),
            }
        })
        .await?
    }

    async fn note(&mut self, ledger: &LedgerId, note: &JournalNote) -> Result<(), BackendError> {
        let line = journal::Line::of_note(note);
        let ledger = ledger.clone();
        self.call(move |held| write(held, |it| journal::insert(it, &ledger, &line))).await?
    }
}

/// Writes in the transaction that is open, or by itself.
fn write<T>(
    held: &mut Held,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, BackendError> {
    work(held.writing()?).map_err(|error| request_error(&error))
}

/// Runs statements as one transaction of their own.
/// In the transaction that is open, or in one of its own.
fn in_transaction(held: &mut Held, sql: &str) -> Result<(), BackendError> {
    let connection = held.writing()?;
    if !connection.is_autocommit() {
        return connection.execute_batch(sql).map_err(|error| request_error(&error));
    }
    let done = connection.execute_batch(&format!("BEGIN IMMEDIATE;{sql};COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(|error| request_error(&error))?;
    }
    done.map_err(|error| request_error(&error))
}

/// Records a migration, in the transaction that is open or by itself.
pub(crate) fn record(
    held: &mut Held,
    ledger: &LedgerId,
    row: &NewLedgerRow,
) -> Result<(), BackendError> {
    write(held, |connection| {
        // Row and journal line belong together, also where no transaction is open.
        connection.execute_batch("SAVEPOINT stopover_record")?;
        let written = insert(connection, ledger, row);
        if written.is_err() {
            connection.execute_batch("ROLLBACK TO stopover_record")?;
        }
        connection.execute_batch("RELEASE stopover_record")?;
        written
    })?;
    held.remember(ledger)
}

fn insert(connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> rusqlite::Result<()> {
    form::of(ledger.kind).insert(connection, ledger, row)?;
    if is_there(connection, &journal_table(ledger))? {
        journal::insert(connection, ledger, &journal::Line::applied(row))?;
    }
    Ok(())
}
