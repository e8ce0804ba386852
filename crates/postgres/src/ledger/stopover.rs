//! Our own ledger. Its columns are a contract: `docs/ledger.md`.

use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerRow, NewLedgerRow, Provenance, RowState, TOOL_VERSION, Version,
};
use tokio_postgres::SimpleQueryRow;

use super::form::{Form, epoch, moment};
use super::{journal, milliseconds};
use crate::literal::{literal, optional, value};
use crate::session::{lent, text};

/// Its form.
pub(super) struct Stopover;

impl Form for Stopover {
    fn create(&self, ledger: &LedgerId) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\
               version bigint PRIMARY KEY, \
               name text NOT NULL, \
               applied_at timestamptz NOT NULL DEFAULT pg_catalog.now(), \
               checksum text NULL, \
               provenance text NOT NULL CHECK (provenance IN ('applied', 'assumed', 'manual')), \
               duration_ms double precision NULL, \
               applied_by text NOT NULL DEFAULT session_user, \
               tool_version text NOT NULL);{journal}",
            table = ledger.qualified,
            journal = journal::create(ledger),
        )
    }

    fn select(&self, ledger: &LedgerId) -> String {
        format!(
            "SELECT version, name, {}, checksum, provenance FROM {}",
            epoch("applied_at"),
            ledger.qualified
        )
    }

    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>> {
        found.iter().map(row).collect()
    }

    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String> {
        vec![format!(
            "INSERT INTO {table} (version, name, checksum, provenance, duration_ms, tool_version) \
             VALUES ({version}, {name}, {checksum}, {provenance}, {duration}, {tool})",
            table = ledger.qualified,
            version = row.version,
            name = value(&row.name),
            checksum = optional(row.checksum.as_ref().map(Checksum::hex)),
            provenance = literal(row.provenance.name()),
            duration = milliseconds(row),
            tool = literal(TOOL_VERSION),
        )]
    }

    fn restamp(
        &self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Option<String> {
        Some(format!(
            "UPDATE {} SET name = {}, checksum = {} WHERE version = {version}",
            ledger.qualified,
            value(name),
            optional(checksum.map(Checksum::hex)),
        ))
    }
}

/// Reads a row of the select.
fn row(row: &SimpleQueryRow) -> Option<LedgerRow> {
    Some(LedgerRow {
        version: Version::Integer(lent(row, 0)?.parse().ok()?),
        name: text(row, 1),
        applied_at: moment(row, 2),
        checksum: text(row, 3).map(Checksum::Sha256),
        provenance: Provenance::parse(lent(row, 4)?)?,
        state: RowState::Done,
    })
}
