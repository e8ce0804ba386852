//! Explains failures: which rows a statement fails on.

mod offending;

use stopover_backend::{Diagnose, Offending};
use stopover_model::{DatabaseError, LockHolder, PlannedStatement};

use crate::session::SqliteSession;

impl Diagnose for SqliteSession {
    async fn offending(
        &mut self,
        before: &[PlannedStatement],
        failing: &PlannedStatement,
        error: &DatabaseError,
    ) -> Option<Offending> {
        let (before, failing, error) = (before.to_vec(), failing.clone(), error.clone());
        let found = self.call(move |held| offending::rows(held, &before, &failing, &error));
        found.await.ok().flatten()
    }

    /// SQLite does not tell who holds its locks.
    async fn lock_holders(&mut self, _: &PlannedStatement) -> Vec<LockHolder> {
        Vec::new()
    }
}
