//! The canonical schema, and what is in the tables.
//!
//! Everything is read in one transaction that reads, so that it is of one moment. A database that
//! is not there has no objects and no tables.
//!
//! Left out: what SQLite keeps for itself (`sqlite_…`), indexes that follow from a constraint, the
//! inner tables of virtual tables, and the ledger with its indexes and triggers. `user_version` and
//! `application_id` are left out too: the first is a counter that programs count their own
//! migrations with, the second tells what a file is for; no statement means anything else for them.
//! Both are marks.

mod digest;
mod marks;
mod names;
mod objects;
mod rows;
mod table;
mod text;
mod witness;

use rusqlite::Connection;
use stopover_backend::{BackendError, Census, CensusDepth, CensusScope, Imprint};
use stopover_model::{Mark, Schema, TableCensus};

use crate::error::request_error;
use crate::held::Held;
use crate::session::SqliteSession;

impl Census for SqliteSession {
    async fn schema(&mut self, scope: &CensusScope) -> Result<Schema, BackendError> {
        let except = Except::of(scope);
        let objects = self.call(move |held| moment(held, |it| objects::read(it, &except)));
        objects.await?.map(Schema::new)
    }

    async fn tables(
        &mut self,
        scope: &CensusScope,
        depth: CensusDepth,
    ) -> Result<Vec<TableCensus>, BackendError> {
        let except = Except::of(scope);
        self.call(move |held| moment(held, |it| rows::read(it, &except, depth, &|_| true))).await?
    }

    async fn marks(&mut self, scope: &CensusScope) -> Result<Vec<Mark>, BackendError> {
        let except = Except::of(scope);
        self.call(move |held| moment(held, |it| marks::read(it, &except))).await?
    }

    async fn chosen_tables(
        &mut self,
        scope: &CensusScope,
        depth: CensusDepth,
        relations: &[String],
    ) -> Result<Vec<TableCensus>, BackendError> {
        let (except, relations) = (Except::of(scope), relations.to_vec());
        let read = move |it: &Connection| {
            rows::read(it, &except, depth, &|name| relations.iter().any(|it| it == name))
        };
        self.call(move |held| moment(held, read)).await?
    }

    async fn imprints(&mut self, scope: &CensusScope) -> Result<Vec<Imprint>, BackendError> {
        let except = Except::of(scope);
        self.call(move |held| moment(held, |it| rows::imprints(it, &except))).await?
    }

    async fn values(
        &mut self,
        scope: &CensusScope,
        relation: &str,
        columns: &[String],
    ) -> Result<Option<Vec<u64>>, BackendError> {
        let (except, relation) = (Except::of(scope), relation.to_owned());
        let columns = columns.to_vec();
        let read = move |it: &Connection| rows::values(it, &except, &relation, &columns);
        self.call(move |held| moment(held, read)).await?
    }
}

/// The tables that are left out. SQLite's names are the same in upper and lower case (ASCII's).
struct Except(Vec<String>);

impl Except {
    fn of(scope: &CensusScope) -> Self {
        Self(scope.except.iter().map(|(_, table)| table.clone()).collect())
    }

    fn has(&self, table: &str) -> bool {
        self.0.iter().any(|it| it.eq_ignore_ascii_case(table))
    }
}

/// Reads in a transaction, the one that is open or one of its own; again where a snapshot was outrun
/// by somebody who writes.
fn moment<T: Default>(
    held: &mut Held,
    read: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<T, BackendError> {
    loop {
        let value = match held.reading()? {
            None => Ok(T::default()),
            Some(connection) if !connection.is_autocommit() => read(connection),
            Some(connection) => connection.unchecked_transaction().and_then(|it| read(&it)),
        };
        if !held.outrun()? {
            return value.map_err(|error| request_error(&error));
        }
    }
}
