//! sqlx's ledger, written exactly as sqlx writes it.
//!
//! Source: sqlx 0.8 and 0.9, `sqlx-postgres/src/migrate.rs`: the table's form, `description` with
//! blanks for underscores, SHA-384 of the file's bytes, `execution_time` in nanoseconds, and
//! `success = false` for a migration that began and did not end.

use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerKind, LedgerRow, NewLedgerRow, Provenance, RowState, Version,
};
use tokio_postgres::SimpleQueryRow;

use super::form::{Form, epoch, moment};
use super::milliseconds;
use crate::literal::{literal, value};
use crate::session::{lent, text, truth};

/// Its form.
pub(super) struct Sqlx;

impl Form for Sqlx {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\
               version BIGINT PRIMARY KEY, \
               description TEXT NOT NULL, \
               installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), \
               success BOOLEAN NOT NULL, \
               checksum BYTEA NOT NULL, \
               execution_time BIGINT NOT NULL)",
            ledger.qualified
        )
    }

    fn select(&self, ledger: &LedgerId) -> String {
        format!(
            "SELECT version, description, {}, pg_catalog.encode(checksum, 'hex'), success FROM {}",
            epoch("installed_on"),
            ledger.qualified
        )
    }

    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>> {
        found.iter().map(row).collect()
    }

    /// A row of success that is there already is a conflict, and the server's error: sqlx takes
    /// another lock than we do, so that it may have run the same migration meanwhile.
    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String> {
        let nanoseconds = format!("({} * 1e6)::bigint", milliseconds(row));
        let values = values(&row.version, &row.name, row.checksum.as_ref(), true, &nanoseconds);
        let (table, version) = (&ledger.qualified, &row.version);
        vec![
            format!("DELETE FROM {table} WHERE version = {version} AND NOT success"),
            format!(
                "INSERT INTO {table} (version, description, success, checksum, execution_time) \
                 VALUES {values}"
            ),
        ]
    }

    fn begin(
        &self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Option<String> {
        let values = values(version, name, checksum, false, "-1");
        Some(format!(
            "INSERT INTO {} (version, description, success, checksum, execution_time) VALUES {values}",
            ledger.qualified
        ))
    }

    fn restamp(
        &self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Option<String> {
        let checksum = checksum?;
        let description = LedgerKind::Sqlx.stored_name(name).unwrap_or_default();
        Some(format!(
            "UPDATE {} SET description = {}, checksum = pg_catalog.decode({}, 'hex') \
             WHERE version = {version}",
            ledger.qualified,
            value(&description),
            literal(checksum.hex()),
        ))
    }
}

/// Reads a row of the select.
fn row(row: &SimpleQueryRow) -> Option<LedgerRow> {
    let state = if truth(row, 4) {
        RowState::Done
    } else {
        RowState::Dirty("its row says success = false".to_owned())
    };
    Some(LedgerRow {
        version: Version::Integer(lent(row, 0)?.parse().ok()?),
        name: text(row, 1),
        applied_at: moment(row, 2),
        checksum: text(row, 3).map(Checksum::Sha384),
        provenance: Provenance::Applied,
        state,
    })
}

fn values(
    version: &Version,
    name: &str,
    checksum: Option<&Checksum>,
    success: bool,
    nanoseconds: &str,
) -> String {
    let description = LedgerKind::Sqlx.stored_name(name).unwrap_or_default();
    let hex = checksum.map_or("", Checksum::hex);
    format!(
        "({version}, {}, {success}, pg_catalog.decode({}, 'hex'), {nanoseconds})",
        value(&description),
        literal(hex)
    )
}
