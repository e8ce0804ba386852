//! What goes on around an apply, and what state it leaves behind.
//!
//! Each fact is one question in a `READ ONLY` transaction of its own, under its own time-out and
//! with a pinned search path: what the database defines is found by no unqualified name. A question
//! that is refused is a fact that was not read, with the server's reason; it keeps no other from
//! being asked.
//!
//! What a role may not see (other roles' sessions, without `pg_read_all_stats`) the server shows as
//! rows with holes. They are recognised by the text that it puts in the place of the query, and
//! never taken for "nothing there".

mod ask;
mod bodies;
mod catalogs;
mod grants;
mod keys;
mod locks;
mod reach;
mod relations;
mod rights;
mod server;
mod sessions;

use std::time::Duration;

use stopover_backend::{BackendError, Harness, HealthRequest, ReachRequest, SurroundingsRequest};
use stopover_model::DatabaseKind;
use stopover_model::harness::{Fact, Grants, Health, Surroundings, TouchedRelation};

use crate::session::PostgresSession;
use ask::Asking;

impl Harness for PostgresSession {
    async fn surroundings(
        &mut self,
        request: &SurroundingsRequest,
    ) -> Result<Surroundings, BackendError> {
        let server_version = self.server_version();
        let mut asking = Asking::new(self, request.fact_timeout);
        let named = relations::named(&mut asking, request).await?;
        Ok(Surroundings {
            database: DatabaseKind::Postgres,
            server_version,
            relations: relations::touched(&mut asking, request, &named).await?,
            transactions: sessions::transactions(&mut asking).await?,
            waits: locks::waits(&mut asking).await?,
            dumps: sessions::dumps(&mut asking).await?,
            vacuums: sessions::vacuums(&mut asking).await?,
            prepared: locks::prepared(&mut asking).await?,
            invalid_indexes: catalogs::invalid_indexes(&mut asking, &[]).await?,
            replication: server::replication(&mut asking).await?,
            connections: server::connections(&mut asking, request.role.as_deref()).await?,
            lacking: rights::lacking(&mut asking, request, &named).await?,
        })
    }

    async fn touched(
        &mut self,
        request: &SurroundingsRequest,
    ) -> Result<Fact<Vec<TouchedRelation>>, BackendError> {
        let mut asking = Asking::new(self, request.fact_timeout);
        let named = relations::named(&mut asking, request).await?;
        relations::touched(&mut asking, request, &named).await
    }

    async fn runs_code(&mut self, request: &ReachRequest) -> Result<Fact<bool>, BackendError> {
        reach::runs_code(&mut Asking::new(self, request.fact_timeout), request).await
    }

    async fn grants(&mut self, fact_timeout: Duration) -> Result<Fact<Vec<Grants>>, BackendError> {
        grants::grants(&mut Asking::new(self, fact_timeout)).await
    }

    async fn health(&mut self, request: &HealthRequest) -> Result<Health, BackendError> {
        let except = &request.scope.except;
        let mut asking = Asking::new(self, request.fact_timeout);
        let foreign_keys = keys::foreign_keys(&mut asking, request.scan_timeout).await?;
        let invalid_indexes = catalogs::invalid_indexes(&mut asking, except).await?;
        let invalid_constraints = catalogs::invalid_constraints(&mut asking).await?;
        let (broken, unchecked) = bodies::look(&mut asking).await?;
        Ok(Health {
            database: DatabaseKind::Postgres,
            foreign_keys,
            invalid_indexes,
            invalid_constraints,
            broken,
            unchecked,
            damage: Fact::NotHere,
        })
    }
}
