//! Finds out how far an interrupted non-transactional migration came. Writes nothing.
//!
//! What cannot be in a transaction is little in SQLite, and most of it may simply run again. The
//! rest nobody can tell from the catalog.

use stopover_backend::{BackendError, LedgerId, Recall, Recover, unpacked};
use stopover_model::{Interrupted, PlannedStatement, StatementState, Version};

use crate::error::request_error;
use crate::ledger;
use crate::session::SqliteSession;

impl Recall for SqliteSession {
    async fn scripts(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> Result<Vec<String>, BackendError> {
        let (ledger, version) = (ledger.clone(), version.clone());
        self.call(move |held| {
            let Some(connection) = held.reading()? else { return Ok(Vec::new()) };
            let kept = ledger::scripts(connection, &ledger, &version);
            let kept = kept.map_err(|error| request_error(&error))?;
            Ok(kept.iter().filter_map(|it| unpacked(it)).collect())
        })
        .await?
    }
}

impl Recover for SqliteSession {
    async fn interrupted(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> Result<Interrupted, BackendError> {
        let (ledger, version) = (ledger.clone(), version.clone());
        self.call(move |held| {
            let Some(connection) = held.reading()? else { return Ok(Interrupted::default()) };
            let entries = ledger::entries(connection, &ledger, &version);
            Ok(Interrupted { entries: entries.map_err(|error| request_error(&error))? })
        })
        .await?
    }

    async fn state_of(
        &mut self,
        statement: &PlannedStatement,
    ) -> Result<StatementState, BackendError> {
        let is_repeatable = match statement.tag.as_str() {
            "PRAGMA" => true,
            // VACUUM INTO refuses a file that is there, and half of one may be.
            "VACUUM" => !statement.text.to_ascii_uppercase().contains("INTO"),
            _ => false,
        };
        if is_repeatable {
            return Ok(StatementState::Absent("running it once more does no harm".to_owned()));
        }
        Ok(StatementState::Unknown(format!(
            "nobody can tell from the catalog whether {} at line {} took effect",
            statement.tag, statement.line
        )))
    }
}
