//! Our own ledger. Its columns are a contract: `docs/ledger.md`.

use rusqlite::{Connection, Row, params};
use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerRow, NewLedgerRow, Provenance, RowState, TOOL_VERSION, Version,
};

use super::journal::{self, NOW, actor};

/// Makes ledger and journal where they are not there.
pub(super) fn create(ledger: &LedgerId) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (\
           version INTEGER PRIMARY KEY, \
           name TEXT NOT NULL, \
           applied_at TEXT NOT NULL DEFAULT ({NOW}), \
           checksum TEXT NULL, \
           provenance TEXT NOT NULL CHECK (provenance IN ('applied', 'assumed', 'manual')), \
           duration_ms REAL NULL, \
           applied_by TEXT NOT NULL, \
           tool_version TEXT NOT NULL);{journal}",
        table = ledger.qualified,
        journal = journal::create(ledger),
    )
}

/// All rows, ascending.
pub(super) fn read(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<Vec<LedgerRow>> {
    let table = &ledger.qualified;
    let sql = format!(
        "SELECT version, name, applied_at, checksum, provenance FROM {table} ORDER BY version"
    );
    let mut select = connection.prepare(&sql)?;
    select.query_map([], row)?.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
    let provenance: String = row.get(4)?;
    Ok(LedgerRow {
        version: Version::Integer(row.get(0)?),
        name: row.get(1)?,
        applied_at: row.get::<_, String>(2)?.parse().ok(),
        checksum: row.get::<_, Option<String>>(3)?.map(Checksum::Sha256),
        provenance: Provenance::parse(&provenance).ok_or(rusqlite::Error::InvalidQuery)?,
        state: RowState::Done,
    })
}

/// Records a migration.
pub(super) fn insert(
    connection: &Connection,
    ledger: &LedgerId,
    row: &NewLedgerRow,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO {} (version, name, checksum, provenance, duration_ms, applied_by, \
         tool_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        ledger.qualified
    );
    let values = params![
        row.version.as_integer(),
        row.name,
        row.checksum.as_ref().map(Checksum::hex),
        row.provenance.name(),
        row.duration_ms,
        actor(),
        TOOL_VERSION,
    ];
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
    let table = &ledger.qualified;
    let sql = format!("UPDATE {table} SET name = ?2, checksum = ?3 WHERE version = ?1");
    let checksum = checksum.map(Checksum::hex);
    connection.execute(&sql, params![version.as_integer(), name, checksum]).map(|_| ())
}
