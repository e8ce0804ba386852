//! `status` and `plan`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DatabaseKind, EditClass, Finding, HealKind, HealWay, Healed, LedgerKind, Plan, PlannedHeal,
    PlannedLock, Provenance, Severity, TOOL_VERSION, Version,
};

use super::SCHEMA_VERSION;

/// Which ledger a document speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// Whose it is.
    pub kind: LedgerKind,
    /// The table's qualified name.
    pub table: String,
}

/// One applied migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedEntry {
    /// The version.
    pub version: Version,
    /// The name; null where neither ledger nor source knows it.
    pub name: Option<String>,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// The checksum in the ledger, hex.
    pub checksum: Option<String>,
    /// How the row came into the ledger.
    pub provenance: Provenance,
}

/// One pending migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingEntry {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// Whether a higher version is applied already.
    pub out_of_order: bool,
}

/// The kinds of drift.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DriftKind {
    /// In the ledger, not in the source.
    Orphan,
    /// Applied with another checksum.
    Modified,
    /// Applied under another name.
    Renamed,
    /// Two files of one version.
    Collision,
    /// Started, not known to have finished.
    Dirty,
    /// Tables, but no history.
    EmptyLedger,
}

impl DriftKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Orphan,
        Self::Modified,
        Self::Renamed,
        Self::Collision,
        Self::Dirty,
        Self::EmptyLedger,
    ];

    /// The kebab-case code, as findings carry it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Modified => "modified",
            Self::Renamed => "renamed",
            Self::Collision => "collision",
            Self::Dirty => "dirty",
            Self::EmptyLedger => "empty-ledger",
        }
    }
}

/// One difference between source and ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// Which kind.
    pub kind: DriftKind,
    /// How bad it is by the policy: an error keeps everything from being applied.
    pub severity: Severity,
    /// The version; null where the drift is of the whole ledger.
    pub version: Option<Version>,
    /// The name, where one is known.
    pub name: Option<String>,
    /// What the edit is, of a modified migration; else null.
    pub class: Option<EditClass>,
    /// What was found.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// The document of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// Whose database it is.
    pub database: DatabaseKind,
    /// The ledger that was read.
    pub ledger: LedgerEntry,
    /// Applied, ascending.
    pub applied: Vec<AppliedEntry>,
    /// Pending, ascending.
    pub pending: Vec<PendingEntry>,
    /// Drift, whole.
    pub drift: Vec<Drift>,
    /// Every edit that was ever healed on this ledger, oldest first.
    pub healed: Vec<Healed>,
    /// Everything else that was found in the source.
    pub findings: Vec<Finding>,
}

/// One statement of a planned step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatementEntry {
    /// Position in the migration, from 1.
    pub index: usize,
    /// Line in the file, from 1.
    pub line: usize,
    /// PostgreSQL's command tag.
    pub tag: String,
    /// Locks as far as the text tells.
    pub locks: Vec<PlannedLock>,
}

/// One step of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// The file.
    pub file: String,
    /// Whether statements and ledger row are one transaction.
    pub transactional: bool,
    /// Why it is none, where it is none.
    pub reason: Option<String>,
    /// Pending below the highest applied version.
    pub out_of_order: bool,
    /// The statements.
    pub statements: Vec<StatementEntry>,
}

/// One edit of an applied migration that the plan heals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealEntry {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// The file.
    pub file: String,
    /// What the edit is.
    pub class: EditClass,
    /// Where what was applied was found, or was not.
    pub found: String,
    /// What is done.
    pub way: HealKind,
    /// The ledger's checksum.
    pub checksum_before: String,
    /// The file's.
    pub checksum_after: String,
    /// What is run again; empty for a restamp.
    pub statements: Vec<StatementEntry>,
}

/// The document of `plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// The version of the document's form, raised when a field changes its meaning or goes away.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// The plan's hash; null when problems forbid a plan.
    pub plan_hash: Option<String>,
    /// Whose database it is.
    pub database: DatabaseKind,
    /// The ledger that the steps are recorded in.
    pub ledger: LedgerEntry,
    /// Edits that are healed before the first step, ascending.
    pub heals: Vec<HealEntry>,
    /// Down scripts of dirty migrations that are run before the first step, newest first.
    pub downs: Vec<PlannedStep>,
    /// The steps, ascending; empty when problems forbid a plan.
    pub steps: Vec<PlannedStep>,
    /// Everything that was found; an error among them forbids the plan.
    pub problems: Vec<Finding>,
}

impl PlanReport {
    /// The document of a plan that can be carried out.
    #[must_use]
    pub fn of_plan(plan: &Plan, database: DatabaseKind, table: &str) -> Self {
        let steps = plan.steps.iter().map(PlannedStep::of).collect();
        Self {
            plan_hash: Some(plan.hash()),
            heals: plan.heals.iter().map(HealEntry::of).collect(),
            downs: plan.downs.iter().map(PlannedStep::of).collect(),
            steps,
            ..Self::of_problems(database, plan.ledger, table, plan.findings.clone())
        }
    }

    /// The document of problems that forbid a plan.
    #[must_use]
    pub fn of_problems(
        database: DatabaseKind,
        kind: LedgerKind,
        table: &str,
        problems: Vec<Finding>,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            plan_hash: None,
            database,
            ledger: LedgerEntry { kind, table: table.to_owned() },
            heals: Vec::new(),
            downs: Vec::new(),
            steps: Vec::new(),
            problems,
        }
    }
}

impl PlannedStep {
    fn of(step: &crate::Step) -> Self {
        let reason = match &step.boundary {
            crate::Boundary::Transactional => None,
            crate::Boundary::NonTransactional(reason) => Some(reason.clone()),
        };
        Self {
            version: step.version.clone(),
            name: step.name.clone(),
            file: step.path.clone(),
            transactional: step.boundary.is_transactional(),
            reason,
            out_of_order: step.out_of_order,
            statements: entries(step),
        }
    }
}

impl HealEntry {
    fn of(heal: &PlannedHeal) -> Self {
        Self {
            version: heal.version.clone(),
            name: heal.name.clone(),
            file: heal.path.clone(),
            class: heal.class,
            found: heal.found.clone(),
            way: heal.kind(),
            checksum_before: heal.before.hex().to_owned(),
            checksum_after: heal.after.hex().to_owned(),
            statements: match &heal.way {
                HealWay::Restamp => Vec::new(),
                HealWay::Rerun(step) => entries(step),
            },
        }
    }
}

fn entries(step: &crate::Step) -> Vec<StatementEntry> {
    let entry = |it: &crate::PlannedStatement| StatementEntry {
        index: it.index,
        line: it.line,
        tag: it.tag.clone(),
        locks: it.locks.clone(),
    };
    step.statements.iter().map(entry).collect()
}
