//! The canonical schema of one database, for comparing it with another.

use stopover_backend::{
    Backend, Bookkeeping, Census, CensusScope, Execute, FactsRequest, Privileges, Stop,
};
use stopover_model::Schema;

use crate::EngineError;
use crate::statement::unless_stopped;

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
    let mut session = backend.connect().await?;
    let canceller = session.canceller();
    let reading = async {
        let scope = CensusScope { privileges, ..session.bookkeeping(facts).await? };
        session.schema(&scope).await
    };
    let read = unless_stopped(&canceller, reading, stop).await;
    Ok(read.map_err(EngineError::Stopped)??)
}
