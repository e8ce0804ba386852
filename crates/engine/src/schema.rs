//! The canonical schema of one database, for comparing it with another.

use stopover_backend::{Backend, FactsRequest, Privileges, Stop};
use stopover_model::Schema;

use crate::EngineError;
use crate::harness::{canonical, in_own_session};

/// Every object of the user schemas. Ledgers of every tool, and journals and counters, are left
/// out. Takes no lock and writes nothing.
///
/// # Errors
/// Where the database cannot be reached or read, and where a signal asks to stop.
pub async fn schema<B: Backend>(
    backend: &B,
    facts: &FactsRequest,
    privileges: Privileges,
    stop: &Stop,
) -> Result<Schema, EngineError> {
    let looking = in_own_session(backend, stop, |mut session| async move {
        Ok(canonical(&mut session, facts, privileges).await?)
    });
    looking.await
}
