//! sqlx's ledger, written exactly as sqlx writes it.
//!
//! Source: sqlx 0.8 and 0.9, `sqlx-sqlite/src/migrate.rs`: the table's form, `description` with
//! blanks for underscores, SHA-384 of the file's bytes as a blob, `execution_time` in nanoseconds.
//! On SQLite, sqlx itself never writes `success = false`; it stops at a row that says so.

use rusqlite::{Connection, Row, params};
use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerKind, LedgerRow, NewLedgerRow, Provenance, RowState, Version,
};

use super::journal::timestamp;

/// Makes the table as sqlx does.
pub(super) fn create(ledger: &LedgerId) -> String {
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

/// All rows, ascending.
pub(super) fn read(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<Vec<LedgerRow>> {
    let sql = format!(
        "SELECT version, description, installed_on, lower(hex(checksum)), success FROM {} \
         ORDER BY version",
        ledger.qualified
    );
    let mut select = connection.prepare(&sql)?;
    select.query_map([], row)?.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
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

/// Records a migration; a row that marked it as begun becomes the row of its success. A row that
/// says success already is not ours to change: the primary key refuses.
pub(super) fn insert(
    connection: &Connection,
    ledger: &LedgerId,
    row: &NewLedgerRow,
) -> rusqlite::Result<()> {
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
    write(connection, ledger, (&row.version, &row.name, row.checksum.as_ref()), (true, nanoseconds))
}

/// Marks a non-transactional migration as begun.
pub(super) fn insert_dirty(
    connection: &Connection,
    ledger: &LedgerId,
    version: &Version,
    name: &str,
    checksum: Option<&Checksum>,
) -> rusqlite::Result<()> {
    write(connection, ledger, (version, name, checksum), (false, -1))
}

fn write(
    connection: &Connection,
    ledger: &LedgerId,
    (version, name, checksum): (&Version, &str, Option<&Checksum>),
    (success, nanoseconds): (bool, i64),
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO {} (version, description, success, checksum, execution_time) \
         VALUES (?1, ?2, ?3, unhex(?4), ?5)",
        ledger.qualified
    );
    let description = LedgerKind::Sqlx.stored_name(name).unwrap_or_default();
    let hex = checksum.map_or("", Checksum::hex);
    let values = params![version.as_integer(), description, success, hex, nanoseconds];
    connection.execute(&sql, values).map(|_| ())
}

/// Gives a row a new name and checksum.
pub(super) fn restamp(
    connection: &Connection,
    ledger: &LedgerId,
    version: &Version,
    name: &str,
    checksum: Option<&Checksum>,
) -> rusqlite::Result<()> {
    let Some(checksum) = checksum else { return Ok(()) };
    let table = &ledger.qualified;
    let sql =
        format!("UPDATE {table} SET description = ?2, checksum = unhex(?3) WHERE version = ?1");
    let description = LedgerKind::Sqlx.stored_name(name).unwrap_or_default();
    let values = params![version.as_integer(), description, checksum.hex()];
    connection.execute(&sql, values).map(|_| ())
}
