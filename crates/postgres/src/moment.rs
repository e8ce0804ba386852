//! One moment of the database that several sessions and programs see: an exported snapshot.
//!
//! Source: PostgreSQL's documentation, "Snapshot Synchronization Functions". The moment can be
//! shared for as long as the session that exports it stays in its transaction.

use stopover_backend::BackendError;

use crate::session::{PostgresSession, text};

/// No time-out of the server's may end the transaction while others read its moment.
const EXPORT: &str = "\
    BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE;\
    SET LOCAL statement_timeout = 0;\
    SET LOCAL idle_in_transaction_session_timeout = 0;\
    SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings \
      WHERE name = 'transaction_timeout';\
    SELECT pg_catalog.pg_export_snapshot()";

impl PostgresSession {
    /// Opens a transaction, and names its moment: `pg_dump --snapshot` and
    /// [`PostgresSession::share_moment`] take it, until this session ends.
    ///
    /// # Errors
    /// When the server refuses or is lost.
    pub async fn export_moment(&mut self) -> Result<String, BackendError> {
        let sets = self.rows(EXPORT).await?;
        let id = sets.last().and_then(|rows| rows.first()).and_then(|row| text(row, 0));
        id.ok_or_else(|| BackendError::Lost("the server named no snapshot".to_owned()))
    }

    /// Every census of this session is taken in that moment from now on.
    pub fn share_moment(&mut self, id: String) {
        self.moment = Some(id);
    }
}
