//! Counts the rows that a statement fails on, in a transaction that is always rolled back.
//!
//! What to look for is read from the statement and the error by [`stopover_sql::offending`]; here
//! the catalog is asked for the rest and the queries are run. Only for a scratch: the migration's
//! statements run once more, and the queries read whole tables.

use std::time::Duration;

use stopover_backend::{BackendError, Execute, Offending, UnitLimits};
use stopover_model::{DatabaseError, PlannedStatement};
use stopover_sql::offending::{Catalog, Cause, Offenders, Refusal, Rows, cause};
use tokio_postgres::SimpleQueryRow;

use crate::literal::literal;
use crate::session::{PostgresSession, text};

/// No statement of the search may take longer: a red verdict should not wait for its samples.
const LIMIT: Duration = Duration::from_secs(30);

/// Where policies would hide rows, the search fails instead: constraints see all rows.
const SEARCH_SETTINGS: &str = "SET LOCAL statement_timeout = '30s'; SET LOCAL row_security = off";

/// The key columns, in order, of the index on `{relation}` for which `{condition}` holds.
const KEY: &str = "SELECT pg_catalog.quote_ident(a.attname) FROM \
     (SELECT i.indrelid, i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i \
      WHERE i.indrelid = {relation} AND i.indisvalid AND ({condition}) \
      ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) AS key, \
     LATERAL pg_catalog.unnest(key.indkey::pg_catalog.int2[]) \
       WITH ORDINALITY AS part(number, place), pg_catalog.pg_attribute a \
     WHERE a.attrelid = key.indrelid AND a.attnum = part.number \
     AND part.place <= key.indnkeyatts ORDER BY part.place";

/// Of an index `i`: each row of its table has one key, and no other row has it.
const TELLS_ROWS_APART: &str = "i.indisprimary OR (i.indisunique AND i.indimmediate \
     AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM \
     pg_catalog.pg_attribute n WHERE n.attrelid = i.indrelid AND NOT n.attnotnull \
     AND n.attnum = ANY (i.indkey::pg_catalog.int2[])))";

impl PostgresSession {
    /// The rows that `failing` fails on after `before`. `None` where the statement and the error
    /// do not tell, and where the search itself fails.
    pub(super) async fn offending_rows(
        &mut self,
        before: &[PlannedStatement],
        failing: &PlannedStatement,
        error: &DatabaseError,
    ) -> Option<Offending> {
        let cause = cause(&failing.text, &refusal(error)?)?;
        if before.iter().any(ends_transaction) {
            return None;
        }
        let found = self.search(before, cause).await;
        if let Err(error) = self.rollback().await {
            tracing::debug!("the search for offending rows was not rolled back: {error}");
        }
        // Best effort: the failure is told with or without its rows.
        found.unwrap_or_else(|error| {
            tracing::debug!("no offending rows: {error}");
            None
        })
    }

    async fn search(
        &mut self,
        before: &[PlannedStatement],
        cause: Cause,
    ) -> Result<Option<Offending>, BackendError> {
        let limits = UnitLimits { statement_timeout: Some(LIMIT), ..UnitLimits::default() };
        self.begin(&limits).await?;
        for statement in before {
            self.execute(statement, &mut drop).await?;
        }
        // The statements may have brought limits of their own.
        self.run(SEARCH_SETTINGS).await?;
        if let Some(prelude) = cause.prelude() {
            self.run(prelude).await?;
        }
        let Some(cause) = self.defined(cause).await? else { return Ok(None) };
        let Some(catalog) = self.catalog(&cause).await? else { return Ok(None) };
        match cause.offenders(&catalog) {
            Some(offenders) => self.counted(&offenders).await,
            None => Ok(None),
        }
    }

    /// The cause with the definition of the constraint that it is about, where it needs one.
    async fn defined(&mut self, cause: Cause) -> Result<Option<Cause>, BackendError> {
        let Some(constraint) = cause.existing_constraint() else { return Ok(Some(cause)) };
        let sql = format!(
            "SELECT pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint c \
             WHERE c.conrelid = {} AND c.conname = {}",
            oid(cause.relation()),
            literal(constraint)
        );
        let definition = self.names(&sql).await?.pop();
        Ok(definition.and_then(|definition| cause.defined_as(&definition)))
    }

    /// What the catalog says of the relations of `cause`; `None` where the relation is not found.
    async fn catalog(&mut self, cause: &Cause) -> Result<Option<Catalog>, BackendError> {
        let relation = oid(cause.relation());
        let Some(rows) = self.rows_of(&relation).await? else { return Ok(None) };
        let mut catalog = Catalog {
            key: self.names(&key(&relation, TELLS_ROWS_APART)).await?,
            columns: self.columns(&relation).await?,
            rows,
            ..Catalog::default()
        };
        if let Some(parent) = cause.parent().map(oid) {
            let Some(rows) = self.rows_of(&parent).await? else { return Ok(None) };
            catalog.parent_rows = rows;
            catalog.parent_key = self.names(&key(&parent, "i.indisprimary")).await?;
        }
        Ok(Some(catalog))
    }

    async fn rows_of(&mut self, relation: &str) -> Result<Option<Rows>, BackendError> {
        let sql = format!("SELECT relkind FROM pg_catalog.pg_class WHERE oid = {relation}");
        let kind = self.names(&sql).await?.pop();
        Ok(kind.map(|kind| if kind == "p" { Rows::Partitions } else { Rows::Own }))
    }

    async fn columns(&mut self, relation: &str) -> Result<Vec<(String, String)>, BackendError> {
        let sql = format!(
            "SELECT attname, pg_catalog.quote_ident(attname) FROM pg_catalog.pg_attribute \
             WHERE attrelid = {relation} AND attnum > 0 AND NOT attisdropped"
        );
        let rows = self.first_set(&sql).await?;
        Ok(rows.iter().filter_map(|row| Some((text(row, 0)?, text(row, 1)?))).collect())
    }

    /// Counts the rows and takes the samples. No rows: the failure was another one than it seemed.
    async fn counted(&mut self, offenders: &Offenders) -> Result<Option<Offending>, BackendError> {
        let count = self.names(&offenders.count_sql).await?.pop();
        let count: u64 = match count.and_then(|count| count.parse().ok()) {
            None | Some(0) => return Ok(None),
            Some(count) => count,
        };
        // Values of a type without an order cannot be sampled; they are counted all the same.
        let samples = self.samples(offenders).await.unwrap_or_default();
        Ok(Some(Offending { count, what: offenders.what_for(count), samples }))
    }

    async fn samples(&mut self, offenders: &Offenders) -> Result<Vec<String>, BackendError> {
        let Some(sql) = &offenders.rows_sql else { return Ok(Vec::new()) };
        let rows = self.first_set(sql).await?;
        let sample = |row: &SimpleQueryRow| {
            let cells: Vec<_> = (0..row.len()).map(|column| text(row, column)).collect();
            offenders.sample(&cells.iter().map(Option::as_deref).collect::<Vec<_>>())
        };
        Ok(rows.iter().filter_map(sample).collect())
    }

    async fn first_set(&mut self, sql: &str) -> Result<Vec<SimpleQueryRow>, BackendError> {
        Ok(self.rows(sql).await?.into_iter().next().unwrap_or_default())
    }

    /// The first column of each row.
    async fn names(&mut self, sql: &str) -> Result<Vec<String>, BackendError> {
        Ok(self.first_set(sql).await?.iter().filter_map(|row| text(row, 0)).collect())
    }
}

fn refusal(error: &DatabaseError) -> Option<Refusal<'_>> {
    Some(Refusal {
        sqlstate: error.sqlstate.as_deref()?,
        table: error.table.as_deref(),
        column: error.column.as_deref(),
        constraint: error.constraint.as_deref(),
    })
}

/// Whether a statement would keep what the search is to undo.
fn ends_transaction(statement: &PlannedStatement) -> bool {
    use stopover_sql::TransactionControl::{Commit, PrepareTransaction, Rollback};
    matches!(
        stopover_sql::classify(&statement.text).control,
        Some(Commit | Rollback | PrepareTransaction)
    )
}

/// The relation's oid as SQL, NULL where there is none.
fn oid(relation: &str) -> String {
    format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(relation))
}

fn key(relation: &str, condition: &str) -> String {
    KEY.replace("{relation}", relation).replace("{condition}", condition)
}
