//! dbmate's ledger, written exactly as dbmate writes it.
//!
//! Source: dbmate 2, `pkg/driver/postgres/postgres.go`: one column, the digits of the file's name
//! as they are written there. For dbmate `1` and `001` are two versions, so the digits are kept.

use stopover_backend::LedgerId;
use stopover_model::{LedgerRow, NewLedgerRow, Provenance, RowState, Version};
use tokio_postgres::SimpleQueryRow;

use super::form::Form;
use crate::literal::literal;
use crate::session::text;

/// Its form.
pub(super) struct Dbmate;

impl Form for Dbmate {
    fn create(&self, ledger: &LedgerId) -> String {
        format!("CREATE TABLE IF NOT EXISTS {} (version varchar PRIMARY KEY)", ledger.qualified)
    }

    fn select(&self, ledger: &LedgerId) -> String {
        format!("SELECT version FROM {}", ledger.qualified)
    }

    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>> {
        found.iter().map(row).collect()
    }

    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String> {
        let digits = literal(&written(row));
        vec![format!("INSERT INTO {} (version) VALUES ({digits})", ledger.qualified)]
    }

    fn forget(&self, ledger: &LedgerId, version: &Version) -> String {
        format!("DELETE FROM {} WHERE version ~ '^0*{version}$'", ledger.qualified)
    }
}

/// The version as the file's name spells it.
fn written(row: &NewLedgerRow) -> String {
    let name = row.file.rsplit('/').next().unwrap_or_default();
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    let is_this = Version::integer(&name[..end]).as_ref() == Some(&row.version);
    if is_this { name[..end].to_owned() } else { row.version.to_string() }
}

fn row(row: &SimpleQueryRow) -> Option<LedgerRow> {
    Some(LedgerRow {
        version: Version::integer(&text(row, 0)?)?,
        name: None,
        applied_at: None,
        checksum: None,
        provenance: Provenance::Applied,
        state: RowState::Done,
    })
}
