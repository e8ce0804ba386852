//! refinery's ledger, written exactly as refinery writes it.
//!
//! Source: refinery 0.9, `refinery_core/src/traits/mod.rs`: the time is text in RFC 3339, the
//! checksum the decimal digits of a number, and the version `int4`, or `int8` where refinery is
//! built with `int8-versions`. The number depends on that.

use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerRow, NewLedgerRow, Provenance, RowState, Version, VersionWidth,
};
use tokio_postgres::SimpleQueryRow;

use super::form::Form;
use crate::literal::{literal, optional, value};
use crate::session::text;

/// Its form.
pub(super) struct Refinery;

/// The type of the version's column, where it is the wide one.
pub(crate) const WIDE: &str = "bigint";

impl Form for Refinery {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\
               version int4 PRIMARY KEY, \
               name VARCHAR(255), \
               applied_on VARCHAR(255), \
               checksum VARCHAR(255))",
            ledger.qualified
        )
    }

    fn select(&self, ledger: &LedgerId) -> String {
        format!(
            "SELECT version, name, applied_on, checksum, pg_catalog.pg_typeof(version) FROM {} \
             ORDER BY version",
            ledger.qualified
        )
    }

    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>> {
        found.iter().map(row).collect()
    }

    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String> {
        vec![format!(
            "INSERT INTO {} (version, name, applied_on, checksum) VALUES ({}, {}, \
             pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', \
               'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), {})",
            ledger.qualified,
            row.version,
            value(&row.name),
            optional(row.checksum.as_ref().map(Checksum::hex)),
        )]
    }

    fn restamp(
        &self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Option<String> {
        let checksum = checksum?;
        Some(format!(
            "UPDATE {} SET name = {}, checksum = {} WHERE version = {version}",
            ledger.qualified,
            value(name),
            literal(checksum.hex()),
        ))
    }
}

fn row(row: &SimpleQueryRow) -> Option<LedgerRow> {
    let is_wide = text(row, 4)?.ends_with(WIDE);
    let width = if is_wide { VersionWidth::Int8 } else { VersionWidth::Int4 };
    Some(LedgerRow {
        version: Version::Integer(text(row, 0)?.parse().ok()?),
        name: text(row, 1),
        applied_at: text(row, 2).and_then(|at| at.parse().ok()),
        checksum: text(row, 3).map(|digits| Checksum::Sip13 { digits, width }),
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}
