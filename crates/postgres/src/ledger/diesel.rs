//! Diesel's ledger, written exactly as Diesel writes it.
//!
//! Source: diesel 2, `diesel/src/migration/mod.rs` and `diesel_migrations/src/migration_harness.rs`: the
//! version is text, `run_on` is a timestamp without zone that the server fills in.

use stopover_backend::LedgerId;
use stopover_model::{Checksum, LedgerRow, NewLedgerRow, Provenance, RowState, Version};
use tokio_postgres::SimpleQueryRow;

use crate::literal::literal;
use crate::session::text;

/// Makes the table as Diesel does.
pub(super) fn create(ledger: &LedgerId) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\
           version VARCHAR(50) PRIMARY KEY NOT NULL, \
           run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        ledger.qualified
    )
}

/// All rows, ascending. `run_on` is in the session's time zone, which is the server's default.
pub(super) fn select(ledger: &LedgerId) -> String {
    format!(
        "SELECT version, \
         pg_catalog.to_char(run_on AT TIME ZONE pg_catalog.current_setting('TimeZone') \
           AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
         FROM {} ORDER BY version COLLATE \"C\"",
        ledger.qualified
    )
}

/// Reads a row of [`select`].
pub(super) fn row(row: &SimpleQueryRow) -> Option<LedgerRow> {
    Some(LedgerRow {
        version: Version::Text(text(row, 0)?),
        name: None,
        applied_at: text(row, 1).and_then(|at| at.parse().ok()),
        checksum: None,
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}

/// Records a migration.
pub(super) fn insert(ledger: &LedgerId, row: &NewLedgerRow) -> String {
    let version = literal(&row.version.to_string());
    format!("INSERT INTO {} (version) VALUES ({version})", ledger.qualified)
}

/// Diesel keeps neither name nor checksum: there is nothing to change.
pub(super) const fn restamp(
    _: &LedgerId,
    _: &Version,
    _: &str,
    _: Option<&Checksum>,
) -> Option<String> {
    None
}
