//! sqlx's ledger, written exactly as sqlx writes it.
//!
//! Source: sqlx 0.8 and 0.9, `sqlx-sqlite/src/migrate.rs`: the table's form, `description` with
//! blanks for underscores, SHA-384 of the file's bytes as a blob, `execution_time` in nanoseconds.
//! On SQLite, sqlx itself never writes `success = false`; it stops at a row that says so.

use rusqlite::{Connection, Result, Row, params};
use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerKind, LedgerRow, NewLedgerRow, Provenance, RowState, Version,
};

use super::form::{Form, Named, rename};
use super::journal::timestamp;

/// Its form.
pub(super) struct Sqlx;

impl Form for Sqlx {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n    \
               version BIGINT PRIMARY KEY,\n    \
               description TEXT NOT NULL,\n    \
               installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    \
               success BOOLEAN NOT NULL,\n    \
               checksum BLOB NOT NULL,\n    \
               execution_time BIGINT NOT NULL\n)",
            ledger.qualified
        )
    }

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let sql = format!(
            "SELECT version, description, installed_on, lower(hex(checksum)), success FROM {} \
             ORDER BY version",
            ledger.qualified
        );
        connection.prepare(&sql)?.query_map([], row)?.collect()
    }

    /// A row that says success already is not ours to change: the primary key refuses.
    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
        // Nanoseconds of any duration that a migration can have fit an i64 (292 years).
        #[allow(clippy::cast_possible_truncation)]
        let nanoseconds = (row.duration_ms.unwrap_or_default() * 1e6) as i64;
        let begun = format!(
            "UPDATE {} SET success = TRUE, execution_time = ?2 WHERE version = ?1 AND NOT success",
            ledger.qualified
        );
        if connection.execute(&begun, params![row.version.as_integer(), nanoseconds])? > 0 {
            return Ok(());
        }
        let checksum = row.checksum.as_ref();
        let named = Named { version: &row.version, name: &row.name, checksum };
        write(connection, ledger, &named, (true, nanoseconds))
    }

    fn begin(&self, connection: &Connection, ledger: &LedgerId, named: &Named<'_>) -> Result<()> {
        write(connection, ledger, named, (false, -1))
    }

    fn restamp(
        &self,
        connection: &Connection,
        ledger: &LedgerId,
        named: &Named<'_>,
    ) -> Result<Option<u64>> {
        let columns = ("description", "checksum = coalesce(unhex(?3), checksum)");
        rename(connection, ledger, columns, named, &description(named.name))
    }
}

fn description(name: &str) -> String {
    LedgerKind::Sqlx.stored_name(name).unwrap_or_default()
}

fn write(
    connection: &Connection,
    ledger: &LedgerId,
    named: &Named<'_>,
    (success, nanoseconds): (bool, i64),
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (version, description, success, checksum, execution_time) \
         VALUES (?1, ?2, ?3, unhex(?4), ?5)",
        ledger.qualified
    );
    let hex = named.checksum.map_or("", Checksum::hex);
    let version = named.version.as_integer();
    let values = params![version, description(named.name), success, hex, nanoseconds];
    connection.execute(&sql, values).map(|_| ())
}

fn row(row: &Row<'_>) -> Result<LedgerRow> {
    let state = if row.get(4)? {
        RowState::Done
    } else {
        RowState::Dirty("its row says success = false".to_owned())
    };
    Ok(LedgerRow {
        version: Version::Integer(row.get(0)?),
        name: row.get(1)?,
        applied_at: timestamp(&row.get::<_, String>(2)?),
        checksum: Some(Checksum::Sha384(row.get(3)?)),
        provenance: Provenance::Applied,
        state,
    })
}
