//! Taking over another tool's history: golang-migrate's counters, and rows for our own ledger.

use stopover_backend::{Adopt, BackendError, Counter, CounterRow, LedgerId};
use stopover_model::{Checksum, LedgerRow, TOOL_VERSION};

use crate::facts::COUNTERS;
use crate::ledger::{JOURNAL_TABLE, journal_schema};
use crate::literal::{literal, optional, qualified};
use crate::session::{PostgresSession, text, truth};

impl Adopt for PostgresSession {
    async fn counters(&mut self) -> Result<Vec<Counter>, BackendError> {
        let sets = self.rows(COUNTERS).await?;
        let mut counters = Vec::new();
        for row in sets.first().into_iter().flatten() {
            let (Some(schema), Some(table)) = (text(row, 0), text(row, 1)) else { continue };
            let sql =
                format!("SELECT version, dirty FROM {} ORDER BY 1", qualified(&schema, &table));
            let found = self.rows(&sql).await?;
            let row = |row: &tokio_postgres::SimpleQueryRow| {
                let version = text(row, 0)?.parse().ok()?;
                text(row, 1)?;
                Some(CounterRow { version, dirty: truth(row, 1) })
            };
            // A row that is passed over would make the counter say less than it does.
            let rows: Option<Vec<CounterRow>> =
                found.first().into_iter().flatten().map(row).collect();
            let table = format!("{schema}.{table}");
            let rows = rows.ok_or_else(|| BackendError::Settings {
                message: format!("{table} holds a row that is not of golang-migrate's form"),
                remedy: "look at the table; name another one with --table, or another tool with \
                         --from"
                    .to_owned(),
            })?;
            counters.push(Counter { table, rows });
        }
        Ok(counters)
    }

    async fn take_over(
        &mut self,
        ledger: &LedgerId,
        rows: &[LedgerRow],
        from: &str,
    ) -> Result<(), BackendError> {
        if rows.is_empty() {
            return Ok(());
        }
        let values: Vec<String> = rows.iter().map(value).collect();
        let notes: Vec<String> = rows.iter().map(|row| note(ledger, row, from)).collect();
        let sql = format!(
            "INSERT INTO {table} (version, name, applied_at, checksum, provenance, duration_ms, \
               tool_version) VALUES {values};\
             INSERT INTO {journal} (ledger, version, name, event, checksum_after, detail, \
               tool_version) VALUES {notes}",
            table = ledger.qualified,
            values = values.join(", "),
            journal = qualified(journal_schema(ledger), JOURNAL_TABLE),
            notes = notes.join(", "),
        );
        self.run(&sql).await
    }

    async fn drop_counter(&mut self, counter: &Counter) -> Result<(), BackendError> {
        // Found again by its name in the catalog: the name as people write it is not SQL.
        let sets = self.rows(COUNTERS).await?;
        for row in sets.first().into_iter().flatten() {
            let (Some(schema), Some(table)) = (text(row, 0), text(row, 1)) else { continue };
            if format!("{schema}.{table}") == counter.table {
                let table = qualified(&schema, &table);
                let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;{ISOLATION}");
                let sets = self.rows(&lock).await?;
                let isolation = sets.last().and_then(|rows| rows.first());
                if isolation.and_then(|row| text(row, 0)).as_deref() != Some("read committed") {
                    return Err(unseen(counter));
                }
                // Nobody can write to it any more: what it says now is lost with it.
                if !self.counters().await?.contains(counter) {
                    return Err(went_on(counter));
                }
                return self.run(&format!("DROP TABLE {table}")).await;
            }
        }
        Err(BackendError::Settings {
            message: format!("{} is not there any more", counter.table),
            remedy: "somebody else dropped or renamed it: look at the database".to_owned(),
        })
    }
}

/// What of others' work the transaction sees.
const ISOLATION: &str = "SELECT pg_catalog.current_setting('transaction_isolation')";

/// What was committed while we waited for the lock would go unseen, and be lost.
fn unseen(counter: &Counter) -> BackendError {
    BackendError::Settings {
        message: format!(
            "whether another runner still writes to {} cannot be seen: transactions are not READ \
             COMMITTED here, but what default_transaction_isolation says",
            counter.table
        ),
        remedy:
            "adopt without dropping it; or first let the role that adopts have `ALTER ROLE … SET \
                 default_transaction_isolation = 'read committed'`"
                .to_owned(),
    }
}

fn went_on(counter: &Counter) -> BackendError {
    BackendError::Settings {
        message: format!("{} says something else than when it was taken over", counter.table),
        remedy: "another runner is at work: run the command again when it has ended".to_owned(),
    }
}

fn value(row: &LedgerRow) -> String {
    let applied_at = row.applied_at.map(|at| at.to_string());
    let applied_at = applied_at
        .map_or_else(|| "pg_catalog.now()".to_owned(), |at| literal(&at) + "::timestamptz");
    format!(
        "({}, {}, {applied_at}, {}, {}, NULL, {})",
        row.version,
        literal(row.name.as_deref().unwrap_or_default()),
        optional(row.checksum.as_ref().map(Checksum::hex)),
        literal(row.provenance.name()),
        literal(TOOL_VERSION),
    )
}

fn note(ledger: &LedgerId, row: &LedgerRow, from: &str) -> String {
    format!(
        "({}, {}, {}, 'adopted', {}, {}, {})",
        literal(&ledger.qualified),
        literal(&row.version.to_string()),
        literal(row.name.as_deref().unwrap_or_default()),
        optional(row.checksum.as_ref().map(Checksum::hex)),
        literal(&format!("from {from}, {}", row.provenance.name())),
        literal(TOOL_VERSION),
    )
}
