//! What every kind of ledger has: the SQL that makes, reads and writes it.

use jiff::Timestamp;
use stopover_backend::LedgerId;
use stopover_model::{Checksum, LedgerKind, LedgerRow, NewLedgerRow, Version};
use tokio_postgres::SimpleQueryRow;

use super::{
    dbmate::Dbmate, diesel::Diesel, flyway::Flyway, goose::Goose, refinery::Refinery, sqlx::Sqlx,
    stopover::Stopover,
};
use crate::session::lent;

/// One kind of ledger, as text in SQL.
pub(super) trait Form: Sync {
    /// Makes the table where it is not there, as its tool does. Its schema is there.
    fn create(&self, ledger: &LedgerId) -> String;

    /// Selects all rows.
    fn select(&self, ledger: &LedgerId) -> String;

    /// Reads the rows of [`Form::select`]; `None` where one is not of this form.
    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>>;

    /// Records a migration; a row that marked it as begun goes. The statements, one by one.
    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String>;

    /// Marks a non-transactional migration as begun, where the ledger can say so.
    fn begin(
        &self,
        _ledger: &LedgerId,
        _version: &Version,
        _name: &str,
        _checksum: Option<&Checksum>,
    ) -> Option<String> {
        None
    }

    /// Gives a row another name and checksum, where the ledger keeps either.
    fn restamp(
        &self,
        _ledger: &LedgerId,
        _version: &Version,
        _name: &str,
        _checksum: Option<&Checksum>,
    ) -> Option<String> {
        None
    }

    /// Removes what the ledger says of a version.
    fn forget(&self, ledger: &LedgerId, version: &Version) -> String {
        format!("DELETE FROM {} WHERE version = {version}", ledger.qualified)
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

/// A moment as seconds since 1970: the server writes them much faster than a date, of which a
/// long ledger has thousands.
pub(super) fn epoch(column: &str) -> String {
    format!("pg_catalog.date_part('epoch', {column})")
}

/// Reads what [`epoch`] gives; `None` for NULL and for infinity.
pub(super) fn moment(row: &SimpleQueryRow, column: usize) -> Option<Timestamp> {
    let seconds: f64 = lent(row, column)?.parse().ok()?;
    // Microseconds of our time have 51 bits: a double holds each of them.
    #[allow(clippy::cast_possible_truncation)]
    let microseconds = (seconds.is_finite()).then_some((seconds * 1e6).round() as i64)?;
    Timestamp::from_microsecond(microseconds).ok()
}

/// A `timestamp` column without a zone, which its tool fills with `now()`: a time in the session's
/// zone, which is the server's default. As text, in UTC.
pub(super) fn local_time(column: &str) -> String {
    format!(
        "pg_catalog.to_char({column} AT TIME ZONE pg_catalog.current_setting('TimeZone') \
         AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    )
}
