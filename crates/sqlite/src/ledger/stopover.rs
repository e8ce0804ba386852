//! Our own ledger. Its columns are a contract: `docs/ledger.md`.

use rusqlite::{Connection, Result, Row, params};
use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerRow, NewLedgerRow, Provenance, RowState, TOOL_VERSION, Version,
};

use super::form::{Form, Named, rename};
use super::journal::{self, NOW, actor};

/// Its form.
pub(super) struct Stopover;

impl Form for Stopover {
    fn create(&self, ledger: &LedgerId) -> String {
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

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let table = &ledger.qualified;
        let sql = format!(
            "SELECT version, name, applied_at, checksum, provenance FROM {table} ORDER BY version"
        );
        connection.prepare(&sql)?.query_map([], row)?.collect()
    }

    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
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
        connection.prepare_cached(&sql)?.execute(values).map(|_| ())
    }

    fn restamp(
        &self,
        connection: &Connection,
        ledger: &LedgerId,
        named: &Named<'_>,
    ) -> Result<Option<u64>> {
        rename(connection, ledger, ("name", "checksum = ?3"), named, named.name)
    }
}

fn row(row: &Row<'_>) -> Result<LedgerRow> {
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
