//! The schema that an apply left, as lines of the journal: the checksum, and the schema itself
//! where it is not too long. They belong to no version.

use rusqlite::{Connection, OptionalExtension};
use stopover_backend::{BackendError, LedgerId, SchemaMemory, SchemaRecord, kept, unpacked};

use super::journal::{self, Line, keeps_scripts};
use super::{is_there, journal_table};
use crate::error::request_error;
use crate::literal::qualified;
use crate::session::SqliteSession;

impl SchemaMemory for SqliteSession {
    async fn record_schema(
        &mut self,
        ledger: &LedgerId,
        record: &SchemaRecord,
    ) -> Result<(), BackendError> {
        let (ledger, record) = (ledger.clone(), record.clone());
        self.call(move |held| {
            let written = write(held.writing()?, &ledger, &record);
            written.map_err(|error| request_error(&error))
        })
        .await?
    }

    async fn recorded_schema(
        &mut self,
        ledger: &LedgerId,
    ) -> Result<Option<SchemaRecord>, BackendError> {
        let ledger = ledger.clone();
        self.call(move |held| {
            let Some(connection) = held.reading()? else { return Ok(None) };
            last(connection, &ledger).map_err(|error| request_error(&error))
        })
        .await?
    }
}

/// Nothing where there is no journal, or where its last line says the same.
fn write(
    connection: &Connection,
    ledger: &LedgerId,
    record: &SchemaRecord,
) -> rusqlite::Result<()> {
    if !is_there(connection, &journal_table(ledger))? {
        return Ok(());
    }
    if last(connection, ledger)?.is_some_and(|it| it.checksum == record.checksum) {
        return Ok(());
    }
    let script = record.text.as_deref().and_then(kept);
    journal::insert(connection, ledger, &Line::of_schema(&record.checksum, script))
}

fn last(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<Option<SchemaRecord>> {
    if !is_there(connection, &journal_table(ledger))? {
        return Ok(None);
    }
    let script = if keeps_scripts(connection, ledger)? { "script" } else { "NULL" };
    let sql = format!(
        "SELECT checksum_after, {script}, at FROM {} WHERE ledger = ?1 AND event = ?2 \
         ORDER BY id DESC LIMIT 1",
        qualified(&journal_table(ledger))
    );
    let read = |row: &rusqlite::Row<'_>| {
        let kept: Option<Vec<u8>> = row.get(1)?;
        Ok(SchemaRecord {
            checksum: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
            text: kept.as_deref().and_then(unpacked),
            at: journal::timestamp(&row.get::<_, String>(2)?),
        })
    };
    connection.query_row(&sql, [&ledger.table, journal::SCHEMA_EVENT], read).optional()
}
