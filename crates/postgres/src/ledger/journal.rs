//! The journal: every start, finish and failure, append-only.
//!
//! It is what a non-transactional migration is found again by when it was interrupted. It stands
//! beside our own ledger; a foreign ledger gets one, in our schema, only when a
//! non-transactional migration needs it.

use stopover_backend::{JournalEvent, JournalNote, LedgerId, kept};
use stopover_model::{
    Checksum, HealKind, Healed, JournalEntry, LedgerKind, NewLedgerRow, Step, TOOL_VERSION,
    Unsettled, Version,
};
use tokio_postgres::SimpleQueryRow;

use super::form::{epoch, moment};
use super::{JOURNAL_TABLE, OWN_SCHEMA, SCRIPT_COLUMN};
use crate::literal::{identifier, literal, optional, qualified, value};
use crate::session::text;

/// The schema that a ledger's journal stands in.
pub(crate) fn schema_of(ledger: &LedgerId) -> &str {
    match ledger.kind {
        LedgerKind::Stopover => &ledger.schema,
        LedgerKind::Sqlx
        | LedgerKind::Diesel
        | LedgerKind::Goose
        | LedgerKind::Dbmate
        | LedgerKind::Flyway
        | LedgerKind::Refinery => OWN_SCHEMA,
    }
}

pub(super) fn table(ledger: &LedgerId) -> String {
    qualified(schema_of(ledger), JOURNAL_TABLE)
}

/// Makes the journal where it is not there. The schema is.
pub(super) fn create(ledger: &LedgerId) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (\
           id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
           at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), \
           ledger text NOT NULL, \
           version text NOT NULL, \
           name text NOT NULL, \
           event text NOT NULL, \
           statement integer NULL, \
           statements integer NULL, \
           statement_checksum text NULL, \
           checksum_before text NULL, \
           checksum_after text NULL, \
           detail text NULL, \
           actor text NOT NULL DEFAULT session_user, \
           tool_version text NOT NULL, \
           script bytea NULL)",
        table = table(ledger),
    )
}

/// Gives a journal of an older version of this tool what it lacks. Readers of the journal are not
/// kept waiting for whoever reads it in a long transaction.
pub(super) fn update(ledger: &LedgerId) -> String {
    format!(
        "BEGIN;SET LOCAL lock_timeout = '2s';\
         ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} bytea NULL;COMMIT",
        table(ledger),
        identifier(SCRIPT_COLUMN),
    )
}

/// What a journal can keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Lines, and the scripts that were applied.
    Scripts,
    /// Lines alone.
    Lines,
}

impl Keeps {
    /// The column and its value, as they go on behind others; nothing where it cannot be kept.
    pub(super) fn script(self, script: Option<&str>) -> (&'static str, String) {
        let bytes = match (self, script) {
            (Self::Scripts, Some(script)) => kept(script),
            _ => None,
        };
        let Some(bytes) = bytes else { return ("", String::new()) };
        let mut value = String::with_capacity(bytes.len() * 2 + 40);
        value.push_str(", pg_catalog.decode('");
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                value.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
        }
        value.push_str("', 'hex')");
        (", script", value)
    }
}

/// One event of a step.
pub(super) fn insert(ledger: &LedgerId, step: &Step, event: &JournalEvent) -> String {
    let (name, statement, detail) = match event {
        JournalEvent::Begun => ("begun", None, None),
        JournalEvent::TakingBack => ("taking back", None, None),
        JournalEvent::Started { statement } => ("started", Some(*statement), None),
        JournalEvent::Finished { statement } => ("finished", Some(*statement), None),
        JournalEvent::Failed { statement, detail } => ("failed", *statement, Some(detail.as_str())),
        JournalEvent::Stopped { statement } => ("stopped", *statement, None),
    };
    let text = step.statements.iter().find(|it| Some(it.index) == statement);
    let text = text.map(|it| it.checksum().hex().to_owned());
    let statement = statement.map_or_else(|| "NULL".to_owned(), |index| index.to_string());
    format!(
        "INSERT INTO {table} (ledger, version, name, event, statement, statements, \
         statement_checksum, checksum_after, detail, tool_version) VALUES ({ledger}, {version}, \
         {migration}, {event}, {statement}, {count}, {text}, {checksum}, {detail}, {tool})",
        table = table(ledger),
        ledger = value(&ledger.qualified),
        version = value(&step.version.to_string()),
        migration = value(&step.name),
        event = literal(name),
        count = step.statements.len(),
        text = optional(text.as_deref()),
        checksum = literal(step.sha256.hex()),
        detail = optional(detail),
        tool = literal(TOOL_VERSION),
    )
}

/// The event that goes with a new row of the ledger.
pub(super) fn insert_applied(ledger: &LedgerId, row: &NewLedgerRow, keeps: Keeps) -> String {
    let (column, script) = keeps.script(row.script.as_deref());
    format!(
        "INSERT INTO {table} (ledger, version, name, event, checksum_after, tool_version{column}) \
         VALUES ({ledger}, {version}, {name}, 'applied', {checksum}, {tool}{script})",
        table = table(ledger),
        ledger = value(&ledger.qualified),
        version = value(&row.version.to_string()),
        name = value(&row.name),
        checksum = optional(row.checksum.as_ref().map(Checksum::hex)),
        tool = literal(TOOL_VERSION),
    )
}

/// A decision.
pub(super) fn insert_note(ledger: &LedgerId, note: &JournalNote, keeps: Keeps) -> String {
    let (column, script) = keeps.script(note.script.as_deref());
    format!(
        "INSERT INTO {table} (ledger, version, name, event, checksum_before, checksum_after, \
         detail, tool_version{column}) VALUES ({ledger}, {version}, {name}, {event}, {before}, \
         {after}, {detail}, {tool}{script})",
        table = table(ledger),
        ledger = value(&ledger.qualified),
        version = value(&note.version.to_string()),
        name = value(&note.name),
        event = literal(note.event.name()),
        before = optional(note.before.as_ref().map(Checksum::hex)),
        after = optional(note.after.as_ref().map(Checksum::hex)),
        detail = optional(note.reason.as_deref()),
        tool = literal(TOOL_VERSION),
    )
}

/// What a run with nothing to do must know: every heal and every start, in any order. One look
/// through the journal, which has a line of each migration that was ever applied.
pub(super) fn select_told(ledger: &LedgerId) -> String {
    format!(
        "SELECT j.version, j.name, j.event, j.detail, j.checksum_before, j.checksum_after, \
           {at}, j.actor, j.id \
         FROM {table} j WHERE j.ledger = {ledger} AND j.event IN ('started', {events})",
        at = epoch("j.at"),
        table = table(ledger),
        ledger = value(&ledger.qualified),
        events = [HealKind::Restamp, HealKind::Rerun].map(|it| literal(it.event())).join(", "),
    )
}

/// Which of the rows of [`select_told`] was written first.
pub(super) fn number(row: &SimpleQueryRow) -> Option<i64> {
    text(row, 8)?.parse().ok()
}

/// Reads a start of [`select_told`]: the version.
pub(super) fn started(row: &SimpleQueryRow) -> Option<String> {
    text(row, 2).filter(|event| event == "started").and_then(|_| text(row, 0))
}

/// Reads a heal of [`select_told`].
pub(super) fn healed(row: &SimpleQueryRow, kind: LedgerKind) -> Option<Healed> {
    let detail = text(row, 3);
    Some(Healed {
        version: kind.version(&text(row, 0)?)?,
        name: text(row, 1).filter(|it| !it.is_empty()),
        class: detail.as_deref().and_then(Healed::class_of),
        way: HealKind::of_event(&text(row, 2)?)?,
        checksum_before: text(row, 4),
        checksum_after: text(row, 5),
        at: moment(row, 6),
        by: text(row, 7),
        detail,
    })
}

/// The scripts of one version, the newest first.
pub(super) fn select_scripts(ledger: &LedgerId, version: &Version) -> String {
    format!(
        "SELECT pg_catalog.encode(j.script, 'hex') FROM {table} j \
         WHERE j.ledger = {ledger} AND j.version = {version} AND j.script IS NOT NULL \
         ORDER BY j.id DESC LIMIT 50",
        table = table(ledger),
        ledger = value(&ledger.qualified),
        version = value(&version.to_string()),
    )
}

/// Reads a row of [`select_scripts`].
pub(super) fn script(row: &SimpleQueryRow) -> Option<Vec<u8>> {
    let digits = text(row, 0)?;
    let pairs = digits.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    pairs.map(byte).collect()
}

/// Versions with a start after which nothing says that the migration was settled.
///
/// A journal has a line of each migration that was ever applied. Asking for the last of each
/// version instead would be so dear by the planner's reckoning that the server compiles the query,
/// which takes longer than everything else together.
pub(super) fn select_dirty(ledger: &LedgerId) -> String {
    format!(
        "SELECT j.version, pg_catalog.max(j.name), \
           pg_catalog.max(j.statement) FILTER (WHERE j.event = 'started'), \
           pg_catalog.max(j.statement) FILTER (WHERE j.event = 'finished'), \
           pg_catalog.max(j.statements), \
           pg_catalog.max(j.detail) FILTER (WHERE j.event = 'failed') \
         FROM {table} j WHERE j.ledger = {ledger} \
           AND j.event IN ('started', 'finished', 'failed') \
           AND NOT EXISTS (SELECT FROM {table} k \
             WHERE k.ledger = j.ledger AND k.version = j.version AND k.id > j.id \
             AND k.event IN ('applied', 'settled', 'reverted')) \
         GROUP BY j.version HAVING pg_catalog.bool_or(j.event = 'started')",
        table = table(ledger),
        ledger = value(&ledger.qualified),
    )
}

/// The lines of one version since it was last settled, oldest first.
pub(super) fn select_entries(ledger: &LedgerId, version: &Version) -> String {
    format!(
        "SELECT j.event, j.statement, j.statement_checksum FROM {table} j \
         WHERE j.ledger = {ledger} AND j.version = {version} \
           AND j.event IN ('begun', 'started', 'finished', 'failed', 'stopped', 'taking back') \
           AND j.id > coalesce((SELECT pg_catalog.max(k.id) FROM {table} k \
             WHERE k.ledger = j.ledger AND k.version = j.version \
             AND k.event IN ('applied', 'settled', 'reverted')), 0) \
         ORDER BY j.id",
        table = table(ledger),
        ledger = value(&ledger.qualified),
        version = value(&version.to_string()),
    )
}

/// Reads a row of [`select_entries`].
pub(super) fn entry(row: &SimpleQueryRow) -> Option<JournalEntry> {
    let statement = text(row, 1).and_then(|it| it.parse().ok());
    let checksum = text(row, 2).map(Checksum::Sha256);
    Some(match text(row, 0)?.as_str() {
        "begun" => JournalEntry::Begun,
        "taking back" => JournalEntry::TakingBack,
        "started" => JournalEntry::Started { statement: statement?, checksum },
        "finished" => JournalEntry::Finished { statement: statement?, checksum },
        "failed" => JournalEntry::Failed { statement, refused: true },
        _ => JournalEntry::Failed { statement, refused: false },
    })
}

/// Reads a row of [`select_dirty`].
pub(super) fn row(row: &SimpleQueryRow) -> Option<Unsettled> {
    let number = |column| text(row, column).and_then(|it| it.parse().ok());
    Some(Unsettled {
        version: text(row, 0)?,
        name: text(row, 1),
        started: number(2)?,
        finished: number(3).unwrap_or(0),
        count: number(4).unwrap_or(0),
        error: text(row, 5),
    })
}
