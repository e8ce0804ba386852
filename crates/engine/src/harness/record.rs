//! The schema's fingerprint: kept at the end of an apply, compared before the next one.

use stopover_backend::{
    Backend, BackendError, CensusScope, FactsRequest, LedgerId, Privileges, SchemaRecord, Session,
};
use stopover_model::{EventSink, Schema};

use crate::apply::open;
use crate::{EngineError, Request};

/// Keeps the schema as it is now in the journal, where there is one, under the run lock.
///
/// # Errors
/// Where the database cannot be reached, read or written, or the lock is not to be had.
pub async fn record_schema<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    sink: &mut dyn EventSink,
) -> Result<(), EngineError> {
    let mut locked = open(backend, request, sink).await?;
    let ledger = locked.ledger().clone();
    let recorded = remember_schema(locked.session(), &ledger, &request.facts).await;
    locked.release().await;
    Ok(recorded?)
}

/// The same in a session that has the lock.
pub(crate) async fn remember_schema<S: Session>(
    session: &mut S,
    ledger: &LedgerId,
    facts: &FactsRequest,
) -> Result<(), BackendError> {
    let schema = canonical(session, facts, Privileges::LeftOut).await?;
    keep_schema(session, ledger, &schema).await
}

/// Keeps a schema that was read after everything that was run.
pub(crate) async fn keep_schema<S: Session>(
    session: &mut S,
    ledger: &LedgerId,
    schema: &Schema,
) -> Result<(), BackendError> {
    let record =
        SchemaRecord { checksum: schema.checksum.clone(), text: Some(schema.to_text()), at: None };
    session.record_schema(ledger, &record).await
}

/// The schema without ledgers and journals.
pub(crate) async fn canonical<S: Session>(
    session: &mut S,
    facts: &FactsRequest,
    privileges: Privileges,
) -> Result<Schema, BackendError> {
    let scope = CensusScope { privileges, ..session.bookkeeping(facts).await? };
    session.schema(&scope).await
}
