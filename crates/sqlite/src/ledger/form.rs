//! What every kind of ledger has: how it is made, read and written.

use rusqlite::{Connection, Result, params};
use stopover_backend::LedgerId;
use stopover_model::{Checksum, LedgerKind, LedgerRow, NewLedgerRow, Version};

use super::{
    dbmate::Dbmate, diesel::Diesel, flyway::Flyway, goose::Goose, refinery::Refinery, sqlx::Sqlx,
    stopover::Stopover,
};

/// A migration as a ledger may name it.
pub(super) struct Named<'a> {
    pub(super) version: &'a Version,
    pub(super) name: &'a str,
    pub(super) checksum: Option<&'a Checksum>,
}

/// One kind of ledger, over a connection.
pub(super) trait Form: Sync {
    /// The statements that make the table where it is not there, as its tool does.
    fn create(&self, ledger: &LedgerId) -> String;

    /// All rows. [`rusqlite::Error::InvalidQuery`] where one is not of this form.
    fn read(&self, connection: &Connection, ledger: &LedgerId) -> Result<Vec<LedgerRow>>;

    /// Records a migration; a row that marked it as begun goes.
    fn insert(&self, connection: &Connection, ledger: &LedgerId, row: &NewLedgerRow) -> Result<()>;

    /// Marks a non-transactional migration as begun, where the ledger can say so.
    fn begin(&self, _: &Connection, _: &LedgerId, _: &Named<'_>) -> Result<()> {
        Ok(())
    }

    /// Gives a row another name and checksum, where the ledger keeps either: how many rows it met.
    fn restamp(&self, _: &Connection, _: &LedgerId, _: &Named<'_>) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Removes what the ledger says of a version.
    fn forget(&self, connection: &Connection, ledger: &LedgerId, version: &Version) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE version = ?1", ledger.qualified);
        match version.as_integer() {
            Some(version) => connection.execute(&sql, [version])?,
            None => connection.execute(&sql, [version.to_string()])?,
        };
        Ok(())
    }
}

/// The form of a kind.
pub(super) fn of(kind: LedgerKind) -> &'static dyn Form {
    match kind {
        LedgerKind::Stopover => &Stopover,
        LedgerKind::Sqlx => &Sqlx,
        LedgerKind::Diesel => &Diesel,
        LedgerKind::Goose => &Goose,
        LedgerKind::Dbmate => &Dbmate,
        LedgerKind::Flyway => &Flyway,
        LedgerKind::Refinery => &Refinery,
    }
}

/// Gives the row of a version another name and checksum, in the columns that are named.
pub(super) fn rename(
    connection: &Connection,
    ledger: &LedgerId,
    columns: (&str, &str),
    named: &Named<'_>,
    stored_name: &str,
) -> Result<Option<u64>> {
    let (name, checksum) = columns;
    let sql = format!("UPDATE {} SET {name} = ?2, {checksum} WHERE version = ?1", ledger.qualified);
    let digits = named.checksum.map(Checksum::hex);
    let rows =
        connection.execute(&sql, params![named.version.as_integer(), stored_name, digits])?;
    Ok(Some(rows as u64))
}
