//! Reads what the planner needs: one look at the catalog, one at the ledger. Writes nothing.

use stopover_backend::{
    BackendError, Bookkeeping, CensusScope, FactsReader, FactsRequest, LedgerChoice, LedgerId,
};
use stopover_model::{
    ChecksumKind, DatabaseKind, Facts, Fingerprints, LedgerFacts, LedgerKind, LedgerSeen, Tracker,
    VersionWidth,
};
use tokio_postgres::SimpleQueryRow;

use crate::ledger::{
    self, DBMATE_TABLE, DIESEL_TABLE, FLYWAY_TABLE, GOOSE_TABLE, JOURNAL_TABLE, OWN_SCHEMA,
    OWN_TABLE, REFINERY_TABLE, SQLX_TABLE, journal_schema,
};
use crate::literal::{literal, qualified};
use crate::session::{JournalState, PostgresSession, text};
use crate::sighting::{Candidate, OTHERS_TABLES, RAILS_TABLE, Sighted, own_ledger};

/// What one look at the catalog told.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    request: FactsRequest,
    ledger: LedgerId,
    exists: bool,
    checksums: ChecksumKind,
    seen: Vec<LedgerSeen>,
    role: String,
}

impl Located {
    /// Whether it is this ledger, and was seen.
    pub(crate) fn is_there(&self, ledger: &LedgerId) -> bool {
        self.exists && self.ledger == *ledger
    }
}

/// What tells a database with a history from an empty one.
#[derive(Default)]
struct History {
    trackers: Vec<Tracker>,
    user_tables: Vec<String>,
}

/// How many of the users' tables are told.
const USER_TABLES: usize = 5;

impl FactsReader for PostgresSession {
    async fn locate(&mut self, request: &FactsRequest) -> Result<LedgerId, BackendError> {
        let located = self.look(request).await?;
        let ledger = located.ledger.clone();
        self.located = Some(located);
        Ok(ledger)
    }

    async fn facts(&mut self, request: &FactsRequest) -> Result<Facts, BackendError> {
        // A ledger that is there stays there; one that was not may have been made meanwhile.
        let known = self.located.take().filter(|it| it.exists && it.request == *request);
        let located = match known {
            Some(located) => located,
            None => self.look(request).await?,
        };
        let journal = self.journals.get(&located.ledger).copied();
        let (rows, healed) = if located.exists {
            let journal = journal.unwrap_or(JournalState::Absent);
            let read = ledger::read(self, &located.ledger, journal).await?;
            (read.rows, read.healed)
        } else {
            (Vec::new(), Vec::new())
        };
        // Only beside a ledger without rows does it matter what else is there, and looking through
        // the whole catalog takes longer than all the rest.
        let History { trackers, user_tables } = match rows.as_slice() {
            [] => self.history(&located).await?,
            _ => History::default(),
        };
        let facts = Facts {
            database: DatabaseKind::Postgres,
            ledger: LedgerFacts {
                kind: located.ledger.kind,
                table: shown(&located.ledger.schema, &located.ledger.table),
                exists: located.exists,
                checksums: located.checksums,
                rows,
            },
            ledgers: located.seen.clone(),
            trackers,
            user_tables,
            server_version: self.server_version(),
            role: located.role.clone(),
            plain_strings: self.plain_strings(),
            recoveries: Vec::new(),
            fingerprints: Fingerprints::NotCompared,
            edits: Vec::new(),
            healed,
        };
        self.located = Some(located);
        Ok(facts)
    }
}

impl Bookkeeping for PostgresSession {
    async fn bookkeeping(&mut self, request: &FactsRequest) -> Result<CensusScope, BackendError> {
        let (own_schema, own_table) = own_ledger(&request.ledger);
        let candidates = self.look_at_catalog(&request.ledger).await?.candidates;
        let sets = self.rows_at_leisure(COUNTERS).await?;
        let counters = sets.first().map(Vec::as_slice).unwrap_or_default();
        let ledgers = ledgers_seen(&candidates, own_schema, own_table);
        let journals = candidates.iter().filter(|it| it.table == JOURNAL_TABLE);
        let mut except: Vec<(String, String)> = ledgers
            .iter()
            .map(|(_, it)| *it)
            .chain(journals)
            .map(|it| (it.schema.clone(), it.table.clone()))
            .collect();
        except.extend(counters.iter().filter_map(|row| Some((text(row, 0)?, text(row, 1)?))));
        Ok(CensusScope { except, ..CensusScope::default() })
    }
}

impl PostgresSession {
    /// Looks at the catalog and at the ledger, for the first look at either to find it done. What the
    /// server refuses to tell of the ledger is asked for again by who needs it.
    pub(crate) async fn look_ahead(&mut self, choice: &LedgerChoice) -> Result<(), BackendError> {
        let sighted = self.look_at_catalog(choice).await?;
        let (own_schema, own_table) = own_ledger(choice);
        let seen = ledgers_seen(&sighted.candidates, own_schema, own_table);
        if let Ok((ledger, true)) = choose(choice, &seen, sighted.here.as_deref()) {
            let journal = journal_state(&ledger, &sighted.candidates);
            match ledger::read(self, &ledger, journal).await {
                Ok(read) => self.read_early = Some(read),
                Err(BackendError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.sighted = Some(sighted);
        Ok(())
    }

    async fn look(&mut self, request: &FactsRequest) -> Result<Located, BackendError> {
        let (own_schema, own_table) = own_ledger(&request.ledger);
        let sighted = match self.sighted.take().filter(|it| it.answers(&request.ledger)) {
            Some(sighted) => sighted,
            None => self.look_at_catalog(&request.ledger).await?,
        };
        let Sighted { role, here, candidates, .. } = sighted;

        let seen = ledgers_seen(&candidates, own_schema, own_table);
        let (ledger, exists) = choose(&request.ledger, &seen, here.as_deref())?;
        let state = journal_state(&ledger, &candidates);
        let checksums = checksums(&ledger, &candidates);
        self.journals.insert(ledger.clone(), state);
        let seen: Vec<LedgerSeen> = seen
            .into_iter()
            .map(|(kind, it)| LedgerSeen { kind, table: shown(&it.schema, &it.table) })
            .collect();
        Ok(Located { request: request.clone(), ledger, exists, checksums, seen, role })
    }

    /// What else is there beside a ledger without rows.
    async fn history(&mut self, located: &Located) -> Result<History, BackendError> {
        let own_schema = located.request.ledger.schema.as_deref().unwrap_or(OWN_SCHEMA);
        let sets = self.rows_at_leisure(&history_query(own_schema)).await?;
        let mut sets = sets.iter().map(|rows| rows.iter().filter_map(name));
        let mut set = || sets.next().into_iter().flatten();
        let trackers = set().map(|table| Tracker { table }).collect();
        let is_users = |table: &String| located.seen.iter().all(|ledger| ledger.table != *table);
        Ok(History { trackers, user_tables: set().filter(is_users).take(USER_TABLES).collect() })
    }
}

/// What the catalog tells of a ledger's journal.
fn journal_state(ledger: &LedgerId, candidates: &[Candidate]) -> JournalState {
    let schema = journal_schema(ledger);
    let is_it = |it: &&Candidate| it.schema == schema && it.table == JOURNAL_TABLE;
    candidates.iter().find(is_it).map_or(JournalState::Absent, Candidate::journal_state)
}

fn name(row: &SimpleQueryRow) -> Option<String> {
    Some(shown(&text(row, 0)?, &text(row, 1)?))
}

fn shown(schema: &str, table: &str) -> String {
    format!("{schema}.{table}")
}

/// How the ledger fingerprints migrations: refinery's by the type of its column.
fn checksums(ledger: &LedgerId, candidates: &[Candidate]) -> ChecksumKind {
    let is_it = |it: &&Candidate| it.schema == ledger.schema && it.table == ledger.table;
    let is_wide =
        candidates.iter().find(is_it).is_some_and(|it| it.columns.contains("version bigint"));
    match ledger.kind {
        LedgerKind::Refinery if is_wide => ChecksumKind::Sip13(VersionWidth::Int8),
        kind => kind.checksums(),
    }
}

/// golang-migrate's counters by their columns, whatever schema and name they have. Source of the
/// form: its `database/postgres/postgres.go`.
pub(crate) const COUNTERS: &str = "SELECT n.nspname, c.relname \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND c.relname LIKE '%schema_migrations' \
       AND (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
            AND NOT a.attisdropped) = ARRAY['version', 'dirty'] \
     ORDER BY 1, 2";

/// Another, where it matters: golang-migrate's counters, users' tables.
fn history_query(own_schema: &str) -> String {
    let schema = literal(own_schema);
    let default_schema = literal(OWN_SCHEMA);
    // Ledgers are among them, and are left out afterwards.
    let limit = USER_TABLES + OTHERS_TABLES.len();
    format!(
        "{COUNTERS};\
         SELECT n.nspname, c.relname \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') \
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', {schema}, {default_schema}) \
           AND n.nspname !~ '^pg_' \
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid \
             AND d.deptype = 'e') \
         ORDER BY 1, 2 LIMIT {limit}"
    )
}

type Found<'a> = (LedgerKind, &'a Candidate);

fn ledgers_seen<'a>(candidates: &'a [Candidate], schema: &str, table: &str) -> Vec<Found<'a>> {
    let kind = |it: &Candidate| match it.table.as_str() {
        SQLX_TABLE => Some(LedgerKind::Sqlx),
        DIESEL_TABLE => Some(LedgerKind::Diesel),
        GOOSE_TABLE => Some(LedgerKind::Goose),
        FLYWAY_TABLE => Some(LedgerKind::Flyway),
        REFINERY_TABLE => Some(LedgerKind::Refinery),
        DBMATE_TABLE if is_dbmates(it, candidates) => Some(LedgerKind::Dbmate),
        name if name == table && it.schema == schema => Some(LedgerKind::Stopover),
        _ => None,
    };
    candidates.iter().filter_map(|it| Some((kind(it)?, it))).collect()
}

/// Many tools have a table of this name: golang-migrate's has a column `dirty`, Ecto's a time.
/// dbmate looks for its own on the search path only.
fn is_dbmates(table: &Candidate, candidates: &[Candidate]) -> bool {
    let rails = |it: &Candidate| it.table == RAILS_TABLE && it.schema == table.schema;
    table.columns == "version character varying" && table.visible && !candidates.iter().any(rails)
}

/// The ledger that the choice means: the decided kind, else ours where it is there, else the
/// one other that is there, else the fallback, to be made.
fn choose(
    choice: &LedgerChoice,
    seen: &[Found<'_>],
    here: Option<&str>,
) -> Result<(LedgerId, bool), BackendError> {
    let kinds: Vec<LedgerKind> =
        LedgerKind::ALL.into_iter().filter(|kind| seen.iter().any(|(it, _)| it == kind)).collect();
    let kind = match (choice.kind, kinds.as_slice()) {
        (Some(kind), _) => kind,
        (None, []) => choice.fallback.unwrap_or(LedgerKind::Stopover),
        (None, [LedgerKind::Stopover, ..]) => LedgerKind::Stopover,
        (None, [one]) => *one,
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            return Err(BackendError::Settings {
                message: format!("the database has several ledgers: {}", names.join(", ")),
                remedy:
                    "say which one is used: --ledger NAME, or ledger = \"NAME\" in stopover.toml"
                        .to_owned(),
            });
        }
    };
    let of_kind: Vec<&Candidate> =
        seen.iter().filter(|(it, _)| *it == kind).map(|(_, it)| *it).collect();
    match of_kind.as_slice() {
        [] => Ok((to_be_made(choice, kind, here)?, false)),
        [one] => Ok((ledger_id(kind, &one.schema, &one.table), true)),
        several => match several.iter().find(|it| it.visible) {
            Some(one) => Ok((ledger_id(kind, &one.schema, &one.table), true)),
            None => Err(BackendError::Settings {
                message: format!(
                    "{} stands in several schemas: {}",
                    several[0].table,
                    several.iter().map(|it| it.schema.as_str()).collect::<Vec<_>>().join(", ")
                ),
                remedy: "put the one that is meant on the search path of the role, e.g. with \
                         ?options=-csearch_path%3DSCHEMA in the database URL"
                    .to_owned(),
            }),
        },
    }
}

fn to_be_made(
    choice: &LedgerChoice,
    kind: LedgerKind,
    here: Option<&str>,
) -> Result<LedgerId, BackendError> {
    let nowhere = || BackendError::Settings {
        message: "the role's search path names no schema that is there".to_owned(),
        remedy: "create the schema, or set the role's search_path".to_owned(),
    };
    let there = |table| Ok(ledger_id(kind, here.ok_or_else(nowhere)?, table));
    Ok(match kind {
        LedgerKind::Stopover => ledger_id(
            kind,
            choice.schema.as_deref().unwrap_or(OWN_SCHEMA),
            choice.table.as_deref().unwrap_or(OWN_TABLE),
        ),
        LedgerKind::Sqlx => there(SQLX_TABLE)?,
        LedgerKind::Diesel => there(DIESEL_TABLE)?,
        LedgerKind::Goose => there(GOOSE_TABLE)?,
        LedgerKind::Dbmate => there(DBMATE_TABLE)?,
        LedgerKind::Flyway => there(FLYWAY_TABLE)?,
        LedgerKind::Refinery => there(REFINERY_TABLE)?,
    })
}

fn ledger_id(kind: LedgerKind, schema: &str, table: &str) -> LedgerId {
    LedgerId {
        kind,
        qualified: qualified(schema, table),
        schema: schema.to_owned(),
        table: table.to_owned(),
    }
}
