//! Diesel's ledger, written exactly as Diesel writes it.
//!
//! Source: diesel 2, `diesel/src/migration/mod.rs` and `diesel_migrations/src/migration_harness.rs`: the
//! version is text, `run_on` is a timestamp without zone that the server fills in. Every connection
//! of Diesel's is in UTC (`set_config_options` in `diesel/src/pg/connection/mod.rs`), ours is not.

use stopover_backend::LedgerId;
use stopover_model::{LedgerRow, NewLedgerRow, Provenance, RowState, Version};
use tokio_postgres::SimpleQueryRow;

use super::form::Form;
use crate::literal::literal;
use crate::session::text;

/// Its form.
pub(super) struct Diesel;

impl Form for Diesel {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\
               version VARCHAR(50) PRIMARY KEY NOT NULL, \
               run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
            ledger.qualified
        )
    }

    fn select(&self, ledger: &LedgerId) -> String {
        format!(
            "SELECT version, pg_catalog.to_char(run_on, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
             FROM {} ORDER BY version COLLATE \"C\"",
            ledger.qualified
        )
    }

    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>> {
        found.iter().map(row).collect()
    }

    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String> {
        let version = literal(&row.version.to_string());
        vec![format!(
            "INSERT INTO {} (version, run_on) \
             VALUES ({version}, pg_catalog.timezone('UTC', pg_catalog.now()))",
            ledger.qualified
        )]
    }

    fn forget(&self, ledger: &LedgerId, version: &Version) -> String {
        let version = literal(&version.to_string());
        format!("DELETE FROM {} WHERE version = {version}", ledger.qualified)
    }
}

/// Reads a row of the select.
fn row(row: &SimpleQueryRow) -> Option<LedgerRow> {
    Some(LedgerRow {
        version: Version::Text(text(row, 0)?),
        name: None,
        applied_at: text(row, 1).and_then(|at| at.parse().ok()),
        checksum: None,
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}
