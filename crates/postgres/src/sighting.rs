//! Which tables may be ledgers or journals: one look at the catalog.
//!
//! A session that was just opened has nothing of the catalog in its memory, and a query costs it
//! more for each of the catalog's tables that it names than for all of its rows. So `pg_class` is
//! asked alone, and columns only of the tables that are told from one another by them.

use std::collections::BTreeMap;

use stopover_backend::{BackendError, LedgerChoice};
use tokio_postgres::SimpleQueryRow;

use crate::ledger::{
    DBMATE_TABLE, DIESEL_TABLE, FLYWAY_TABLE, GOOSE_TABLE, JOURNAL_COLUMNS, JOURNAL_TABLE,
    OWN_SCHEMA, OWN_TABLE, REFINERY_TABLE, SQLX_TABLE,
};
use crate::literal::{literal, unquoted};
use crate::lock::number;
use crate::session::{JournalState, PostgresSession, text, truth};

/// Rails has a table `schema_migrations` of the same form as dbmate's, and this one beside it.
pub(crate) const RAILS_TABLE: &str = "ar_internal_metadata";

/// Tables of other tools, by name; the last is a sign beside one of them.
pub(crate) const OTHERS_TABLES: [&str; 7] = [
    SQLX_TABLE,
    DIESEL_TABLE,
    GOOSE_TABLE,
    DBMATE_TABLE,
    FLYWAY_TABLE,
    REFINERY_TABLE,
    RAILS_TABLE,
];

/// Those whose columns tell whose they are, or of which version.
const TOLD_BY_COLUMNS: [&str; 2] = [DBMATE_TABLE, REFINERY_TABLE];

/// What the catalog says of ledgers and journals, before it is decided which of them is meant.
pub(crate) struct Sighted {
    /// Schema and table of our own ledger, as they were asked for.
    asked: (String, String),
    pub(crate) role: String,
    /// The schema in which an unqualified name is created.
    pub(crate) here: Option<String>,
    pub(crate) candidates: Vec<Candidate>,
}

impl Sighted {
    /// Whether it is what a look for this ledger would tell.
    pub(crate) fn answers(&self, choice: &LedgerChoice) -> bool {
        let (schema, table) = own_ledger(choice);
        self.asked.0 == schema && self.asked.1 == table
    }
}

/// A table of the catalog that may be a ledger or a journal.
pub(crate) struct Candidate {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) visible: bool,
    oid: u32,
    width: Option<u16>,
    /// Names and types, in order: `version bigint, name text`. Only where they tell something.
    pub(crate) columns: String,
}

impl Candidate {
    /// What it is, if it is a journal.
    pub(crate) const fn journal_state(&self) -> JournalState {
        journal_of(self.width)
    }
}

/// How many columns a table `c` of `pg_class` ever had, where the last of them is still there. (Of
/// a column that is not there, nobody has a privilege or has it not: the answer is NULL.)
pub(crate) const WIDTH: &str = "CASE WHEN \
    pg_catalog.has_column_privilege(c.oid, c.relnatts, 'SELECT') IS NOT NULL \
    THEN c.relnatts END";

/// Reads a [`WIDTH`].
pub(crate) fn width(row: &SimpleQueryRow, column: usize) -> Option<u16> {
    text(row, column).and_then(|it| it.parse().ok())
}

/// What a journal of this width is. Columns are only ever added to a journal, by us.
pub(crate) const fn journal_of(width: Option<u16>) -> JournalState {
    match width {
        Some(JOURNAL_COLUMNS..) => JournalState::Present,
        Some(_) | None => JournalState::Older,
    }
}

/// Schema and table of our own ledger.
pub(crate) fn own_ledger(choice: &LedgerChoice) -> (&str, &str) {
    (choice.schema.as_deref().unwrap_or(OWN_SCHEMA), choice.table.as_deref().unwrap_or(OWN_TABLE))
}

impl PostgresSession {
    pub(crate) async fn look_at_catalog(
        &mut self,
        choice: &LedgerChoice,
    ) -> Result<Sighted, BackendError> {
        let (schema, table) = own_ledger(choice);
        let mut sets = self.rows_at_leisure(&catalog_query(table)).await?.into_iter();
        let (session, tables) = (sets.next().unwrap_or_default(), sets.next().unwrap_or_default());
        let role = session.first().and_then(|row| text(row, 0)).unwrap_or_default();
        let here = session.first().and_then(|row| text(row, 1));
        // Reading may meet any process: only what has the run lock must stay with one.
        let pid = session.first().and_then(|row| number(row, 2));
        self.process = self.process.or(pid);
        let mut candidates: Vec<Candidate> = tables.iter().filter_map(candidate).collect();
        candidates.retain(|it| is_meant(it, schema, table));
        candidates.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));
        self.learn_columns(&mut candidates).await?;
        Ok(Sighted { asked: (schema.to_owned(), table.to_owned()), role, here, candidates })
    }

    async fn learn_columns(&mut self, candidates: &mut [Candidate]) -> Result<(), BackendError> {
        let told = candidates.iter().filter(|it| TOLD_BY_COLUMNS.contains(&it.table.as_str()));
        let oids: Vec<String> = told.map(|it| it.oid.to_string()).collect();
        if oids.is_empty() {
            return Ok(());
        }
        let sets = self.rows_at_leisure(&columns_query(&oids)).await?;
        let rows = sets.iter().flatten();
        let columns = rows.filter_map(|row| Some((oid(row, 0)?, text(row, 1)?)));
        let mut columns: BTreeMap<u32, String> = columns.collect();
        for candidate in candidates {
            candidate.columns = columns.remove(&candidate.oid).unwrap_or_default();
        }
        Ok(())
    }
}

/// Whether a table of one of the names is what it may be where it stands.
fn is_meant(candidate: &Candidate, schema: &str, table: &str) -> bool {
    let journals = candidate.table == JOURNAL_TABLE
        && (candidate.schema == schema || candidate.schema == OWN_SCHEMA);
    let own = candidate.table == table && candidate.schema == schema;
    journals || own || OTHERS_TABLES.contains(&candidate.table.as_str())
}

fn candidate(row: &SimpleQueryRow) -> Option<Candidate> {
    Some(Candidate {
        schema: unquoted(&text(row, 0)?),
        table: text(row, 1)?,
        visible: truth(row, 2),
        oid: oid(row, 3)?,
        width: width(row, 4),
        columns: String::new(),
    })
}

fn oid(row: &SimpleQueryRow, column: usize) -> Option<u32> {
    text(row, column)?.parse().ok()
}

/// One round trip: who we are, ledgers and journals.
fn catalog_query(own_table: &str) -> String {
    let others = OTHERS_TABLES.into_iter();
    let names = others.chain([JOURNAL_TABLE, own_table]).map(literal).collect::<Vec<_>>();
    format!(
        "SELECT session_user, pg_catalog.current_schema(), pg_catalog.pg_backend_pid();\
         SELECT c.relnamespace::pg_catalog.regnamespace, c.relname, \
           pg_catalog.pg_table_is_visible(c.oid), c.oid, {WIDTH} \
         FROM pg_catalog.pg_class c \
         WHERE c.relkind IN ('r', 'p') AND c.relname IN ({})",
        names.join(", ")
    )
}

fn columns_query(oids: &[String]) -> String {
    format!(
        "SELECT a.attrelid, pg_catalog.string_agg(a.attname || ' ' || \
           pg_catalog.format_type(a.atttypid, NULL), ', ' ORDER BY a.attnum) \
         FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid IN ({}) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1",
        oids.join(", ")
    )
}
