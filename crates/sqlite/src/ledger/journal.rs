//! The journal: every start, finish and failure, append-only.
//!
//! It is what a non-transactional migration is found again by when it was interrupted. It stands
//! beside our own ledger; a foreign ledger gets one only when something has to be kept in it.

use std::sync::OnceLock;

use rusqlite::{Connection, Row, ToSql, params};
use stopover_backend::{JournalEvent, JournalNote, LedgerId, kept};
use stopover_model::{
    Checksum, HealKind, Healed, JournalEntry, LedgerRow, NewLedgerRow, Step, TOOL_VERSION,
    Unsettled, Version,
};

use super::journal_table;
use crate::literal::qualified;

/// What a line of the schema that an apply left is called.
pub(super) const SCHEMA_EVENT: &str = "schema";

/// The time of a row, in UTC, to the millisecond.
pub(super) const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

fn table(ledger: &LedgerId) -> String {
    qualified(&journal_table(ledger))
}

/// Who is at work: the system's name of the user.
pub(crate) fn actor() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        #[cfg(unix)]
        if let Ok(Some(user)) = nix::unistd::User::from_uid(nix::unistd::geteuid()) {
            return user.name;
        }
        std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default()
    })
}

/// A time as SQLite's `CURRENT_TIMESTAMP` writes it (`2026-01-31 12:34:56`, in UTC), or with its
/// zone.
pub(super) fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| format!("{}Z", text.trim()).parse().ok())
}

/// Makes the journal where it is not there.
pub(super) fn create(ledger: &LedgerId) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (\
           id INTEGER PRIMARY KEY AUTOINCREMENT, \
           at TEXT NOT NULL DEFAULT ({NOW}), \
           ledger TEXT NOT NULL, \
           version TEXT NOT NULL, \
           name TEXT NOT NULL, \
           event TEXT NOT NULL, \
           statement INTEGER NULL, \
           statements INTEGER NULL, \
           statement_checksum TEXT NULL, \
           checksum_before TEXT NULL, \
           checksum_after TEXT NULL, \
           detail TEXT NULL, \
           actor TEXT NOT NULL, \
           tool_version TEXT NOT NULL, \
           script BLOB NULL)",
        table = table(ledger),
    )
}

/// Whether the journal has a column for scripts; one of an older version of this tool has none.
pub(super) fn keeps_scripts(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1, 'main') WHERE name = 'script')";
    connection.prepare_cached(sql)?.query_row([journal_table(ledger)], |row| row.get(0))
}

/// Gives a journal of an older version of this tool what it lacks.
pub(super) fn update(ledger: &LedgerId) -> String {
    format!("ALTER TABLE {} ADD COLUMN script BLOB NULL", table(ledger))
}

/// One row to be written.
pub(super) struct Line {
    version: String,
    name: String,
    event: &'static str,
    statement: Option<usize>,
    statements: Option<usize>,
    statement_checksum: Option<String>,
    before: Option<String>,
    after: Option<String>,
    detail: Option<String>,
    script: Option<Vec<u8>>,
}

impl Line {
    fn of(version: &Version, name: &str, event: &'static str) -> Self {
        Self {
            version: version.to_string(),
            name: name.to_owned(),
            event,
            statement: None,
            statements: None,
            statement_checksum: None,
            before: None,
            after: None,
            detail: None,
            script: None,
        }
    }

    /// An event of a step.
    pub(super) fn of_step(step: &Step, event: &JournalEvent) -> Self {
        let (name, statement, detail) = match event {
            JournalEvent::Begun => ("begun", None, None),
            JournalEvent::TakingBack => ("taking back", None, None),
            JournalEvent::Started { statement } => ("started", Some(*statement), None),
            JournalEvent::Finished { statement } => ("finished", Some(*statement), None),
            JournalEvent::Failed { statement, detail } => ("failed", *statement, Some(detail)),
            JournalEvent::Stopped { statement } => ("stopped", *statement, None),
        };
        let text = step.statements.iter().find(|it| Some(it.index) == statement);
        Self {
            statement,
            statements: Some(step.statements.len()),
            statement_checksum: text.map(|it| it.checksum().hex().to_owned()),
            after: Some(step.sha256.hex().to_owned()),
            detail: detail.cloned(),
            ..Self::of(&step.version, &step.name, name)
        }
    }

    /// The event that goes with a new row of the ledger.
    pub(super) fn applied(row: &NewLedgerRow) -> Self {
        Self {
            after: hex(row.checksum.as_ref()),
            script: row.script.as_deref().and_then(kept),
            ..Self::of(&row.version, &row.name, "applied")
        }
    }

    /// A row that was taken over from another tool's history.
    pub(super) fn adopted(row: &LedgerRow, from: &str) -> Self {
        let name = row.name.as_deref().unwrap_or_default();
        Self {
            after: hex(row.checksum.as_ref()),
            detail: Some(format!("from {from}, {}", row.provenance.name())),
            ..Self::of(&row.version, name, "adopted")
        }
    }

    /// The schema that an apply left; it belongs to no version.
    pub(super) fn of_schema(checksum: &str, script: Option<Vec<u8>>) -> Self {
        Self {
            version: String::new(),
            name: String::new(),
            event: SCHEMA_EVENT,
            statement: None,
            statements: None,
            statement_checksum: None,
            before: None,
            after: Some(checksum.to_owned()),
            detail: None,
            script,
        }
    }

    /// A decision.
    pub(super) fn of_note(note: &JournalNote) -> Self {
        Self {
            before: hex(note.before.as_ref()),
            after: hex(note.after.as_ref()),
            detail: note.reason.clone(),
            script: note.script.as_deref().and_then(kept),
            ..Self::of(&note.version, &note.name, note.event.name())
        }
    }
}

fn hex(checksum: Option<&Checksum>) -> Option<String> {
    checksum.map(|it| it.hex().to_owned())
}

/// Writes a row.
pub(super) fn insert(
    connection: &Connection,
    ledger: &LedgerId,
    line: &Line,
) -> rusqlite::Result<()> {
    // A line without a script fits a journal of any age.
    let keeps = line.script.is_some() && keeps_scripts(connection, ledger)?;
    let (column, place) = if keeps { (", script", ", ?13") } else { ("", "") };
    let sql = format!(
        "INSERT INTO {} (ledger, version, name, event, statement, statements, statement_checksum, \
         checksum_before, checksum_after, detail, actor, tool_version{column}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12{place})",
        table(ledger)
    );
    let number = |it: Option<usize>| it.and_then(|it| i64::try_from(it).ok());
    let (statement, statements) = (number(line.statement), number(line.statements));
    let actor = actor();
    let values: [&dyn ToSql; 13] = [
        &ledger.table,
        &line.version,
        &line.name,
        &line.event,
        &statement,
        &statements,
        &line.statement_checksum,
        &line.before,
        &line.after,
        &line.detail,
        &actor,
        &TOOL_VERSION,
        &line.script,
    ];
    let values = if keeps { &values[..] } else { &values[..12] };
    connection.prepare_cached(&sql)?.execute(values).map(|_| ())
}

/// Every heal, oldest first.
pub(super) fn healed(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<Vec<Healed>> {
    let sql = format!(
        "SELECT version, name, event, detail, checksum_before, checksum_after, at, actor FROM {} \
         WHERE ledger = ?1 AND event IN (?2, ?3) ORDER BY id",
        table(ledger)
    );
    let mut select = connection.prepare(&sql)?;
    let of = [HealKind::Restamp.event(), HealKind::Rerun.event()];
    let rows = select.query_map(params![ledger.table, of[0], of[1]], |row| {
        let (version, event): (String, String) = (row.get(0)?, row.get(2)?);
        let detail: Option<String> = row.get(3)?;
        let read = ledger.kind.version(&version).zip(HealKind::of_event(&event));
        let Some((version, way)) = read else { return Ok(None) };
        Ok(Some(Healed {
            version,
            name: row.get::<_, Option<String>>(1)?.filter(|it| !it.is_empty()),
            class: detail.as_deref().and_then(Healed::class_of),
            way,
            checksum_before: row.get(4)?,
            checksum_after: row.get(5)?,
            at: timestamp(&row.get::<_, String>(6)?),
            by: row.get(7)?,
            detail,
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// The scripts of one version as they were kept, the newest first.
pub(super) fn scripts(
    connection: &Connection,
    ledger: &LedgerId,
    version: &Version,
) -> rusqlite::Result<Vec<Vec<u8>>> {
    if !keeps_scripts(connection, ledger)? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT script FROM {} WHERE ledger = ?1 AND version = ?2 AND script IS NOT NULL \
         ORDER BY id DESC LIMIT 50",
        table(ledger)
    );
    let mut select = connection.prepare(&sql)?;
    select.query_map([&ledger.table, &version.to_string()], |row| row.get(0))?.collect()
}

/// The rows of versions since they were last settled.
fn unsettled(ledger: &LedgerId) -> String {
    format!(
        "FROM {table} j WHERE j.ledger = ?1 \
           AND j.event IN ('begun', 'started', 'finished', 'failed', 'stopped', 'taking back') \
           AND j.id > coalesce((SELECT max(k.id) FROM {table} k \
             WHERE k.ledger = j.ledger AND k.version = j.version \
             AND k.event IN ('applied', 'settled', 'reverted')), 0)",
        table = table(ledger)
    )
}

/// Versions with a start after which nothing says that the migration was settled.
pub(super) fn dirty(
    connection: &Connection,
    ledger: &LedgerId,
) -> rusqlite::Result<Vec<Unsettled>> {
    let sql = format!(
        "SELECT j.version, max(j.name), max(j.statement) FILTER (WHERE j.event = 'started'), \
           coalesce(max(j.statement) FILTER (WHERE j.event = 'finished'), 0), \
           coalesce(max(j.statements), 0), max(j.detail) FILTER (WHERE j.event = 'failed') \
         {} GROUP BY j.version HAVING max(j.event = 'started')",
        unsettled(ledger)
    );
    let mut select = connection.prepare(&sql)?;
    select.query_map([&ledger.table], half_done)?.collect()
}

fn half_done(row: &Row<'_>) -> rusqlite::Result<Unsettled> {
    // Counts of statements: never negative.
    let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(Unsettled {
        version: row.get(0)?,
        name: row.get(1)?,
        started: number(2)?,
        finished: number(3)?,
        count: number(4)?,
        error: row.get(5)?,
    })
}

/// The lines of one version since it was last settled, oldest first.
pub(super) fn entries(
    connection: &Connection,
    ledger: &LedgerId,
    version: &Version,
) -> rusqlite::Result<Vec<JournalEntry>> {
    let sql = format!(
        "SELECT j.event, j.statement, j.statement_checksum {} AND j.version = ?2 ORDER BY j.id",
        unsettled(ledger)
    );
    let mut select = connection.prepare(&sql)?;
    let rows = select.query_map([&ledger.table, &version.to_string()], entry)?;
    rows.filter_map(Result::transpose).collect()
}

/// A line; `None` where a start or a finish does not say of what, as no line of ours does.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<JournalEntry>> {
    let event: String = row.get(0)?;
    let statement = row.get::<_, Option<i64>>(1)?.and_then(|it| usize::try_from(it).ok());
    let checksum = row.get::<_, Option<String>>(2)?.map(Checksum::Sha256);
    Ok(match (event.as_str(), statement) {
        ("begun", _) => Some(JournalEntry::Begun),
        ("taking back", _) => Some(JournalEntry::TakingBack),
        ("started", Some(statement)) => Some(JournalEntry::Started { statement, checksum }),
        ("finished", Some(statement)) => Some(JournalEntry::Finished { statement, checksum }),
        ("started" | "finished", None) => None,
        ("failed", statement) => Some(JournalEntry::Failed { statement, refused: true }),
        (_, statement) => Some(JournalEntry::Failed { statement, refused: false }),
    })
}
