//! What was seen of the statements, put into their reports.

use std::collections::HashMap;

use stopover_backend::{StatementTrace, Trace};
use stopover_model::Version;
use stopover_model::report::MigrationReport;

/// Fills in what the trace knows. Of a statement that was tried again the last try counts, as it
/// does in the report.
pub(crate) fn fill(migrations: &mut [MigrationReport], trace: &Trace) {
    let seen: HashMap<(&Version, usize), &StatementTrace> =
        trace.statements.iter().map(|it| ((&it.version, it.index), it)).collect();
    for migration in migrations {
        let mut wal: Option<u64> = None;
        let mut duration: Option<f64> = None;
        for statement in &mut migration.statements {
            let Some(seen) = seen.get(&(&migration.version, statement.index)) else { continue };
            statement.from_ms = Some(seen.from_ms);
            if statement.duration_ms.is_some() {
                // The engine's clock counts the looks as well.
                statement.duration_ms = Some(seen.duration_ms);
            }
            statement.wal_bytes = seen.wal_bytes;
            statement.temp_bytes = seen.temp_bytes;
            statement.locks.clone_from(&seen.locks);
            statement.rewrites.clone_from(&seen.rewrites);
            statement.indexes.clone_from(&seen.indexes);
            statement.scans.clone_from(&seen.scans);
            wal = match (wal, seen.wal_bytes) {
                (sum, Some(bytes)) => Some(sum.unwrap_or(0) + bytes),
                (sum, None) => sum,
            };
            if statement.error.is_none() {
                *duration.get_or_insert(0.0) += seen.duration_ms;
            }
        }
        migration.wal_bytes = wal;
        if migration.duration_ms.is_some() && duration.is_some() {
            migration.duration_ms = duration;
        }
    }
}
