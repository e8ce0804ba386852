//! dbmate's ledger, written exactly as dbmate writes it.
//!
//! Source: dbmate 2, `pkg/driver/sqlite/sqlite.go`: one column, the digits of the file's name as
//! they are written there. For dbmate `1` and `001` are two versions, so the digits are kept.

use rusqlite::{Connection, Result, Row};
use stopover_backend::LedgerId;
use stopover_model::{LedgerRow, NewLedgerRow, Provenance, RowState, Version};

use super::form::Form;

/// Its form. It keeps neither names nor checksums.
pub(super) struct Dbmate;

impl Form for Dbmate {
    fn create(&self, ledger: &LedgerId) -> String {
        let table = &ledger.qualified;
        format!("CREATE TABLE IF NOT EXISTS {table} (version varchar(128) primary key)")
    }

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let sql = format!("SELECT CAST(version AS TEXT) FROM {}", ledger.qualified);
        connection.prepare(&sql)?.query_map([], row)?.collect()
    }

    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
        let sql = format!("INSERT INTO {} (version) VALUES (?1)", ledger.qualified);
        connection.execute(&sql, [written(row)]).map(|_| ())
    }

    fn forget(&self, connection: &Connection, ledger: &LedgerId, version: &Version) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE CAST(version AS INTEGER) = ?1", ledger.qualified);
        connection.execute(&sql, [version.as_integer()]).map(|_| ())
    }
}

/// The version as the file's name spells it.
fn written(row: &NewLedgerRow) -> String {
    let name = row.file.rsplit('/').next().unwrap_or_default();
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    let is_this = Version::integer(&name[..end]).as_ref() == Some(&row.version);
    if is_this { name[..end].to_owned() } else { row.version.to_string() }
}

fn row(row: &Row<'_>) -> Result<LedgerRow> {
    let digits: String = row.get(0)?;
    Ok(LedgerRow {
        version: Version::integer(&digits).ok_or(rusqlite::Error::InvalidQuery)?,
        name: None,
        applied_at: None,
        checksum: None,
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}
