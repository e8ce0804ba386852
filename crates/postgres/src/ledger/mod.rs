//! The ledgers: our own, and other tools' used in place.
//!
//! Each kind has a file with the same functions (see [`form::Form`]), which build SQL text; this
//! file sends it.
//! Every name is schema-qualified, and every statement first gives up whatever role a migration
//! has put on: the ledger belongs to the role that the session was opened with.

mod dbmate;
mod diesel;
mod fingerprint;
mod flyway;
mod form;
mod goose;
mod journal;
mod refinery;
mod sqlx;
mod stopover;

use std::collections::HashSet;

use stopover_backend::{
    BackendError, JournalEvent, JournalNote, LedgerEditor, LedgerId, LedgerWriter,
};
use stopover_model::{
    Checksum, Healed, JournalEntry, LedgerKind, LedgerRow, NewLedgerRow, RowState, Step, Version,
};

use tokio_postgres::SimpleQueryRow;

use journal::Keeps;

use crate::literal::{identifier, literal};
use crate::session::{JournalState, PostgresSession, text};

/// sqlx's table.
pub(crate) const SQLX_TABLE: &str = "_sqlx_migrations";
/// goose's table.
pub(crate) const GOOSE_TABLE: &str = "goose_db_version";
/// dbmate's table.
pub(crate) const DBMATE_TABLE: &str = "schema_migrations";
/// Flyway's table.
pub(crate) const FLYWAY_TABLE: &str = "flyway_schema_history";
/// refinery's table.
pub(crate) const REFINERY_TABLE: &str = "refinery_schema_history";
/// Diesel's table.
pub(crate) const DIESEL_TABLE: &str = "__diesel_schema_migrations";
/// Schema of our own tables, where not set.
pub(crate) const OWN_SCHEMA: &str = "stopover";
/// Our own ledger, where not set.
pub(crate) const OWN_TABLE: &str = "applied_migrations";
/// The journal, beside our ledger.
pub(crate) const JOURNAL_TABLE: &str = "migration_journal";

/// Its column for what was applied, which the journal of an older version of this tool lacks.
pub(crate) const SCRIPT_COLUMN: &str = "script";

/// How many columns the journal of this version has.
pub(crate) const JOURNAL_COLUMNS: u16 = 15;

/// Gives up a role or a user that a migration has put on.
const AS_OURSELVES: [&str; 2] = ["SET SESSION AUTHORIZATION DEFAULT", "RESET ROLE"];

/// The same, and nothing of it is left behind the transaction (which ends with the query where the
/// script has none): a `SET LOCAL ROLE` of the script's must not become one of the session.
const AS_OURSELVES_FOR_NOW: &str =
    "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL role TO DEFAULT;";

/// `sql`, whatever role a migration has put on.
fn as_ourselves(sql: &str) -> String {
    format!("{};{sql}", AS_OURSELVES.join(";"))
}

pub(crate) use journal::schema_of as journal_schema;

/// What was read of a ledger, and with which journal.
pub(crate) struct ReadLedger {
    ledger: LedgerId,
    journal: JournalState,
    /// Its rows, dirty versions of the journal among them.
    pub(crate) rows: Vec<LedgerRow>,
    /// Every heal.
    pub(crate) healed: Vec<Healed>,
}

impl ReadLedger {
    /// Whether it is what a reading of this ledger would tell.
    pub(crate) fn answers(&self, ledger: &LedgerId, journal: JournalState) -> bool {
        self.ledger == *ledger && self.journal == journal
    }
}

/// Reads a ledger; what was read early is taken, if it is this one.
pub(crate) async fn read(
    session: &mut PostgresSession,
    ledger: &LedgerId,
    journal: JournalState,
) -> Result<ReadLedger, BackendError> {
    if let Some(early) = session.read_early.take().filter(|it| it.answers(ledger, journal)) {
        return Ok(early);
    }
    let form = form::of(ledger.kind);
    let mut sets = session.rows_at_leisure(&select(ledger, journal)).await?.into_iter();
    let found = sets.next().unwrap_or_default();
    let mut told = sets.next().unwrap_or_default();
    told.sort_by_key(journal::number);
    let mut rows = form.rows(&found).ok_or_else(|| unreadable(ledger))?;
    if is_unsettled(&told, &rows) {
        let sets = session.rows_at_leisure(&journal::select_dirty(ledger)).await?;
        for found in sets.first().into_iter().flatten() {
            let dirty = journal::row(found).ok_or_else(|| unreadable(ledger))?;
            dirty.merge_into(&mut rows, ledger.kind);
        }
    }
    rows.sort_by(|a, b| a.version.cmp(&b.version));
    let healed = told.iter().filter_map(|row| journal::healed(row, ledger.kind)).collect();
    Ok(ReadLedger { ledger: ledger.clone(), journal, rows, healed })
}

/// What [`read`] asks for first.
pub(crate) fn select(ledger: &LedgerId, journal: JournalState) -> String {
    let told = match journal {
        JournalState::Present | JournalState::Older => journal::select_told(ledger),
        JournalState::Absent => String::new(),
    };
    format!("{};{told}", form::of(ledger.kind).select(ledger))
}

/// Whether the journal tells of a start of what the ledger does not say to be done. Only then it is
/// asked in detail: a row that says so is stronger than a journal that lost its last line.
fn is_unsettled(told: &[SimpleQueryRow], rows: &[LedgerRow]) -> bool {
    let mut started = told.iter().filter_map(journal::started).peekable();
    if started.peek().is_none() {
        return false;
    }
    let done = rows.iter().filter(|row| row.state == RowState::Done);
    let done: HashSet<String> = done.map(|row| row.version.to_string()).collect();
    started.any(|version| !done.contains(&version))
}

/// How long the migration took, as an expression: what we measured, else what the server knows.
fn milliseconds(row: &NewLedgerRow) -> String {
    row.duration_ms.map_or_else(
        || {
            "(EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - pg_catalog.now()) * 1000)"
                .to_owned()
        },
        |known| known.to_string(),
    )
}

fn unreadable(ledger: &LedgerId) -> BackendError {
    BackendError::Settings {
        message: format!("{} holds a row that is not of {}'s form", ledger.qualified, ledger.kind),
        remedy: "look at the table; name another ledger with --ledger".to_owned(),
    }
}

impl LedgerWriter for PostgresSession {
    async fn create_ledger(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        let sql = form::of(ledger.kind).create(ledger);
        let schema = match ledger.kind {
            LedgerKind::Stopover => self.schema(ledger).await?,
            _ => String::new(),
        };
        // Sent as one: a transaction of its own where none is open, else a part of that one.
        self.run(&format!("{schema}{sql}")).await?;
        self.located = None;
        if ledger.kind == LedgerKind::Stopover {
            self.journals.insert(ledger.clone(), JournalState::Present);
        }
        Ok(())
    }

    async fn create_journal(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        if !JournalState::is_there(self.journals.get(ledger)) {
            let schema = self.schema(ledger).await?;
            self.run(&format!("{schema}{}", journal::create(ledger))).await?;
            self.journals.insert(ledger.clone(), JournalState::Present);
        }
        Ok(())
    }

    async fn update_journal(&mut self, ledger: &LedgerId) -> Result<(), BackendError> {
        if self.journals.get(ledger) != Some(&JournalState::Older) {
            return Ok(());
        }
        match self.run(&journal::update(ledger)).await {
            Ok(()) => {
                self.journals.insert(ledger.clone(), JournalState::Present);
                Ok(())
            }
            // Only its owner may: whoever else applies goes on without.
            Err(BackendError::Refused(error)) => {
                tracing::debug!("the journal stays as it is: {}", error.message);
                self.run("ROLLBACK").await
            }
            Err(other) => Err(other),
        }
    }

    async fn journal(
        &mut self,
        ledger: &LedgerId,
        step: &Step,
        event: &JournalEvent,
    ) -> Result<(), BackendError> {
        if !JournalState::is_there(self.journals.get(ledger)) {
            return Ok(());
        }
        let restore = self.role_of_the_script().await?;
        let insert = journal::insert(ledger, step, event);
        self.run(&format!("{AS_OURSELVES_FOR_NOW}{insert};{restore}")).await
    }

    async fn mark_dirty(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Result<(), BackendError> {
        match form::of(ledger.kind).begin(ledger, version, name, checksum) {
            Some(sql) => self.run(&sql).await,
            None => Ok(()),
        }
    }

    async fn record(&mut self, ledger: &LedgerId, row: &NewLedgerRow) -> Result<(), BackendError> {
        self.run(&record_sql(self, ledger, row).join(";")).await
    }
}

/// What records a migration, in the ledger and in the journal where there is one: statement by
/// statement, so that whoever sends them can count the answers.
pub(crate) fn record_sql(
    session: &PostgresSession,
    ledger: &LedgerId,
    row: &NewLedgerRow,
) -> Vec<String> {
    let journal = match (session.journals.get(ledger), ledger.kind) {
        (Some(JournalState::Present), _) => {
            Some(journal::insert_applied(ledger, row, Keeps::Scripts))
        }
        // Our own ledger was made with its journal.
        (Some(JournalState::Older), _) | (_, LedgerKind::Stopover) => {
            Some(journal::insert_applied(ledger, row, Keeps::Lines))
        }
        _ => None,
    };
    let ourselves = AS_OURSELVES.map(str::to_owned).into_iter();
    ourselves.chain(form::of(ledger.kind).insert(ledger, row)).chain(journal).collect()
}

impl LedgerEditor for PostgresSession {
    async fn forget(&mut self, ledger: &LedgerId, version: &Version) -> Result<(), BackendError> {
        let forget = form::of(ledger.kind).forget(ledger, version);
        self.run(&as_ourselves(&forget)).await
    }

    async fn restamp(
        &mut self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Result<(), BackendError> {
        let sql = form::of(ledger.kind).restamp(ledger, version, name, checksum);
        match sql {
            // A script that is run again may have put on a role.
            Some(sql) => {
                let rows = self.rows_changed(&as_ourselves(&sql)).await?;
                ledger.changed_one(version, rows)
            }
            None => Ok(()),
        }
    }

    async fn note(&mut self, ledger: &LedgerId, note: &JournalNote) -> Result<(), BackendError> {
        let keeps = match self.journals.get(ledger) {
            Some(JournalState::Present) => Keeps::Scripts,
            _ => Keeps::Lines,
        };
        self.run(&as_ourselves(&journal::insert_note(ledger, note, keeps))).await
    }
}

/// The up scripts of `version` as they were kept, the newest first.
pub(crate) async fn scripts(
    session: &mut PostgresSession,
    ledger: &LedgerId,
    version: &Version,
) -> Result<Vec<Vec<u8>>, BackendError> {
    let sets = session.rows(&journal::select_scripts(ledger, version)).await?;
    let rows = sets.first().into_iter().flatten();
    Ok(rows.filter_map(journal::script).collect())
}

/// What the journal says of `version` since it was last settled.
pub(crate) async fn entries(
    session: &mut PostgresSession,
    ledger: &LedgerId,
    version: &Version,
) -> Result<Vec<JournalEntry>, BackendError> {
    let sets = session.rows(&journal::select_entries(ledger, version)).await?;
    let rows = sets.first().into_iter().flatten();
    rows.map(|row| journal::entry(row).ok_or_else(|| unreadable(ledger))).collect()
}

impl PostgresSession {
    /// What makes the schema of our own tables, where it is not there. `IF NOT EXISTS` alone would
    /// ask for the right to create schemas where somebody else has made it for us.
    async fn schema(&mut self, ledger: &LedgerId) -> Result<String, BackendError> {
        let schema = journal::schema_of(ledger);
        let sql =
            format!("SELECT FROM pg_catalog.pg_namespace WHERE nspname = {}", literal(schema));
        let is_there = self.rows(&sql).await?.first().is_some_and(|rows| !rows.is_empty());
        if is_there {
            return Ok(String::new());
        }
        Ok(format!("CREATE SCHEMA IF NOT EXISTS {};", identifier(schema)))
    }

    /// What puts back the role and the user that a script has put on between its statements.
    async fn role_of_the_script(&mut self) -> Result<String, BackendError> {
        let sql = "SELECT session_user, pg_catalog.current_setting('role')";
        let sets = self.rows(sql).await?;
        let row = sets.first().and_then(|rows| rows.first());
        let column = |at| row.and_then(|row| text(row, at));
        let mut restore = String::new();
        if let Some(user) = column(0) {
            restore.push_str(&format!("SET LOCAL SESSION AUTHORIZATION {};", identifier(&user)));
        }
        if let Some(role) = column(1).filter(|role| role != "none") {
            restore.push_str(&format!("SET LOCAL ROLE {};", identifier(&role)));
        }
        Ok(restore)
    }
}
