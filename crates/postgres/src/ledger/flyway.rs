//! Flyway's ledger, written exactly as Flyway writes it.
//!
//! Source: Flyway 11, `PostgreSQLDatabase.java` (the table), `JdbcTableSchemaHistory.java` and
//! `SchemaHistory.java` (rows), `CoreMigrationType.java` (types). A row for each event, in the
//! order of `installed_rank`: what a version is follows from all of its rows. A repeatable
//! migration has no version and a row for each time it ran.

use stopover_backend::LedgerId;
use stopover_model::{
    Checksum, LedgerKind, LedgerRow, NewLedgerRow, Provenance, RowState, Version,
};
use tokio_postgres::SimpleQueryRow;

use super::form::{Form, local_time};
use super::milliseconds;
use crate::literal::{identifier, literal, optional, value};
use crate::session::{text, truth};

/// Its form.
pub(super) struct Flyway;

impl Form for Flyway {
    fn create(&self, ledger: &LedgerId) -> String {
        let table = &ledger.qualified;
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\
               \"installed_rank\" INT NOT NULL CONSTRAINT {key} PRIMARY KEY, \
               \"version\" VARCHAR(50), \
               \"description\" VARCHAR(200) NOT NULL, \
               \"type\" VARCHAR(20) NOT NULL, \
               \"script\" VARCHAR(1000) NOT NULL, \
               \"checksum\" INTEGER, \
               \"installed_by\" VARCHAR(100) NOT NULL, \
               \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(), \
               \"execution_time\" INTEGER NOT NULL, \
               \"success\" BOOLEAN NOT NULL);\
             CREATE INDEX IF NOT EXISTS {index} ON {table} (\"success\")",
            key = identifier(&format!("{}_pk", ledger.table)),
            index = identifier(&format!("{}_s_idx", ledger.table)),
        )
    }

    fn select(&self, ledger: &LedgerId) -> String {
        format!(
            "SELECT version, description, type, checksum, success, {} FROM {} \
             ORDER BY installed_rank",
            local_time("installed_on"),
            ledger.qualified
        )
    }

    fn rows(&self, found: &[SimpleQueryRow]) -> Option<Vec<LedgerRow>> {
        fold(found.iter().map(event))
    }

    fn insert(&self, ledger: &LedgerId, row: &NewLedgerRow) -> Vec<String> {
        let begun = format!(
            "DELETE FROM {} WHERE NOT success AND {}",
            ledger.qualified,
            is_of(&row.version)
        );
        let new = NewRow {
            version: &row.version,
            name: &row.name,
            script: &row.file,
            checksum: row.checksum.as_ref(),
            milliseconds: &format!("({})::integer", milliseconds(row)),
            success: true,
        };
        vec![begun, new.insert(ledger)]
    }

    /// The script's name is guessed from version and name: the row is replaced when it ends.
    fn begin(
        &self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Option<String> {
        let script = match version {
            Version::Repeatable(_) => format!("R__{name}.sql"),
            version => format!("V{version}__{name}.sql"),
        };
        let script = &script;
        let row = NewRow { version, name, script, checksum, milliseconds: "0", success: false };
        Some(row.insert(ledger))
    }

    fn restamp(
        &self,
        ledger: &LedgerId,
        version: &Version,
        name: &str,
        checksum: Option<&Checksum>,
    ) -> Option<String> {
        let description = LedgerKind::Flyway.stored_name(name)?;
        Some(format!(
            "UPDATE {} SET description = {}, checksum = {} WHERE {}",
            ledger.qualified,
            value(&description),
            checksum.map_or("NULL", Checksum::hex),
            is_of(version),
        ))
    }

    fn forget(&self, ledger: &LedgerId, version: &Version) -> String {
        format!("DELETE FROM {} WHERE {}", ledger.qualified, is_of(version))
    }
}

/// A row to be written.
struct NewRow<'a> {
    version: &'a Version,
    name: &'a str,
    script: &'a str,
    checksum: Option<&'a Checksum>,
    /// An expression.
    milliseconds: &'a str,
    success: bool,
}

impl NewRow<'_> {
    fn insert(&self, ledger: &LedgerId) -> String {
        let version = match self.version {
            Version::Repeatable(_) => None,
            version => Some(version.to_string()),
        };
        format!(
            "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, \
             installed_by, execution_time, success) \
             SELECT coalesce(pg_catalog.max(installed_rank), 0) + 1, {version}, {description}, \
               'SQL', {script}, {checksum}, current_user, {milliseconds}, {success} FROM {table}",
            table = ledger.qualified,
            version = optional(version.as_deref()),
            description = value(&LedgerKind::Flyway.stored_name(self.name).unwrap_or_default()),
            script = value(&abbreviated(self.script)),
            checksum = self.checksum.map_or("NULL", Checksum::hex),
            milliseconds = self.milliseconds,
            success = self.success,
        )
    }
}

/// `AbbreviationUtils.abbreviateScript`: the column holds 1000 characters.
fn abbreviated(script: &str) -> String {
    const LIMIT: usize = 1000;
    if script.chars().count() <= LIMIT {
        return script.to_owned();
    }
    format!("...{}", script.chars().take(LIMIT).skip(3).collect::<String>())
}

/// The condition that a row is of `version`, however the row spells it: `1.0` is `1`.
fn is_of(version: &Version) -> String {
    match version {
        Version::Repeatable(description) => {
            let description = LedgerKind::Flyway.stored_name(description).unwrap_or_default();
            format!("version IS NULL AND description = {}", value(&description))
        }
        Version::Dotted(dotted) => format!(
            "pg_catalog.regexp_replace(pg_catalog.regexp_replace(version, \
               '(^|[.])0+([0-9])', E'\\\\1\\\\2', 'g'), '([.]0)+$', '') = {}",
            literal(&dotted.canonical())
        ),
        other => format!("version = {}", literal(&other.to_string())),
    }
}

/// What a row tells of.
enum Event {
    /// Nothing about migrations: Flyway made the schema.
    Other,
    /// It ran, or failed to.
    Ran(LedgerRow),
    /// Versions up to this one count as applied.
    Baseline(LedgerRow),
    /// It was taken back, or is said to be gone.
    Gone(Version),
}

/// Reads a row of the select.
fn event(row: &SimpleQueryRow) -> Option<Event> {
    let (description, kind) = (text(row, 1)?, text(row, 2)?);
    let success = truth(row, 4);
    let version = match text(row, 0) {
        Some(version) => Version::flyway(&version)?,
        None => Version::Repeatable(description.clone()),
    };
    let ledger_row = |provenance, state| LedgerRow {
        version: version.clone(),
        name: Some(description.clone()),
        applied_at: text(row, 5).and_then(|at| at.parse().ok()),
        checksum: text(row, 3).map(Checksum::Crc32),
        provenance,
        state,
    };
    Some(match kind.as_str() {
        "SCHEMA" => Event::Other,
        "DELETE" => Event::Gone(version),
        undo if undo.starts_with("UNDO") => {
            if success {
                Event::Gone(version)
            } else {
                Event::Other
            }
        }
        // A baseline migration, too, stands for every version up to its own.
        baseline if baseline.ends_with("BASELINE") => Event::Baseline(LedgerRow {
            checksum: None,
            ..ledger_row(Provenance::Assumed, RowState::Baseline)
        }),
        _ if success => Event::Ran(ledger_row(Provenance::Applied, RowState::Done)),
        _ => {
            let state = RowState::Dirty("its row says success = false".to_owned());
            Event::Ran(ledger_row(Provenance::Applied, state))
        }
    })
}

/// What all events come to: the last one of a version holds.
fn fold(events: impl Iterator<Item = Option<Event>>) -> Option<Vec<LedgerRow>> {
    let mut rows: Vec<LedgerRow> = Vec::new();
    for event in events {
        match event? {
            Event::Other => {}
            Event::Gone(version) => rows.retain(|row| row.version != version),
            Event::Ran(new) | Event::Baseline(new) => {
                rows.retain(|row| row.version != new.version);
                rows.push(new);
            }
        }
    }
    Some(rows)
}
