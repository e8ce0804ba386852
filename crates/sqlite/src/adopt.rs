//! Taking over another tool's history: golang-migrate's counters, and rows for our own ledger.

use rusqlite::{Connection, params};
use stopover_backend::{Adopt, BackendError, Counter, CounterRow, LedgerId};
use stopover_model::{Checksum, LedgerRow, TOOL_VERSION};

use crate::error::request_error;
use crate::facts::trackers;
use crate::ledger::{actor, note_adopted};
use crate::literal::qualified;
use crate::session::SqliteSession;

impl Adopt for SqliteSession {
    async fn counters(&mut self) -> Result<Vec<Counter>, BackendError> {
        self.call(|held| {
            let Some(connection) = held.reading()? else { return Ok(Vec::new()) };
            counters(connection).map_err(|error| request_error(&error))
        })
        .await?
    }

    async fn take_over(
        &mut self,
        ledger: &LedgerId,
        rows: &[LedgerRow],
        from: &str,
    ) -> Result<(), BackendError> {
        let (ledger, rows, from) = (ledger.clone(), rows.to_vec(), from.to_owned());
        self.call(move |held| {
            let connection = held.writing()?;
            rows.iter()
                .try_for_each(|row| take_over(connection, &ledger, row, &from))
                .map_err(|error| request_error(&error))?;
            held.remember(&ledger)
        })
        .await?
    }

    async fn drop_counter(&mut self, counter: &Counter) -> Result<(), BackendError> {
        let counter = counter.clone();
        self.call(move |held| {
            let connection = held.writing()?;
            // Only what is a counter, found again, and says what was taken over.
            let refused = |error: rusqlite::Error| request_error(&error);
            if counters(connection).map_err(refused)?.contains(&counter) {
                let sql = format!("DROP TABLE {}", qualified(&counter.table));
                return connection.execute_batch(&sql).map_err(refused);
            }
            Err(BackendError::Settings {
                message: format!("{} does not say any more what was taken over", counter.table),
                remedy: "another runner is at work: run the command again when it has ended"
                    .to_owned(),
            })
        })
        .await?
    }
}

fn counters(connection: &Connection) -> rusqlite::Result<Vec<Counter>> {
    let read = |table: String| {
        let sql = format!("SELECT version, dirty FROM {} ORDER BY 1", qualified(&table));
        let mut select = connection.prepare(&sql)?;
        let rows = select
            .query_map([], |row| Ok(CounterRow { version: row.get(0)?, dirty: row.get(1)? }))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Counter { table, rows })
    };
    trackers(connection)?.into_iter().map(read).collect()
}

fn take_over(
    connection: &Connection,
    ledger: &LedgerId,
    row: &LedgerRow,
    from: &str,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO {} (version, name, applied_at, checksum, provenance, applied_by, \
         tool_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        ledger.qualified
    );
    let values = params![
        row.version.as_integer(),
        row.name.as_deref().unwrap_or_default(),
        row.applied_at.unwrap_or_else(jiff::Timestamp::now).to_string(),
        row.checksum.as_ref().map(Checksum::hex),
        row.provenance.name(),
        actor(),
        TOOL_VERSION,
    ];
    connection.prepare_cached(&sql)?.execute(values)?;
    note_adopted(connection, ledger, row, from)
}
