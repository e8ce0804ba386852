//! refinery's ledger, written exactly as refinery writes it.
//!
//! Source: refinery 0.9, `refinery_core/src/traits/mod.rs`: the time is text in RFC 3339, the
//! checksum the decimal digits of a number, and the version `int4`, or `int8` where refinery is
//! built with `int8-versions`. The number depends on that.

use rusqlite::{Connection, Result, Row, params};
use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerRow, NewLedgerRow, Provenance, RowState, Version, VersionWidth,
};

use super::form::{Form, Named, rename};

/// Its form.
pub(super) struct Refinery;

impl Form for Refinery {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {}(\n             \
               version int4 PRIMARY KEY,\n             \
               name VARCHAR(255),\n             \
               applied_on VARCHAR(255),\n             \
               checksum VARCHAR(255))",
            ledger.qualified
        )
    }

    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>> {
        let width = width(connection, ledger)?;
        let table = &ledger.qualified;
        let sql =
            format!("SELECT version, name, applied_on, checksum FROM {table} ORDER BY version");
        connection.prepare(&sql)?.query_map([], |it| row(it, width))?.collect()
    }

    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()> {
        let table = &ledger.qualified;
        let sql = format!(
            "INSERT INTO {table} (version, name, applied_on, checksum) VALUES (?1, ?2, ?3, ?4)"
        );
        let now = jiff::Timestamp::now().to_string();
        let digits = row.checksum.as_ref().map(Checksum::hex);
        let values = params![row.version.as_integer(), row.name, now, digits];
        connection.execute(&sql, values).map(|_| ())
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

/// How wide the version's column is.
pub(crate) fn width(connection: &Connection, ledger: &LedgerId) -> Result<VersionWidth> {
    let sql = "SELECT count(*) FROM pragma_table_info(?1, 'main') \
               WHERE name = 'version' AND lower(type) IN ('int8', 'bigint')";
    let wide: i64 = connection.query_row(sql, [&ledger.table], |row| row.get(0))?;
    Ok(if wide > 0 { VersionWidth::Int8 } else { VersionWidth::Int4 })
}

fn row(row: &Row<'_>, width: VersionWidth) -> Result<LedgerRow> {
    Ok(LedgerRow {
        version: Version::Integer(row.get(0)?),
        name: row.get(1)?,
        applied_at: row.get::<_, Option<String>>(2)?.and_then(|at| at.parse().ok()),
        checksum: row.get::<_, Option<String>>(3)?.map(|digits| Checksum::Sip13 { digits, width }),
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}
