//! A whole transaction of a session that is observed. Where the session cannot look for itself
//! ([`super::within`]) each statement is waited for, so that what it holds can be seen; what comes
//! behind the last is sent at once, as it is without an observer.

use std::time::{Duration, Instant};

use stopover_backend::{Audience, BackendError, Unit, UnitEnd};

use super::{End, Tracer, within};
use crate::session::PostgresSession;

impl PostgresSession {
    pub(crate) async fn observed(
        &mut self,
        unit: &Unit<'_>,
        tracer: &Tracer,
        audience: &mut dyn Audience,
    ) -> UnitEnd {
        // Before any lock is held: connecting takes its time.
        for statement in unit.statements {
            tracer.stir(statement).await;
        }
        if let Err(end) = self.opened(unit).await {
            tracer.end(End::RolledBack);
            return end;
        }
        let looks_within = tracer.begun();
        if looks_within && within::is_safe(unit) && tracer.is_up_to_date().await {
            return self.looking(unit, tracer, audience).await;
        }
        for (at, statement) in unit.statements.iter().enumerate() {
            let began = Instant::now();
            let mut took = Duration::ZERO;
            let running = async {
                let mut said = |notice| audience.said(at, notice);
                let answer = self.execute_unseen(statement, &mut said).await;
                took = began.elapsed();
                answer
            };
            match tracer.during(statement, running).await {
                Ok(done) => audience.ended(at, done, took),
                Err(error) => return self.given_up(at, took, error, tracer).await,
            }
        }
        let end = self.carried(unit, unit.statements.len(), audience).await;
        if !matches!(end, UnitEnd::Committed) {
            // Where there was no answer, nobody has told it yet.
            tracer.end(End::RolledBack);
        }
        end
    }

    async fn given_up(
        &mut self,
        at: usize,
        took: Duration,
        error: BackendError,
        tracer: &Tracer,
    ) -> UnitEnd {
        // A session that is lost has been rolled back by the server.
        let error = match error {
            BackendError::Refused(_) => self.run("ROLLBACK").await.err().unwrap_or(error),
            lost => lost,
        };
        tracer.end(End::RolledBack);
        UnitEnd::Failed { statement: Some(at), took, error }
    }
}
