//! Taking migrations back: the plan of a rollback.

use std::cmp::Reverse;

use stopover_model::{
    Facts, Finding, LedgerRow, Migration, Plan, RowState, SourceSet, Step, Version,
};

use crate::{problems, script};

/// How far back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownSelection {
    /// So many, the newest applied first.
    Steps(usize),
    /// Everything that was applied after this version, which stays.
    To(Version),
}

/// Makes the plan of a rollback: the down scripts of applied migrations, newest applied first (by
/// the time of their application, then by version).
///
/// # Errors
/// Every reason against it, before the first down script runs: a missing file or down script, a
/// migration that is not known to have finished, a script that cannot be read.
pub fn plan_down(
    source: &SourceSet,
    facts: &Facts,
    selection: &DownSelection,
) -> Result<Plan, Vec<Finding>> {
    let mut findings = problems::of_source(source);
    let mut rows: Vec<&LedgerRow> = facts.ledger.rows.iter().collect();
    rows.sort_by_key(|row| Reverse((row.applied_at, row.version.clone())));
    let chosen = match selected(&rows, selection) {
        Ok(chosen) => chosen,
        Err(finding) => {
            findings.push(finding);
            &[]
        }
    };
    let mut steps = Vec::new();
    for row in chosen {
        match reverted(row, source) {
            Ok(down) => {
                let planned = script::plan(&down, facts, false);
                findings.extend(planned.findings);
                steps.extend(planned.step);
            }
            Err(finding) => findings.push(finding),
        }
    }
    problems::sort(&mut findings);
    if findings.iter().any(Finding::is_error) {
        return Err(findings);
    }
    let (heals, downs) = (Vec::new(), Vec::new());
    Ok(Plan { ledger: facts.ledger.kind, heals, downs, steps, findings })
}

fn selected<'a, 'r>(
    rows: &'a [&'r LedgerRow],
    selection: &DownSelection,
) -> Result<&'a [&'r LedgerRow], Finding> {
    match selection {
        DownSelection::Steps(count) => Ok(&rows[..rows.len().min(*count)]),
        DownSelection::To(last) => {
            let found = rows.iter().position(|row| row.version == *last);
            found.map(|at| &rows[..at]).ok_or_else(|| {
                Finding::error(
                    "unknown-version",
                    last.to_string(),
                    format!("migration {last} is not applied: there is nothing to go back to"),
                    "`stopover status -v` lists what is applied",
                )
            })
        }
    }
}

/// The down scripts of migrations that were begun and are not known to have finished, newest first,
/// and every reason why there is none.
pub(crate) fn of_dirty(source: &SourceSet, facts: &Facts) -> (Vec<Step>, Vec<Finding>) {
    let (mut steps, mut findings) = (Vec::new(), Vec::new());
    for row in &facts.ledger.rows {
        let RowState::Dirty(how_far) = &row.state else { continue };
        match down_of(row, source) {
            Ok(down) => {
                let planned = script::plan(&down, facts, false);
                findings.push(taken_back(&row.version, how_far));
                findings.extend(planned.findings);
                steps.extend(planned.step);
            }
            Err(finding) => findings.push(finding),
        }
    }
    steps.sort_by(|one, other| other.version.cmp(&one.version));
    (steps, findings)
}

/// The facts as they are when those have been run.
pub(crate) fn without_dirty(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    facts.ledger.rows.retain(|row| !is_dirty(row));
    facts.recoveries.clear();
    facts
}

pub(crate) fn is_dirty(row: &LedgerRow) -> bool {
    matches!(row.state, RowState::Dirty(_))
}

fn taken_back(version: &Version, how_far: &str) -> Finding {
    Finding::warning(
        "dirty",
        version.to_string(),
        format!(
            "migration {version} was started and is not known to have finished: {how_far}; its down \
             script is run first, then it runs from its beginning"
        ),
        "without --recover-dirty it goes on where it stopped, if the catalog shows where that is",
    )
}

/// The migration that takes another one back: its down script, in the place of the up script.
fn reverted(row: &LedgerRow, source: &SourceSet) -> Result<Migration, Finding> {
    let version = &row.version;
    if let RowState::Dirty(how_far) = &row.state {
        return Err(Finding::error(
            "dirty",
            version.to_string(),
            format!("migration {version} is not known to have finished: {how_far}"),
            format!(
                "`stopover apply` goes on with it, or say what it is: `stopover repair applied \
                 {version}`, `stopover repair pending {version}`; `stopover apply --recover-dirty \
                 down` runs its down script"
            ),
        ));
    }
    down_of(row, source)
}

/// The same, whatever the ledger says of how far it came.
fn down_of(row: &LedgerRow, source: &SourceSet) -> Result<Migration, Finding> {
    let version = &row.version;
    let refuse = |code: &str, message: String, remedy: String| {
        Finding::error(code, version.to_string(), message, remedy)
    };
    let migration = source.get(version).ok_or_else(|| {
        refuse(
            "orphan",
            format!("migration {version} is applied, and its files are not in {}", source.root),
            format!("bring its files back: `git log --all -- {}`", source.root),
        )
    })?;
    let down = migration.down.clone().ok_or_else(|| {
        refuse(
            "no-down",
            format!("migration {version} {} has no down script", migration.name),
            format!("write one beside {}, or go back by restoring a backup", migration.up.path),
        )
    })?;
    Ok(Migration {
        up: down,
        down: None,
        directives: migration.down_directives.clone(),
        ..migration.clone()
    })
}
