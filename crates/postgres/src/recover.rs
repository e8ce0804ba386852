//! Finds out how far an interrupted non-transactional migration came: the journal, then the
//! catalog for the one statement that the journal leaves in doubt. Writes nothing.

use stopover_backend::{BackendError, LedgerId, Recall, Recover, unpacked};
use stopover_model::{AfterCleanup, Interrupted, PlannedStatement, StatementState, Version};
use stopover_sql::{Effect, effect};

use crate::ledger;
use crate::literal::literal;
use crate::session::{JournalState, PostgresSession, text, truth};

impl Recall for PostgresSession {
    async fn scripts(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> Result<Vec<String>, BackendError> {
        if self.journals.get(ledger) != Some(&JournalState::Present) {
            return Ok(Vec::new());
        }
        let kept = ledger::scripts(self, ledger, version).await?;
        Ok(kept.iter().filter_map(|it| unpacked(it)).collect())
    }
}

impl Recover for PostgresSession {
    async fn interrupted(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
    ) -> Result<Interrupted, BackendError> {
        if !JournalState::is_there(self.journals.get(ledger)) {
            return Ok(Interrupted::default());
        }
        Ok(Interrupted { entries: ledger::entries(self, ledger, version).await? })
    }

    async fn state_of(
        &mut self,
        statement: &PlannedStatement,
    ) -> Result<StatementState, BackendError> {
        match effect(&statement.text) {
            Some(Effect::CreateIndex { name, table, unique }) => {
                self.created_index(&name, &table, unique).await
            }
            Some(Effect::DropIndex { name }) => self.dropped_index(&name).await,
            Some(Effect::Reindex { name }) => self.reindexed(name.as_deref()).await,
            Some(Effect::DetachPartition { parent, child }) => self.detached(&parent, &child).await,
            Some(Effect::CreateDatabase { name }) => {
                let there = self.database_is_there(&name).await?;
                Ok(either(there, &format!("the database {name}")))
            }
            Some(Effect::DropDatabase { name }) => {
                let there = self.database_is_there(&name).await?;
                Ok(either(!there, &format!("the removal of database {name}")))
            }
            Some(Effect::Repeatable) => {
                Ok(StatementState::Absent("running it once more does no harm".to_owned()))
            }
            None => Ok(StatementState::Unknown(format!(
                "nobody can tell from the catalog whether {} at line {} took effect",
                statement.tag, statement.line
            ))),
        }
    }
}

fn either(done: bool, what: &str) -> StatementState {
    if done {
        StatementState::Done(format!("{what} is there"))
    } else {
        StatementState::Absent(format!("{what} is not there"))
    }
}

impl PostgresSession {
    async fn first_row(
        &mut self,
        sql: &str,
    ) -> Result<Option<tokio_postgres::SimpleQueryRow>, BackendError> {
        Ok(self.rows(sql).await?.into_iter().next().and_then(|rows| rows.into_iter().next()))
    }

    /// Valid is done, invalid is half done, and one that is something else is nobody's guess.
    async fn created_index(
        &mut self,
        name: &str,
        table: &str,
        unique: bool,
    ) -> Result<StatementState, BackendError> {
        let (name, table) = (literal(name), literal(table));
        let sql = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), \
               coalesce(i.indisvalid AND i.indisready, false), \
               coalesce(i.indisunique = {unique}, false), \
               i.indrelid IS NOT DISTINCT FROM pg_catalog.to_regclass({table}) \
             FROM pg_catalog.pg_class t \
             JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relname = {name} \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
             WHERE t.oid = pg_catalog.to_regclass({table})"
        );
        let Some(row) = self.first_row(&sql).await? else {
            return Ok(StatementState::Absent(format!("there is no index {name}")));
        };
        let shown = text(&row, 0).unwrap_or_default();
        let (valid, fits, of_table) = (truth(&row, 1), truth(&row, 2), truth(&row, 3));
        Ok(match (of_table, valid) {
            (true, true) if fits => StatementState::Done(format!("the index {shown} is valid")),
            (true, false) => StatementState::HalfDone {
                saw: format!("the index {shown} is invalid"),
                cleanup: vec![format!("DROP INDEX CONCURRENTLY IF EXISTS {shown}")],
                then: AfterCleanup::RunAgain,
            },
            _ => StatementState::Unknown(format!(
                "{shown} is there, and it is not the index that the statement makes"
            )),
        })
    }

    async fn dropped_index(&mut self, name: &str) -> Result<StatementState, BackendError> {
        let name = literal(name);
        let sql = format!("SELECT pg_catalog.to_regclass({name}) IS NULL");
        let gone = self.first_row(&sql).await?.is_some_and(|row| truth(&row, 0));
        Ok(either(gone, &format!("the removal of index {name}")))
    }

    /// Invalid copies that an interrupted REINDEX left behind are dropped; then it runs again.
    async fn reindexed(&mut self, name: Option<&str>) -> Result<StatementState, BackendError> {
        let of = name.map_or_else(String::new, |name| {
            let name = literal(name);
            format!(
                "AND pg_catalog.to_regclass({name}) IN (i.indrelid, \
                   (SELECT o.oid FROM pg_catalog.pg_class o WHERE o.relnamespace = c.relnamespace \
                    AND o.relname = pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '')))"
            )
        });
        let sql = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
             FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' {of} ORDER BY 1"
        );
        let sets = self.rows(&sql).await?;
        let left: Vec<String> =
            sets.into_iter().flatten().filter_map(|row| text(&row, 0)).collect();
        if left.is_empty() {
            let saw = "running it once more does no harm".to_owned();
            return Ok(StatementState::Absent(saw));
        }
        Ok(StatementState::HalfDone {
            saw: format!("invalid copies are left: {}", left.join(", ")),
            cleanup: left
                .iter()
                .map(|name| format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
                .collect(),
            then: AfterCleanup::RunAgain,
        })
    }

    async fn detached(
        &mut self,
        parent: &str,
        child: &str,
    ) -> Result<StatementState, BackendError> {
        let (of, part) = (literal(parent), literal(child));
        // The column came with version 14, and DETACH … CONCURRENTLY with it.
        let sql = format!(
            "SELECT h.inhdetachpending FROM pg_catalog.pg_inherits h \
             WHERE h.inhparent = pg_catalog.to_regclass({of}) \
             AND h.inhrelid = pg_catalog.to_regclass({part})"
        );
        Ok(match self.first_row(&sql).await? {
            None => StatementState::Done(format!("{child} is no partition of {parent}")),
            Some(row) if truth(&row, 0) => StatementState::HalfDone {
                saw: format!("{child} is being detached from {parent}"),
                cleanup: vec![format!("ALTER TABLE {parent} DETACH PARTITION {child} FINALIZE")],
                then: AfterCleanup::Done,
            },
            Some(_) => StatementState::Absent(format!("{child} is a partition of {parent}")),
        })
    }

    async fn database_is_there(&mut self, name: &str) -> Result<bool, BackendError> {
        let name = literal(name);
        let sql = format!("SELECT true FROM pg_catalog.pg_database WHERE datname = {name}");
        Ok(self.first_row(&sql).await?.is_some())
    }
}
