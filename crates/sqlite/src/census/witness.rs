//! What a migration that is run again does to rows, seen from inside of its transaction.
//!
//! The transaction has the one lock for writers since its `BEGIN IMMEDIATE`. SQLite counts the
//! rows that a connection writes, over all tables, and the changes of the schema: where either
//! went on, every table may be another one.

use stopover_backend::{
    BackendError, CensusDepth, CensusScope, Footing, GuardedTable, Sight, Stake, Stand, Witness,
};
use stopover_model::{LockMode, Mark, Schema};

use rusqlite::Connection;

use super::{Except, marks, moment, objects, rows};
use crate::session::SqliteSession;

impl Witness for SqliteSession {
    async fn hold(&mut self, _: &[GuardedTable]) -> Result<(), BackendError> {
        Ok(())
    }

    async fn sight(
        &mut self,
        scope: &CensusScope,
        tables: &[GuardedTable],
    ) -> Result<Sight, BackendError> {
        let except = Except::of(scope);
        let names: Vec<String> = tables.iter().map(|it| it.relation.clone()).collect();
        self.call(move |held| moment(held, |it| sight(it, &except, &names)))
            .await?
            .map(|it| it.unwrap_or_else(nothing))
    }

    async fn written(
        &mut self,
        scope: &CensusScope,
        before: &Footing,
    ) -> Result<Vec<GuardedTable>, BackendError> {
        let except = Except::of(scope);
        let now = self.call(move |held| moment(held, |it| footing(it, &except))).await??;
        let changed = before.changed_in(&now).into_iter();
        let guarded = |relation: &str| GuardedTable {
            relation: relation.to_owned(),
            lock: LockMode::Exclusive,
            stake: Stake::Rows,
        };
        Ok(changed.map(guarded).collect())
    }

    /// A rollback undoes everything here.
    async fn put_forward(&mut self, _: &[Mark]) -> Result<(), BackendError> {
        Ok(())
    }
}

/// What is in a database that is not there.
fn nothing() -> Sight {
    Sight {
        schema: Schema::new(Vec::new()),
        tables: Vec::new(),
        marks: Vec::new(),
        footing: Footing::default(),
    }
}

fn sight(
    connection: &Connection,
    except: &Except,
    names: &[String],
) -> rusqlite::Result<Option<Sight>> {
    Ok(Some(Sight {
        footing: footing(connection, except)?,
        schema: Schema::new(objects::read(connection, except)?),
        marks: marks::read(connection, except)?,
        tables: rows::read(connection, except, CensusDepth::Digests, &|it| {
            names.iter().any(|name| name == it)
        })?,
    }))
}

fn footing(connection: &Connection, except: &Except) -> rusqlite::Result<Footing> {
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let written = one("SELECT total_changes()")?.to_string();
    let form = one("PRAGMA main.schema_version")?.to_string();
    let stand = Stand { object: String::new(), form, written };
    let tables = rows::relations(connection, except)?;
    let tables = tables.into_iter().map(|relation| (relation, stand.clone())).collect();
    Ok(Footing { tables, ..Footing::default() })
}
