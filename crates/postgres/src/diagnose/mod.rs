//! Explains failures: who held a lock, which rows a statement fails on.

mod offending;

use stopover_backend::{Diagnose, Offending};
use stopover_model::{DatabaseError, LockHolder, PlannedStatement};

use crate::literal::literal;
use crate::lock::{HOLDER_COLUMNS, holder_of};
use crate::session::PostgresSession;

impl Diagnose for PostgresSession {
    async fn offending(
        &mut self,
        before: &[PlannedStatement],
        failing: &PlannedStatement,
        error: &DatabaseError,
    ) -> Option<Offending> {
        self.offending_rows(before, failing, error).await
    }

    async fn lock_holders(&mut self, statement: &PlannedStatement) -> Vec<LockHolder> {
        let relations: Vec<String> =
            statement.locks.iter().map(|lock| literal(&lock.relation)).collect();
        if relations.is_empty() {
            return Vec::new();
        }
        let sql = format!(
            "SELECT DISTINCT {HOLDER_COLUMNS} FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.granted \
             AND l.pid <> pg_catalog.pg_backend_pid() \
             AND l.relation IN (SELECT pg_catalog.to_regclass(name)::oid \
               FROM pg_catalog.unnest(ARRAY[{}]) AS wanted(name)) LIMIT 5",
            relations.join(", ")
        );
        // Best effort: the failure is told with or without its culprit.
        let sets = self.rows(&sql).await.unwrap_or_default();
        sets.first().map(|rows| rows.iter().map(holder_of).collect()).unwrap_or_default()
    }
}
