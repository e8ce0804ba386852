//! goose's ledger, written exactly as goose writes it.
//!
//! Source: goose 3, `internal/dialects/sqlite3.go` and `provider_run.go`. A row for each change:
//! the last one of a version says whether it is applied. Today's goose deletes rows when it goes
//! down; older ones added a row with `is_applied = 0`. Version 0 is the empty database, and goose
//! wants its row.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result};
use stopover_backend::LedgerId;
use stopover_model::{LedgerRow, NewLedgerRow, Provenance, RowState, Version};

use super::form::Form;
use super::journal::timestamp;

/// Its form. It keeps neither names nor checksums.
pub(super) struct Goose;

impl Form for Goose {
    fn create(&self, ledger: &LedgerId) -> String {
        let table = &ledger.qualified;
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\n\
             \t\tid INTEGER PRIMARY KEY AUTOINCREMENT,\n\
             \t\tversion_id INTEGER NOT NULL,\n\
             \t\tis_applied INTEGER NOT NULL,\n\
             \t\ttstamp TIMESTAMP DEFAULT (datetime('now'))\n\t);\
             INSERT INTO {table} (version_id, is_applied) SELECT 0, 1 \
             WHERE NOT EXISTS (SELECT 1 FROM {table})"
        )
    }

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let table = &ledger.qualified;
        let sql = format!("SELECT version_id, is_applied, tstamp FROM {table} ORDER BY id");
        let mut select = connection.prepare(&sql)?;
        let mut rows = select.query([])?;
        let mut applied: BTreeMap<i64, Option<String>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let version: i64 = row.get(0)?;
            if row.get(1)? && version != 0 {
                applied.insert(version, row.get(2)?);
            } else {
                applied.remove(&version);
            }
        }
        let row = |(version, at): (i64, Option<String>)| LedgerRow {
            version: Version::Integer(version),
            name: None,
            applied_at: at.as_deref().and_then(timestamp),
            checksum: None,
            provenance: Provenance::Applied,
            state: RowState::Done,
        };
        Ok(applied.into_iter().map(row).collect())
    }

    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
        let table = &ledger.qualified;
        let sql = format!("INSERT INTO {table} (version_id, is_applied) VALUES (?1, 1)");
        connection.execute(&sql, [row.version.as_integer()]).map(|_| ())
    }

    fn forget(&self, connection: &Connection, ledger: &LedgerId, version: &Version) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE version_id = ?1", ledger.qualified);
        connection.execute(&sql, [version.as_integer()]).map(|_| ())
    }
}
