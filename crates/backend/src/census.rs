//! The canonical schema and what is in the tables, seen from the engine.
//!
//! There is one implementation for each backend, and everything that compares databases uses it:
//! the proof before a rerun, `adopt --prove`, the census of a rehearsal, postflight, `verify`.

use std::future::Future;

use serde::{Deserialize, Serialize};
use stopover_model::{Mark, Schema, TableCensus};

use crate::{BackendError, FactsRequest, Imprint};

/// What a census leaves out: ledgers, and journals beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusScope {
    /// Tables that are left out, by schema and name, unquoted, with everything that belongs to
    /// them (columns, indexes, constraints, sequences, privileges). A schema, other than
    /// `public`, that holds nothing else is left out with them. SQLite has no schemas: only the
    /// name counts there.
    pub except: Vec<(String, String)>,
    /// Whether owners, grants and default privileges are objects too.
    pub privileges: Privileges,
}

/// What becomes of owners, grants and default privileges. They name roles, which are the server's
/// and not the database's: a copy on another server seldom has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Privileges {
    /// They are no part of the schema.
    #[default]
    LeftOut,
    /// Each is an object of its own, of kind `owner`, `grants` or `default privileges`.
    Included,
}

/// How closely tables are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CensusDepth {
    /// Rows are counted.
    #[default]
    Rows,
    /// Rows are counted, and each table and column is digested.
    Digests,
}

/// Reads schema and tables. Writes nothing, and works with a role that may only read; what it may
/// not read is an error, never an omission.
///
/// Both open a transaction that reads, and close it: none may be open.
pub trait Census {
    /// Every object of the user schemas.
    fn schema(
        &mut self,
        scope: &CensusScope,
    ) -> impl Future<Output = Result<Schema, BackendError>> + Send;

    /// Every table of the user schemas that holds rows of its own, sorted by name.
    fn tables(
        &mut self,
        scope: &CensusScope,
        depth: CensusDepth,
    ) -> impl Future<Output = Result<Vec<TableCensus>, BackendError>> + Send;

    /// What is neither in the schema nor a row of a table, and is lost all the same: how far
    /// sequences have come, what extensions keep. Of one database only: no two are the same.
    fn marks(
        &mut self,
        scope: &CensusScope,
    ) -> impl Future<Output = Result<Vec<Mark>, BackendError>> + Send;

    /// The same of some of them, by name; what is not there is left out.
    fn chosen_tables(
        &mut self,
        scope: &CensusScope,
        depth: CensusDepth,
        relations: &[String],
    ) -> impl Future<Output = Result<Vec<TableCensus>, BackendError>> + Send
    where
        Self: Send,
    {
        async move {
            let mut tables = self.tables(scope, depth).await?;
            tables.retain(|it| relations.contains(&it.relation));
            Ok(tables)
        }
    }

    /// An imprint of every table that [`Census::tables`] reads. Where sessions that wrote have just
    /// ended, it may wait for a moment until the server has taken up what they did.
    fn imprints(
        &mut self,
        scope: &CensusScope,
    ) -> impl Future<Output = Result<Vec<Imprint>, BackendError>> + Send
    where
        Self: Send,
    {
        async move {
            let tables = self.tables(scope, CensusDepth::Rows).await?;
            let imprint =
                |it: TableCensus| Imprint { rows: Some(it.rows), ..Imprint::bare(it.relation) };
            Ok(tables.into_iter().map(imprint).collect())
        }
    }

    /// A mark that is the same as long as nobody changes the schema; `None` where the database cannot
    /// tell. Waits as [`Census::imprints`] does.
    fn catalogs(&mut self) -> impl Future<Output = Result<Option<String>, BackendError>> + Send {
        std::future::ready(Ok(None))
    }

    /// How many large objects there are: bytes that lie in no table; `None` where a database has
    /// no such things.
    fn large_objects(&mut self) -> impl Future<Output = Result<Option<u64>, BackendError>> + Send {
        std::future::ready(Ok(None))
    }

    /// In how many rows of the table each of these columns, by name and unquoted, has a value;
    /// `None` where that cannot be counted here.
    fn values(
        &mut self,
        _scope: &CensusScope,
        _relation: &str,
        _columns: &[String],
    ) -> impl Future<Output = Result<Option<Vec<u64>>, BackendError>> + Send {
        std::future::ready(Ok(None))
    }
}

/// Knows the tables that tools keep for themselves.
pub trait Bookkeeping {
    /// Ledgers of every tool, journals and counters that are there: what a comparison of two
    /// databases leaves out.
    fn bookkeeping(
        &mut self,
        request: &FactsRequest,
    ) -> impl Future<Output = Result<CensusScope, BackendError>> + Send;
}
