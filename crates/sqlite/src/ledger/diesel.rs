//! Diesel's ledger, written exactly as Diesel writes it.
//!
//! Source: diesel 2, `diesel/src/migration/mod.rs` and
//! `diesel_migrations/src/migration_harness.rs`: the version is text, `run_on` is a timestamp in
//! UTC that SQLite fills in.

use rusqlite::{Connection, Result, Row};
use stopover_backend::LedgerId;
use stopover_model::{LedgerRow, NewLedgerRow, Provenance, RowState, Version};

use super::form::Form;
use super::journal::timestamp;

/// Its form. It keeps neither names nor checksums.
pub(super) struct Diesel;

impl Form for Diesel {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n       \
               version VARCHAR(50) PRIMARY KEY NOT NULL,\n       \
               run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP\n)",
            ledger.qualified
        )
    }

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let table = &ledger.qualified;
        let sql = format!("SELECT CAST(version AS TEXT), run_on FROM {table} ORDER BY version");
        connection.prepare(&sql)?.query_map([], row)?.collect()
    }

    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
        let sql = format!("INSERT INTO {} (version) VALUES (?1)", ledger.qualified);
        connection.execute(&sql, [row.version.to_string()]).map(|_| ())
    }
}

fn row(row: &Row<'_>) -> Result<LedgerRow> {
    Ok(LedgerRow {
        version: Version::Text(row.get(0)?),
        name: None,
        applied_at: timestamp(&row.get::<_, String>(1)?),
        checksum: None,
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}
