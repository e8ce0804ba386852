//! Flyway's ledger, written exactly as Flyway writes it.
//!
//! Source: Flyway 11, `SQLiteDatabase.java` (the table; there are no users), and, as everywhere,
//! `JdbcTableSchemaHistory.java`, `SchemaHistory.java` (rows) and `CoreMigrationType.java`
//! (types). A row for each event, in the order of `installed_rank`: what a version is follows
//! from all of its rows. A repeatable migration has no version and a row for each time it ran.

use rusqlite::{Connection, Result, Row, params};
use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerKind, LedgerRow, NewLedgerRow, Provenance, RowState, Version,
};

use super::form::{Form, Named};
use super::journal::timestamp;
use crate::literal::identifier;

/// Its form.
pub(super) struct Flyway;

impl Form for Flyway {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\n    \
               \"installed_rank\" INT NOT NULL PRIMARY KEY,\n    \
               \"version\" VARCHAR(50),\n    \
               \"description\" VARCHAR(200) NOT NULL,\n    \
               \"type\" VARCHAR(20) NOT NULL,\n    \
               \"script\" VARCHAR(1000) NOT NULL,\n    \
               \"checksum\" INT,\n    \
               \"installed_by\" VARCHAR(100) NOT NULL,\n    \
               \"installed_on\" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),\n    \
               \"execution_time\" INT NOT NULL,\n    \
               \"success\" BOOLEAN NOT NULL\n);\
             CREATE INDEX IF NOT EXISTS \"main\".{index} ON {plain} (\"success\")",
            table = ledger.qualified,
            index = identifier(&format!("{}_s_idx", ledger.table)),
            plain = identifier(&ledger.table),
        )
    }

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let mut rows: Vec<LedgerRow> = Vec::new();
        for event in events(connection, ledger)? {
            rows.retain(|row| event.is_neutral() || row.version != event.version);
            if let Change::Row(row) = event.change {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
        for event in events(connection, ledger)? {
            let begun = matches!(&event.change, Change::Row(it) if it.state != RowState::Done);
            if begun && event.version == row.version {
                delete(connection, ledger, event.rank)?;
            }
        }
        // Milliseconds of any duration that a migration can have fit an i64.
        #[allow(clippy::cast_possible_truncation)]
        let milliseconds = row.duration_ms.unwrap_or_default() as i64;
        let checksum = row.checksum.as_ref();
        let named = Named { version: &row.version, name: &row.name, checksum };
        write(connection, ledger, &named, &row.file, (milliseconds, true))
    }

    /// The script's name is guessed from version and name: the row is replaced when it ends.
    fn begin(&self, connection: &Connection, ledger: &LedgerId, named: &Named<'_>) -> Result<()> {
        let script = match named.version {
            Version::Repeatable(_) => format!("R__{}.sql", named.name),
            version => format!("V{version}__{}.sql", named.name),
        };
        write(connection, ledger, named, &script, (0, false))
    }

    fn restamp(
        &self,
        connection: &Connection,
        ledger: &LedgerId,
        named: &Named<'_>,
    ) -> Result<Option<u64>> {
        let table = &ledger.qualified;
        let sql = format!(
            "UPDATE {table} SET description = ?2, checksum = CAST(?3 AS INTEGER) \
             WHERE installed_rank = ?1"
        );
        let digits = named.checksum.map(Checksum::hex);
        let mut rows = 0;
        for event in events(connection, ledger)?.iter().filter(|it| it.version == *named.version) {
            rows +=
                connection.execute(&sql, params![event.rank, description(named.name), digits])?;
        }
        Ok(Some(rows as u64))
    }

    fn forget(&self, connection: &Connection, ledger: &LedgerId, version: &Version) -> Result<()> {
        let events = events(connection, ledger)?;
        let mut of_it = events.iter().filter(|it| it.version == *version);
        of_it.try_for_each(|it| delete(connection, ledger, it.rank))
    }
}

fn description(name: &str) -> String {
    LedgerKind::Flyway.stored_name(name).unwrap_or_default()
}

fn delete(connection: &Connection, ledger: &LedgerId, rank: i64) -> Result<()> {
    let sql = format!("DELETE FROM {} WHERE installed_rank = ?1", ledger.qualified);
    connection.execute(&sql, [rank]).map(|_| ())
}

fn write(
    connection: &Connection,
    ledger: &LedgerId,
    named: &Named<'_>,
    script: &str,
    (milliseconds, success): (i64, bool),
) -> Result<()> {
    let table = &ledger.qualified;
    let sql = format!(
        "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, \
         installed_by, execution_time, success) \
         SELECT coalesce(max(installed_rank), 0) + 1, ?1, ?2, 'SQL', ?3, CAST(?4 AS INTEGER), '', \
         ?5, ?6 FROM {table}"
    );
    let version = match named.version {
        Version::Repeatable(_) => None,
        version => Some(version.to_string()),
    };
    let digits = named.checksum.map(Checksum::hex);
    let script = abbreviated(script);
    let values = params![version, description(named.name), script, digits, milliseconds, success];
    connection.execute(&sql, values).map(|_| ())
}

/// `AbbreviationUtils.abbreviateScript`: the column holds 1000 characters.
fn abbreviated(script: &str) -> String {
    const LIMIT: usize = 1000;
    if script.chars().count() <= LIMIT {
        return script.to_owned();
    }
    format!("...{}", script.chars().take(LIMIT).skip(3).collect::<String>())
}

/// A row, and what it tells of its version.
struct Event {
    rank: i64,
    version: Version,
    change: Change,
}

enum Change {
    /// Nothing about migrations: Flyway made the schema, or an undo failed.
    None,
    /// It ran, or failed to, or stands for all before it.
    Row(LedgerRow),
    /// It was taken back, or is said to be gone.
    Gone,
}

impl Event {
    fn is_neutral(&self) -> bool {
        matches!(self.change, Change::None)
    }
}

fn events(connection: &Connection, ledger: &LedgerId) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT installed_rank, version, description, type, checksum, success, installed_on \
         FROM {} ORDER BY installed_rank",
        ledger.qualified
    );
    connection.prepare(&sql)?.query_map([], event)?.collect()
}

fn event(row: &Row<'_>) -> Result<Event> {
    let (description, kind): (String, String) = (row.get(2)?, row.get(3)?);
    let success: bool = row.get(5)?;
    let version = match row.get::<_, Option<String>>(1)? {
        Some(text) => Version::flyway(&text).ok_or(rusqlite::Error::InvalidQuery)?,
        None => Version::Repeatable(description.clone()),
    };
    let ledger_row = LedgerRow {
        version: version.clone(),
        name: Some(description),
        applied_at: timestamp(&row.get::<_, String>(6)?),
        checksum: row.get::<_, Option<i64>>(4)?.map(|it| Checksum::Crc32(it.to_string())),
        provenance: Provenance::Applied,
        state: RowState::Done,
    };
    let change = match kind.as_str() {
        "SCHEMA" => Change::None,
        "DELETE" => Change::Gone,
        undo if undo.starts_with("UNDO") => {
            if success {
                Change::Gone
            } else {
                Change::None
            }
        }
        // A baseline migration, too, stands for every version up to its own.
        baseline if baseline.ends_with("BASELINE") => Change::Row(LedgerRow {
            checksum: None,
            provenance: Provenance::Assumed,
            state: RowState::Baseline,
            ..ledger_row
        }),
        _ if success => Change::Row(ledger_row),
        _ => {
            let state = RowState::Dirty("its row says success = false".to_owned());
            Change::Row(LedgerRow { state, ..ledger_row })
        }
    };
    Ok(Event { rank: row.get(0)?, version, change })
}
