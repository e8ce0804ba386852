//! The schema that an apply left, as lines of the journal: the checksum, and the schema itself
//! where it is not too long. They belong to no version.

use stopover_backend::{BackendError, LedgerId, SchemaMemory, SchemaRecord, unpacked};
use stopover_model::TOOL_VERSION;
use tokio_postgres::SimpleQueryRow;

use super::as_ourselves;
use super::journal::{self, Keeps};
use crate::literal::{literal, value};
use crate::session::{JournalState, PostgresSession, text};

/// As the journal's column spells it.
const EVENT: &str = "schema";

impl SchemaMemory for PostgresSession {
    async fn record_schema(
        &mut self,
        ledger: &LedgerId,
        record: &SchemaRecord,
    ) -> Result<(), BackendError> {
        let keeps = match self.journals.get(ledger) {
            Some(JournalState::Present) => Keeps::Scripts,
            Some(JournalState::Older) => Keeps::Lines,
            Some(JournalState::Absent) | None => return Ok(()),
        };
        self.run(&as_ourselves(&insert(ledger, record, keeps))).await
    }

    async fn recorded_schema(
        &mut self,
        ledger: &LedgerId,
    ) -> Result<Option<SchemaRecord>, BackendError> {
        let script = match self.journals.get(ledger) {
            Some(JournalState::Present) => "pg_catalog.encode(j.script, 'hex')",
            Some(JournalState::Older) => "NULL",
            Some(JournalState::Absent) | None => return Ok(None),
        };
        let sets = self.rows(&select(ledger, script)).await?;
        Ok(sets.first().and_then(|rows| rows.first()).and_then(read))
    }
}

/// The last line of its kind; `script` is the expression of what was kept.
fn select(ledger: &LedgerId, script: &str) -> String {
    format!(
        "SELECT {script}, j.checksum_after, \
           pg_catalog.to_char(j.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
         FROM {table} j WHERE j.ledger = {ledger} AND j.event = {event} ORDER BY j.id DESC LIMIT 1",
        table = journal::table(ledger),
        ledger = value(&ledger.qualified),
        event = literal(EVENT),
    )
}

fn read(row: &SimpleQueryRow) -> Option<SchemaRecord> {
    Some(SchemaRecord {
        checksum: text(row, 1)?,
        text: journal::script(row).as_deref().and_then(unpacked),
        at: text(row, 2).and_then(|at| at.parse().ok()),
    })
}

/// Nothing where the last line says the same.
fn insert(ledger: &LedgerId, record: &SchemaRecord, keeps: Keeps) -> String {
    let (column, script) = keeps.script(record.text.as_deref());
    let checksum = literal(&record.checksum);
    format!(
        "INSERT INTO {table} (ledger, version, name, event, checksum_after, tool_version{column}) \
         SELECT {ledger}, '', '', {event}, {checksum}, {tool}{script} \
         WHERE {checksum} IS DISTINCT FROM (SELECT j.checksum_after FROM {table} j \
           WHERE j.ledger = {ledger} AND j.event = {event} ORDER BY j.id DESC LIMIT 1)",
        table = journal::table(ledger),
        ledger = value(&ledger.qualified),
        event = literal(EVENT),
        tool = literal(TOOL_VERSION),
    )
}
