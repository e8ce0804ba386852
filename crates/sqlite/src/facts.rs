//! Reads what the planner needs: one look at the catalog, one at the ledger. Writes nothing, and
//! makes no file: a database that is not there has no ledger and no tables.

use rusqlite::Connection;
use stopover_backend::{
    BackendError, Bookkeeping, CensusScope, FactsReader, FactsRequest, LedgerChoice, LedgerId,
};
use stopover_model::{
    ChecksumKind, DatabaseKind, Facts, Fingerprints, LedgerFacts, LedgerKind, LedgerSeen,
    PlainStrings, Tracker,
};

use crate::error::request_error;
use crate::held::Held;
use crate::ledger::{
    self, DBMATE_TABLE, DIESEL_TABLE, FLYWAY_TABLE, GOOSE_TABLE, OWN_PREFIX, OWN_TABLE,
    REFINERY_TABLE, SQLX_TABLE, actor, journal_table, ledger_id,
};
use crate::session::SqliteSession;

/// Rails has a table `schema_migrations` of the same form as dbmate's, and this one beside it.
const RAILS_TABLE: &str = "ar_internal_metadata";

/// What one look at the catalog told.
struct Located {
    ledger: LedgerId,
    exists: bool,
    seen: Vec<LedgerSeen>,
}

impl FactsReader for SqliteSession {
    async fn locate(&mut self, request: &FactsRequest) -> Result<LedgerId, BackendError> {
        let choice = request.ledger.clone();
        let located = self.call(move |held| locate(held.reading()?.as_deref(), &choice)).await??;
        Ok(located.ledger)
    }

    async fn facts(&mut self, request: &FactsRequest) -> Result<Facts, BackendError> {
        let choice = request.ledger.clone();
        self.call(move |held| {
            let mut facts = read(held, &choice)?;
            while held.outrun()? {
                facts = read(held, &choice)?;
            }
            Ok(facts)
        })
        .await?
    }
}

impl Bookkeeping for SqliteSession {
    async fn bookkeeping(&mut self, request: &FactsRequest) -> Result<CensusScope, BackendError> {
        let choice = LedgerChoice { kind: Some(LedgerKind::Stopover), ..request.ledger.clone() };
        self.call(move |held| {
            let Some(connection) = held.reading()? else { return Ok(CensusScope::default()) };
            let Located { ledger, seen, .. } = locate(Some(&*connection), &choice)?;
            let mut tables: Vec<String> = seen.into_iter().map(|it| it.table).collect();
            // The journal beside another tool's ledger has the usual prefix.
            tables.extend([journal_table(&ledger), journal_table(&others_ledger())]);
            tables.extend(trackers(connection).map_err(|error| request_error(&error))?);
            let except = tables.into_iter().map(|table| ("main".to_owned(), table)).collect();
            Ok(CensusScope { except, ..CensusScope::default() })
        })
        .await?
    }
}

/// A ledger of another tool's: all of them have the same journal beside them.
fn others_ledger() -> LedgerId {
    ledger_id(LedgerKind::Sqlx, "main", SQLX_TABLE)
}

/// Everything of one moment: a transaction that reads sees no half of what others write.
fn read(held: &mut Held, choice: &LedgerChoice) -> Result<Facts, BackendError> {
    let refused = |error: rusqlite::Error| request_error(&error);
    let facts = match held.reading()? {
        None => facts(None, choice)?,
        Some(connection) => {
            let moment = connection.unchecked_transaction().map_err(refused)?;
            facts(Some(&moment), choice)?
        }
    };
    let ledger = locate(held.open_connection(), choice)?.ledger;
    held.remember(&ledger)?;
    Ok(facts)
}

fn facts(connection: Option<&Connection>, choice: &LedgerChoice) -> Result<Facts, BackendError> {
    let refused = |error: rusqlite::Error| request_error(&error);
    let Located { ledger, exists, seen } = locate(connection, choice)?;
    let rows = match connection {
        Some(connection) if exists => ledger::read(connection, &ledger)?,
        _ => Vec::new(),
    };
    let healed = match connection {
        Some(connection) if exists => ledger::healed(connection, &ledger)?,
        _ => Vec::new(),
    };
    let default = Ok(ledger.kind.checksums());
    let checksums = connection.map_or(default, |it| checksums(it, &ledger)).map_err(refused)?;
    let trackers = connection.map_or(Ok(Vec::new()), trackers).map_err(refused)?;
    let tables = connection.map_or(Ok(Vec::new()), |it| user_tables(it, &ledger, &seen));
    Ok(Facts {
        database: DatabaseKind::Sqlite,
        ledger: LedgerFacts { kind: ledger.kind, table: ledger.table, exists, checksums, rows },
        ledgers: seen,
        trackers: trackers.into_iter().map(|table| Tracker { table }).collect(),
        user_tables: tables.map_err(refused)?,
        server_version: rusqlite::version().to_owned(),
        role: actor().to_owned(),
        plain_strings: PlainStrings::Standard,
        recoveries: Vec::new(),
        fingerprints: Fingerprints::NotCompared,
        edits: Vec::new(),
        healed,
    })
}

/// The ledger that the choice means: the decided kind, else ours where it is there, else the one
/// other that is there, else the fallback, to be made.
fn locate(connection: Option<&Connection>, choice: &LedgerChoice) -> Result<Located, BackendError> {
    let prefix = choice.schema.as_deref().unwrap_or(OWN_PREFIX);
    let own = format!("{prefix}_{}", choice.table.as_deref().unwrap_or(OWN_TABLE));
    let id = |kind| match kind {
        LedgerKind::Stopover => ledger_id(kind, prefix, &own),
        LedgerKind::Sqlx => ledger_id(kind, "main", SQLX_TABLE),
        LedgerKind::Diesel => ledger_id(kind, "main", DIESEL_TABLE),
        LedgerKind::Goose => ledger_id(kind, "main", GOOSE_TABLE),
        LedgerKind::Dbmate => ledger_id(kind, "main", DBMATE_TABLE),
        LedgerKind::Flyway => ledger_id(kind, "main", FLYWAY_TABLE),
        LedgerKind::Refinery => ledger_id(kind, "main", REFINERY_TABLE),
    };
    let mut seen: Vec<LedgerId> = Vec::new();
    for ledger in LedgerKind::ALL.into_iter().map(id) {
        let there = connection.map_or(Ok(false), |it| is_its(it, &ledger));
        if there.map_err(|error| request_error(&error))? {
            seen.push(ledger);
        }
    }
    let kind = chosen(choice, &seen)?;
    let shown = |it: &LedgerId| LedgerSeen { kind: it.kind, table: it.table.clone() };
    Ok(Located {
        exists: seen.iter().any(|it| it.kind == kind),
        ledger: id(kind),
        seen: seen.iter().map(shown).collect(),
    })
}

/// Whether the tool's table is there. Many tools have a table `schema_migrations`: golang-migrate's
/// has a column `dirty`, and Rails has another table beside it.
fn is_its(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<bool> {
    if ledger.kind != LedgerKind::Dbmate {
        return ledger::is_there(connection, &ledger.table);
    }
    let columns = names(connection, "SELECT name FROM pragma_table_info('schema_migrations')")?;
    Ok(columns == ["version"] && !ledger::is_there(connection, RAILS_TABLE)?)
}

/// How the ledger fingerprints migrations: refinery's by the type of its column.
fn checksums(connection: &Connection, ledger: &LedgerId) -> rusqlite::Result<ChecksumKind> {
    Ok(match ledger.kind {
        LedgerKind::Refinery => ChecksumKind::Sip13(ledger::width(connection, ledger)?),
        kind => kind.checksums(),
    })
}

fn chosen(choice: &LedgerChoice, seen: &[LedgerId]) -> Result<LedgerKind, BackendError> {
    let kinds: Vec<LedgerKind> = seen.iter().map(|it| it.kind).collect();
    match (choice.kind, kinds.as_slice()) {
        (Some(kind), _) => Ok(kind),
        (None, []) => Ok(choice.fallback.unwrap_or(LedgerKind::Stopover)),
        (None, [LedgerKind::Stopover, ..]) => Ok(LedgerKind::Stopover),
        (None, [one]) => Ok(*one),
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(BackendError::Settings {
                message: format!("the database has several ledgers: {}", names.join(", ")),
                remedy:
                    "say which one is used: --ledger NAME, or ledger = \"NAME\" in stopover.toml"
                        .to_owned(),
            })
        }
    }
}

/// golang-migrate's counters. Source: its `database/sqlite3/sqlite3.go`.
pub(crate) fn trackers(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    names(
        connection,
        "SELECT t.name FROM main.sqlite_schema t \
         WHERE t.type = 'table' AND t.name LIKE '%schema\\_migrations' ESCAPE '\\' \
         AND (SELECT group_concat(c.name, ',') FROM pragma_table_info(t.name, 'main') c) \
           = 'version,dirty' \
         ORDER BY t.name",
    )
}

/// Tables and views that are neither SQLite's own, nor a virtual table's inner ones, nor ledgers.
fn user_tables(
    connection: &Connection,
    ledger: &LedgerId,
    seen: &[LedgerSeen],
) -> rusqlite::Result<Vec<String>> {
    let journal = journal_table(ledger);
    let is_ours = |it: &String| *it == journal || seen.iter().any(|ledger| ledger.table == *it);
    let all = names(
        connection,
        "SELECT name FROM pragma_table_list \
         WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    Ok(all.into_iter().filter(|it| !is_ours(it)).take(5).collect())
}

fn names(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}
