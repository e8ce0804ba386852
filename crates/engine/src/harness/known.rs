//! The target's schema before the first step, for everybody who asks.

use std::time::Duration;

use stopover_backend::{FactsRequest, Privileges, Session};
use stopover_model::Schema;
use stopover_model::harness::Fact;

use super::reading::in_time;
use super::record::canonical;
use crate::EngineError;

/// The canonical schema, read when it is first asked for. Under the run lock, and as long as nothing
/// of the plan has run, it need not be read again.
#[derive(Debug)]
pub(crate) struct KnownSchema {
    limit: Duration,
    schema: Option<Schema>,
}

impl KnownSchema {
    /// Nothing is known yet; it is to be read within `limit`.
    pub(crate) const fn unread(limit: Duration) -> Self {
        Self { limit, schema: None }
    }

    /// The schema. What could not be read is asked for again the next time.
    ///
    /// # Errors
    /// Where the session is lost.
    pub(crate) async fn read<S: Session>(
        &mut self,
        session: &mut S,
        facts: &FactsRequest,
    ) -> Result<Fact<&Schema>, EngineError> {
        let schema = match self.schema.take() {
            Some(schema) => Fact::Read(schema),
            None => {
                let canceller = session.canceller();
                let reading = canonical(session, facts, Privileges::LeftOut);
                in_time(&canceller, self.limit, reading).await?
            }
        };
        Ok(schema.map(|it| &*self.schema.insert(it)))
    }
}
