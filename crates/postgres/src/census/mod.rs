//! The canonical schema, and what is in the tables.
//!
//! Everything is read in one `READ ONLY`, `REPEATABLE READ` transaction, so that schema and counts
//! are of one moment. What changes how the catalogs print (`search_path` first of all) is pinned
//! for the transaction: the database may be a hostile one, and whatever it defines is found by no
//! unqualified name. The catalogs are read with one query for each family of objects, all sent at
//! once: a schema is three round trips, whatever its size.
//!
//! Left out, because a dump does not bring them or because they are no part of the database:
//! members of extensions, subscriptions and user mappings (they hold passwords), large objects,
//! settings of roles and databases, what is temporary; `plpgsql` and the schema `public`, which
//! every fresh database has; and the ledger, with everything that belongs to it.

mod chosen;
mod columns;
mod comments;
mod constraints;
mod extensions;
mod foreign;
mod imprints;
mod indexes;

mod look;
mod marks;
mod moment;
mod operators;
mod privileges;
mod publications;
mod routines;
mod rows;
mod schemas;
mod sequences;
mod spelling;
mod tables;
mod text_search;
mod triggers;
mod types;
mod views;
mod witness;

use stopover_backend::{BackendError, Census, CensusDepth, CensusScope, Imprint, Privileges};
use stopover_model::{Mark, Schema, SchemaObject, TableCensus};
use tokio_postgres::SimpleQueryRow;

use crate::session::PostgresSession;
use look::Look;

impl Census for PostgresSession {
    async fn schema(&mut self, scope: &CensusScope) -> Result<Schema, BackendError> {
        let look = moment::open(self, scope).await?;
        let read = objects(self, &look, scope.privileges).await;
        moment::close(self, read).await.map(Schema::new)
    }

    async fn tables(
        &mut self,
        scope: &CensusScope,
        depth: CensusDepth,
    ) -> Result<Vec<TableCensus>, BackendError> {
        let look = moment::open(self, scope).await?;
        let read = rows::read(self, &look, depth, &rows::Chosen::All).await;
        moment::close(self, read).await
    }

    async fn marks(&mut self, scope: &CensusScope) -> Result<Vec<Mark>, BackendError> {
        let look = moment::open(self, scope).await?;
        let read = marks::read(self, &look).await;
        moment::close(self, read).await
    }

    async fn chosen_tables(
        &mut self,
        scope: &CensusScope,
        depth: CensusDepth,
        relations: &[String],
    ) -> Result<Vec<TableCensus>, BackendError> {
        if relations.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = relations.iter().map(String::as_str).collect();
        let look = moment::open(self, scope).await?;
        let read = rows::read(self, &look, depth, &rows::Chosen::Named(&names)).await;
        moment::close(self, read).await
    }

    async fn imprints(&mut self, scope: &CensusScope) -> Result<Vec<Imprint>, BackendError> {
        let counts = imprints::settled(self).await?;
        let look = moment::open(self, scope).await?;
        let read = imprints::read(self, &look, counts).await;
        moment::close(self, read).await
    }

    async fn catalogs(&mut self) -> Result<Option<String>, BackendError> {
        imprints::catalogs(self).await
    }

    async fn large_objects(&mut self) -> Result<Option<u64>, BackendError> {
        let sets = self.rows(imprints::LARGE_OBJECTS).await?;
        let row = sets.first().and_then(|set| set.first());
        row.map(|row| imprints::number(row, 0)).transpose()
    }

    async fn values(
        &mut self,
        scope: &CensusScope,
        relation: &str,
        columns: &[String],
    ) -> Result<Option<Vec<u64>>, BackendError> {
        moment::open(self, scope).await?;
        let read = imprints::values(self, relation, columns).await;
        moment::close(self, read).await
    }
}

/// The queries, one for each family: each gives kind, identity and definition.
fn queries(look: &Look, privileges: Privileges) -> Vec<String> {
    let mut queries = vec![
        schemas::query(look),
        extensions::query(),
        tables::query(look),
        columns::query(look),
        constraints::query(look),
        indexes::query(look),
        indexes::statistics(look),
        sequences::query(look),
        views::query(look),
        routines::functions(look),
        routines::aggregates(look),
        triggers::triggers(look),
        triggers::event_triggers(),
        triggers::rules(look),
        triggers::policies(look),
        types::domains(look),
        types::others(look),
        types::collations(look),
        types::conversions(look),
        operators::operators(look),
        operators::families(look),
        operators::casts_and_methods(),
        text_search::query(look),
        publications::query(look),
        foreign::query(),
        foreign::languages(),
        comments::query(look),
    ];
    if privileges == Privileges::Included {
        queries.extend([privileges::owners(look), privileges::grants(look)]);
        queries.push(privileges::defaults());
    }
    queries
}

async fn objects(
    session: &mut PostgresSession,
    look: &Look,
    privileges: Privileges,
) -> Result<Vec<SchemaObject>, BackendError> {
    let sets = session.rows(&queries(look, privileges).join(";\n")).await?;
    let mut objects = Vec::with_capacity(sets.iter().map(Vec::len).sum());
    for row in sets.iter().flatten() {
        objects.push(object(row)?);
    }
    Ok(objects)
}

fn object(row: &SimpleQueryRow) -> Result<SchemaObject, BackendError> {
    let kind = field(row, 0)?;
    let definition = field(row, 2)?;
    let definition = match kind.as_str() {
        "comment" => definition,
        _ => spelling::canonical(definition),
    };
    Ok(SchemaObject { kind, identity: field(row, 1)?, definition })
}

/// A column that is never NULL. An object without its definition would be an omission.
fn field(row: &SimpleQueryRow, column: usize) -> Result<String, BackendError> {
    let unreadable = |reason: String| BackendError::Settings {
        message: format!("the catalogs cannot be read: {reason}"),
        remedy: "look for names, comments or bodies of functions that are not of the database's \
                 encoding, and whether somebody changes the schema at this moment"
            .to_owned(),
    };
    match row.try_get(column) {
        Ok(Some(text)) => Ok(text.to_owned()),
        Ok(None) => {
            let named = |at| row.try_get(at).ok().flatten().unwrap_or("an object").to_owned();
            Err(unreadable(format!("{} {} has no definition", named(0), named(1))))
        }
        Err(error) => Err(unreadable(error.to_string())),
    }
}
