//! Stopover's planner: a pure function from source and ledger to a plan or to every problem.
//!
//! It compares what a source holds with what a ledger says, judges the difference by policy, and
//! turns what is pending into steps that leave the engine no choices. It reads no clock, no disk
//! and no database: equal values in, equal values out, in whatever order rows and files came.

mod boundary;
mod comparison;
mod down;
mod drift;
mod enum_value;
mod foreign_keys;
mod ground;
mod heal;
mod other_files;
mod passages;
mod problems;
mod proof;
mod recovery;
mod script;
mod spelling;
#[cfg(test)]
mod stories;

use stopover_model::report::{AppliedEntry, Drift, DriftKind, PendingEntry};
use stopover_model::{
    DirtyWay, EmptyLedger, Facts, Finding, Migration, Plan, Policy, SourceSet, Step, Version,
};

pub use comparison::differs;
pub use down::{DownSelection, plan_down};
pub use drift::severity;
pub use heal::{applied_text, edit_of, edited, spelled};
pub use proof::{Inventory, rerun_changes, unproven_privileges};
pub use recovery::{interrupted_step, question, verdict};

use comparison::Comparison;
use script::Planned;

/// How a source and a ledger stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the ledger says is applied, ascending by version.
    pub applied: Vec<AppliedEntry>,
    /// In the source and not in the ledger, ascending by version.
    pub pending: Vec<PendingEntry>,
    /// Every difference, whatever the policy makes of it; see [`severity`]. Only an empty ledger
    /// that the policy allows is left out: there is nothing to settle then.
    pub drift: Vec<Drift>,
    /// Everything else: errors first, then warnings, then notes.
    pub findings: Vec<Finding>,
}

/// Which of the pending migrations a plan takes. What is wrong is found in all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All.
    #[default]
    All,
    /// So many, from the lowest version on.
    Next(usize),
    /// Those up to this version, which must be in the source.
    UpTo(Version),
}

impl Selection {
    /// Those that are taken of `pending`, which is ascending by version.
    fn take<T>(&self, pending: Vec<T>, version: impl Fn(&T) -> &Version) -> Vec<T> {
        let all = pending.into_iter();
        match self {
            Self::All => all.collect(),
            Self::Next(count) => all.take(*count).collect(),
            Self::UpTo(last) => all.filter(|it| version(it) <= last).collect(),
        }
    }
}

/// Says how `source` and the ledger in `facts` stand to each other, whole.
#[must_use]
pub fn judge(source: &SourceSet, facts: &Facts, policy: &Policy) -> Judgement {
    let comparison = Comparison::of(source, facts);
    let mut findings = problems::of_source(source);
    findings.extend(problems::of_ledger(source, facts));
    findings.extend(problems::out_of_order(&comparison, policy));
    for pending in &comparison.pending {
        let planned = script::resumed(pending, facts);
        findings.extend(planned.findings.into_iter().filter(Finding::is_error));
    }
    problems::sort(&mut findings);
    Judgement {
        applied: comparison.applied_entries(),
        pending: comparison.pending_entries(),
        drift: drift::find(source, facts, policy, &comparison),
        findings,
    }
}

/// Makes the plan for the selected ones of the pending migrations.
///
/// # Errors
/// Every problem of the whole source and ledger, errors first, where at least one is an error:
/// also of migrations that are not selected. Warnings and notes stand among them.
pub fn plan(
    source: &SourceSet,
    facts: &Facts,
    policy: &Policy,
    selection: &Selection,
) -> Result<Plan, Vec<Finding>> {
    if policy.dirty == DirtyWay::TakeBack && facts.ledger.rows.iter().any(down::is_dirty) {
        return plan_behind_downs(source, facts, policy, selection);
    }
    let comparison = Comparison::of(source, facts);
    let mut findings = problems::of_source(source);
    findings.extend(problems::of_ledger(source, facts));
    let drift = drift::find(source, facts, policy, &comparison);
    // Comparing every file with what was applied is most of a plan's time, and is done there.
    let is_edited = drift.iter().any(|it| it.kind == DriftKind::Modified);
    let problems = drift.into_iter().filter(|drift| !drift::is_healed(drift, policy));
    findings.extend(problems.map(|drift| problems::of_drift(drift, facts)));
    findings.extend(problems::out_of_order(&comparison, policy));
    findings.extend(problems::of_selection(source, selection));

    let pending = comparison.pending.iter();
    let planned: Vec<(&Migration, Planned)> =
        pending.map(|it| (it.migration, script::resumed(it, facts))).collect();
    let is_refused = findings.iter().any(Finding::is_error)
        || planned.iter().any(|(_, it)| it.findings.iter().any(Finding::is_error));
    let chosen = if is_refused {
        planned
    } else {
        selection.take(planned, |(migration, _)| &migration.version)
    };
    let mut steps: Vec<Step> = Vec::with_capacity(chosen.len());
    for (_, planned) in chosen {
        steps.extend(planned.step);
        findings.extend(planned.findings);
    }
    problems::sort(&mut findings);
    if is_refused {
        return Err(findings);
    }
    let heals = match is_edited {
        true => heal::planned(source, facts, &policy.heal),
        false => Vec::new(),
    };
    Ok(Plan { ledger: facts.ledger.kind, heals, downs: Vec::new(), steps, findings })
}

/// The plan that begins with the down scripts of what is dirty, and goes on as if that had never
/// been begun.
fn plan_behind_downs(
    source: &SourceSet,
    facts: &Facts,
    policy: &Policy,
    selection: &Selection,
) -> Result<Plan, Vec<Finding>> {
    let (downs, mut findings) = down::of_dirty(source, facts);
    // What is dirty is a history too: the ledger is not empty because it alone was in it.
    let empty_ledger = EmptyLedger::Allow;
    let policy = Policy { dirty: DirtyWay::GoOn, empty_ledger, ..policy.clone() };
    let planned = plan(source, &down::without_dirty(facts), &policy, selection);
    let is_refused = planned.is_err() || findings.iter().any(Finding::is_error);
    let (plan, found) = match planned {
        Ok(mut plan) => {
            let found = std::mem::take(&mut plan.findings);
            (Some(plan), found)
        }
        Err(found) => (None, found),
    };
    findings.extend(found);
    problems::sort(&mut findings);
    match plan {
        Some(plan) if !is_refused => Ok(Plan { downs, findings, ..plan }),
        _ => Err(findings),
    }
}
