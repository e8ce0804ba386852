//! Edits of migrations that are applied: what they are, and what the policy makes of them.
//!
//! What was applied is found out elsewhere, and stands in the facts; here it is compared with what
//! the file says now.

use stopover_model::{
    Checksum, DatabaseKind, Edit, EditClass, Facts, Fingerprinted, HarmlessEdit, HealMode,
    HealPolicy, HealWay, LedgerRow, Migration, PlannedHeal, RowState, SourceSet,
};
use stopover_sql::{Difference, difference};

use crate::comparison::{Comparison, differs};
use crate::{drift, script, spelling};

/// What is to become of one edit.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) edit: Edit,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is healed like this.
    Heals(HealWay),
    /// It is not, and why not, or what would let it: part of the remedy.
    Refused(String),
}

/// Every applied migration whose file is not the one that was applied, ascending by version: what
/// was applied is worth looking for.
#[must_use]
pub fn edited<'a>(source: &'a SourceSet, facts: &'a Facts) -> Vec<(&'a LedgerRow, &'a Migration)> {
    let comparison = Comparison::of(source, facts);
    let differing = comparison.applied.iter().filter(|it| it.differs);
    let rows = differing.filter_map(|it| Some((it.row, it.migration?)));
    rows.filter(|(row, migration)| is_edited(row, migration, source)).collect()
}

fn is_edited(row: &LedgerRow, migration: &Migration, source: &SourceSet) -> bool {
    row.state == RowState::Done && !drift::collides(source, migration)
}

/// What was applied, if it is `text`, or `text` in another spelling.
#[must_use]
pub fn applied_text(
    migration: Fingerprinted<'_>,
    text: &str,
    applied: &Checksum,
) -> Option<String> {
    let other = Fingerprinted { text, ..migration };
    if applied.is_of(other) {
        return Some(text.to_owned());
    }
    spelling::applied_as(other, applied).map(|it| it.text)
}

/// What an edit is, once what was applied is known.
#[must_use]
pub fn edit_of(
    migration: &Migration,
    database: DatabaseKind,
    applied: &str,
    found: String,
) -> Edit {
    let class = match difference(script::dialect(database), applied, &migration.up.text) {
        Difference::LineEndings => EditClass::LineEndings,
        Difference::Cosmetic => EditClass::Cosmetic,
        Difference::Semantic => EditClass::Semantic,
    };
    Edit { version: migration.version.clone(), class, found }
}

/// What an edit is where the file itself, in another spelling, is what was applied.
#[must_use]
pub fn spelled(migration: &Migration, database: DatabaseKind, applied: &Checksum) -> Option<Edit> {
    let spelling = spelling::applied_as(migration.fingerprinted(), applied)?;
    let found = format!("what was applied is the file saved {}", spelling.described);
    Some(edit_of(migration, database, &spelling.text, found))
}

/// What is to become of the edit of a row's migration; `None` where there is none.
pub(crate) fn judge(
    row: &LedgerRow,
    migration: &Migration,
    facts: &Facts,
    policy: &HealPolicy,
) -> Option<Judged> {
    let applied = row.checksum.as_ref().filter(|_| differs(row, migration))?;
    let known = facts.edits.iter().find(|it| it.version == row.version).cloned();
    let edit = known.or_else(|| spelled(migration, facts.database, applied));
    let edit = edit.unwrap_or_else(|| Edit {
        version: row.version.clone(),
        class: EditClass::Unknown,
        found: "what was applied is not known".to_owned(),
    });
    let outcome = outcome(&edit, row, migration, facts, policy);
    Some(Judged { edit, outcome })
}

fn outcome(
    edit: &Edit,
    row: &LedgerRow,
    migration: &Migration,
    facts: &Facts,
    policy: &HealPolicy,
) -> Outcome {
    if policy.mode == HealMode::Off {
        return Outcome::Refused("heal = \"off\" keeps it from being healed".to_owned());
    }
    if row.state != RowState::Done {
        return Outcome::Refused("whether it finished must be settled first".to_owned());
    }
    if edit.class.is_harmless() && policy.harmless == HarmlessEdit::Restamp {
        return Outcome::Heals(HealWay::Restamp);
    }
    let is_allowed =
        migration.directives.idempotent || policy.idempotent.contains(&migration.version);
    if !is_allowed && edit.class.is_harmless() {
        let why = "restamp = false in the table [heal] keeps it from being healed";
        return Outcome::Refused(why.to_owned());
    }
    if !is_allowed {
        return Outcome::Refused(format!(
            "if it may be run again as it is now, say so: idempotent = [{}] under [heal] in \
             stopover.toml, or `-- stopover: idempotent` in the file; it is run after a proof on \
             a copy",
            quoted(row)
        ));
    }
    rerun(migration, facts)
}

/// A version as a list of TOML has it.
fn quoted(row: &LedgerRow) -> String {
    match row.version.as_integer() {
        Some(version) => version.to_string(),
        None => format!("{:?}", row.version.to_string()),
    }
}

fn rerun(migration: &Migration, facts: &Facts) -> Outcome {
    let planned = script::plan(migration, facts, false);
    if let Some(error) = planned.findings.iter().find(|it| it.is_error()) {
        return Outcome::Refused(format!("it cannot be run again: {}", error.message));
    }
    match planned.step {
        Some(step) if step.boundary.is_transactional() => {
            Outcome::Heals(HealWay::Rerun(Box::new(step)))
        }
        Some(step) => {
            let reason = match step.boundary {
                stopover_model::Boundary::NonTransactional(reason) => reason,
                stopover_model::Boundary::Transactional => String::new(),
            };
            Outcome::Refused(format!(
                "it is never run again by a heal, for it runs without a transaction ({reason}), \
                 and a failure midway would leave half of it"
            ))
        }
        None => Outcome::Refused("it cannot be read".to_owned()),
    }
}

/// The heals of a plan, ascending by version.
pub(crate) fn planned(source: &SourceSet, facts: &Facts, policy: &HealPolicy) -> Vec<PlannedHeal> {
    if policy.mode != HealMode::Heal {
        return Vec::new();
    }
    let heal = |(row, migration): (&LedgerRow, &Migration)| {
        let judged = judge(row, migration, facts, policy)?;
        let Outcome::Heals(way) = judged.outcome else { return None };
        Some(PlannedHeal {
            version: migration.version.clone(),
            name: migration.name.clone(),
            path: migration.up.path.clone(),
            class: judged.edit.class,
            found: judged.edit.found,
            before: row.checksum.clone()?,
            after: row.checksum.as_ref()?.kind().of(migration.fingerprinted())?,
            text: migration.up.text.clone(),
            way,
        })
    };
    edited(source, facts).into_iter().filter_map(heal).collect()
}
