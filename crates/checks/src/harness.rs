//! Preflight and postflight: every check, in the order in which people are told.

use std::collections::{BTreeMap, BTreeSet};

use stopover_model::harness::{
    Fact, Health, LostGrant, PostflightLimits, PreflightLimits, Surroundings, TouchedRelation,
};
use stopover_model::report::{CheckEntry, Drift, PendingEntry};
use stopover_model::{Finding, Plan, Schema, TableCensus, Version};

use crate::judged::Judged;
use crate::rules;
use crate::touch::Touch;

/// What the planner made of source and ledger.
#[derive(Debug, Clone, Copy)]
pub enum Planned<'a> {
    /// The plan.
    Plan(&'a Plan),
    /// Every reason why there is none.
    Refused(&'a [Finding]),
}

/// The schema as the last apply left it, and as it is.
#[derive(Debug, Clone)]
pub struct Fingerprint {
    /// When it was recorded, for people.
    pub recorded_at: String,
    /// Its checksum then.
    pub recorded: String,
    /// What it was then; `None` where only the checksum was kept.
    pub then: Option<Schema>,
    /// What it is.
    pub now: Schema,
    /// Migrations that were begun and are not known to have finished: what they made is a difference
    /// too, where the run that began them could record nothing.
    pub interrupted: Vec<String>,
}

/// What is known of the schema that was left.
#[derive(Debug, Clone)]
pub enum LeftSchema {
    /// As the last run left it.
    Known(Box<Fingerprint>),
    /// Something was applied behind the last record, by a run that left none.
    Outdated {
        /// When the last record was made, for people.
        recorded_at: String,
        /// When the last migration was applied, for people.
        applied_at: String,
    },
}

/// What a preflight judges.
#[derive(Debug, Clone, Copy)]
pub struct PreflightFacts<'a> {
    /// What the planner made of it.
    pub planned: &'a Fact<Planned<'a>>,
    /// The schema's fingerprints; [`Fact::NotHere`] where none was recorded.
    pub fingerprint: &'a Fact<LeftSchema>,
    /// What goes on.
    pub around: &'a Surroundings,
    /// What may pass.
    pub limits: &'a PreflightLimits,
    /// The version of the pg_dump that would make the backup, e.g. `15.18`.
    pub dump_version: &'a Fact<String>,
    /// Free bytes where the server keeps its data.
    pub data_dir_free: &'a Fact<u64>,
    /// What the check of the receipt found; [`Fact::NotHere`] where none is required.
    pub receipt: &'a Fact<Vec<Finding>>,
}

/// What came of all checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgements {
    /// Each check.
    pub checks: Vec<CheckEntry>,
    /// Everything that was found, in the checks' order.
    pub findings: Vec<Finding>,
}

impl Judgements {
    fn add(&mut self, code: &str, judged: Judged) {
        judged.into_lists(code, &mut self.checks, &mut self.findings);
    }
}

impl<'a> PreflightFacts<'a> {
    /// The plan, where there is one.
    pub(crate) fn plan(&self) -> Option<&'a Plan> {
        match self.planned.read() {
            Some(Planned::Plan(plan)) => Some(plan),
            _ => None,
        }
    }

    /// The relations that the plan touches.
    pub(crate) fn touched(&self) -> &'a [TouchedRelation] {
        self.around.relations.read().map_or(&[], Vec::as_slice)
    }
}

/// The codes of all checks of a preflight.
const PREFLIGHT: [&str; 14] = [
    "drift",
    "pending",
    "long-transaction",
    "blocking-lock",
    "dump-running",
    "autovacuum-wraparound",
    "prepared-transaction",
    "invalid-index",
    "replication",
    "connections",
    "disk",
    "privileges",
    "version",
    "receipt",
];

/// Every check of a preflight.
#[must_use]
pub fn preflight(facts: &PreflightFacts<'_>) -> Judgements {
    let touch = Touch::of(facts.plan(), facts.around);
    let mut all = Judgements::default();
    all.add("drift", rules::drift::check(facts));
    all.add("pending", rules::pending::check(facts));
    all.add("long-transaction", rules::long_transaction::check(facts, &touch));
    all.add("blocking-lock", rules::blocking_lock::check(facts, &touch));
    all.add("dump-running", rules::dump_running::check(facts));
    all.add("autovacuum-wraparound", rules::autovacuum_wraparound::check(facts, &touch));
    all.add("prepared-transaction", rules::prepared_transaction::check(facts, &touch));
    all.add("invalid-index", rules::invalid_index::before(facts));
    all.add("replication", rules::replication::check(facts));
    all.add("connections", rules::connections::check(facts));
    all.add("disk", rules::disk::check(facts));
    all.add("privileges", rules::privileges::before(facts));
    all.add("version", rules::version::check(facts));
    all.add("receipt", rules::receipt::check(facts));
    all
}

/// The checks of a preflight to which the server gives no connection: the one of connections has
/// found what it looks for, and no other could run.
#[must_use]
pub fn no_connection(reason: &str, remedy: &str) -> Judgements {
    let message = format!(
        "there is no connection left for this role, and nothing else was looked at: {reason}"
    );
    let mut all = Judgements::default();
    for code in PREFLIGHT {
        let judged = match code {
            "connections" => {
                Judged::made(vec![Finding::error(code, "the server", message.clone(), remedy)])
            }
            _ => Judged::blind(),
        };
        all.add(code, judged);
    }
    all
}

/// How source and ledger stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerState {
    /// In the source and not in the ledger.
    pub pending: Vec<PendingEntry>,
    /// Every other difference.
    pub drift: Vec<Drift>,
    /// What else was found of them.
    pub findings: Vec<Finding>,
}

/// A schema that was to come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedSchema {
    /// Who says so, e.g. `the rehearsal of logs/rehearsal-report-….json`.
    pub told_by: String,
    /// Its checksum.
    pub checksum: String,
    /// Its objects, where they are known.
    pub schema: Option<Schema>,
}

/// Rows before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCounts {
    /// Before the apply.
    pub before: Vec<TableCensus>,
    /// After it.
    pub after: Vec<TableCensus>,
    /// What tables of before are called afterwards, where that is another name.
    pub renamed: BTreeMap<String, String>,
    /// Columns of tables that were made again; [`Fact::NotHere`] where none was.
    pub columns: Fact<Vec<ColumnCount>>,
    /// Tables that may lose rows, as the migrations write them.
    pub allowed: Vec<String>,
}

/// In how many rows a column of a table that was made again held a value, and in how many it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnCount {
    /// The table, as it was called.
    pub relation: String,
    /// As it is called afterwards.
    pub relation_after: String,
    /// The column, as it was called.
    pub column: String,
    /// Before the apply.
    pub before: u64,
    /// After it; `None` where the column is not there any more.
    pub after: Option<u64>,
}

/// What a postflight judges.
#[derive(Debug, Clone, Copy)]
pub struct PostflightFacts<'a> {
    /// Source and ledger.
    pub ledger: &'a Fact<LedgerState>,
    /// Versions that were left pending on purpose.
    pub left: &'a BTreeSet<Version>,
    /// What does not work.
    pub health: &'a Health,
    /// Subjects that did not work before the apply either.
    pub broken_before: &'a BTreeSet<String>,
    /// The schema.
    pub schema: &'a Fact<Schema>,
    /// What the schema should be.
    pub expected: &'a [ExpectedSchema],
    /// Rows; [`Fact::NotHere`] where nobody counted them before.
    pub rows: &'a Fact<RowCounts>,
    /// Rights that rebuilt tables have lost; [`Fact::NotHere`] where nobody looked before.
    pub lost: &'a Fact<Vec<LostGrant>>,
    /// What may be taken.
    pub limits: &'a PostflightLimits,
}

/// Every check of a postflight.
#[must_use]
pub fn postflight(facts: &PostflightFacts<'_>) -> Judgements {
    let mut all = Judgements::default();
    all.add("ledger", rules::ledger::check(facts));
    all.add("dirty", rules::dirty::check(facts));
    all.add("fk-not-validated", rules::fk_not_validated::check(facts));
    all.add("fk-orphans", rules::fk_orphans::check(facts));
    all.add("invalid-index", rules::invalid_index::after(facts));
    all.add("invalid-constraint", rules::invalid_constraint::check(facts));
    all.add("broken-view", rules::broken_view::check(facts));
    all.add("damage", rules::damage::check(facts));
    all.add("schema-checksum", rules::schema_checksum::check(facts));
    all.add("census", rules::census::check(facts));
    all.add("privileges", rules::privileges::after(facts));
    all
}
