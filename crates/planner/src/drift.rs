//! Every kind of drift: found whole, judged by policy.

use stopover_model::report::{Drift, DriftKind};
use stopover_model::{
    EditClass, EmptyLedger, Facts, Finding, HealMode, HealWay, LedgerRow, Migration, OrphanPolicy,
    Policy, Recovery, RowState, Severity, SourceSet, detail_list,
};

use crate::comparison::{Applied, Comparison, Pending};
use crate::heal::{self, Judged, Outcome};

/// What the policy makes of a kind of drift.
#[must_use]
pub const fn severity(kind: DriftKind, policy: &Policy) -> Severity {
    match (kind, policy.orphan, policy.empty_ledger) {
        (DriftKind::Orphan, OrphanPolicy::Warn, _)
        | (DriftKind::EmptyLedger, _, EmptyLedger::Allow) => Severity::Warning,
        _ => Severity::Error,
    }
}

/// Finds all drift: of the whole ledger, then of the source, then by version.
pub(crate) fn find(
    source: &SourceSet,
    facts: &Facts,
    policy: &Policy,
    comparison: &Comparison<'_>,
) -> Vec<Drift> {
    let mut found: Vec<Drift> = empty_ledger(facts, policy).into_iter().collect();
    let collisions = source.findings.iter().filter(|it| is_collision(it));
    found.extend(collisions.map(|it| collision(it, source, policy)));
    for &Applied { row, migration, differs } in &comparison.applied {
        let name = || comparison.shown_name(row, migration);
        let told = |(kind, message, remedy)| Drift {
            kind,
            severity: severity(kind, policy),
            version: Some(row.version.clone()),
            name: name(),
            class: None,
            message,
            remedy,
        };
        found.extend(dirty(row, migration, facts).map(told));
        match migration {
            // Which of several files is the one that was applied is not known before the collision
            // is settled: comparing any one of them would send the reader the wrong way.
            Some(migration) if collides(source, migration) => {}
            // It stands for every version up to its own, and for none alone.
            _ if row.state == RowState::Baseline => {}
            Some(migration) => {
                let modified = differs.then(|| modified(row, migration, facts, policy)).flatten();
                found.extend(modified.map(|it| Drift { name: name(), ..it }));
                found.extend(renamed(row, migration, facts).map(told));
            }
            None if comparison.comparable => found.push(told(orphan(row, source, policy))),
            None => {}
        }
    }
    found.extend(resumed(comparison));
    found
}

fn collision(told: &Finding, source: &SourceSet, policy: &Policy) -> Drift {
    let of_version = |migration: &&Migration| migration.version.to_string() == told.subject;
    let migration = source.migrations.iter().find(of_version);
    Drift {
        kind: DriftKind::Collision,
        severity: severity(DriftKind::Collision, policy),
        version: migration.map(|it| it.version.clone()),
        name: migration.map(|it| it.name.clone()),
        class: None,
        message: told.message.clone(),
        remedy: told.remedy.clone(),
    }
}

/// Migrations that were interrupted and go on by themselves: dirty, and nothing to settle.
fn resumed(comparison: &Comparison<'_>) -> Vec<Drift> {
    let told = |pending: &Pending<'_>| {
        let (_, resume) = pending.resumed?;
        let version = &pending.migration.version;
        let or = pending
            .migration
            .down
            .as_ref()
            .map(|_| format!("; or let its down script {TAKE_BACK}"));
        Some(Drift {
            kind: DriftKind::Dirty,
            severity: Severity::Warning,
            version: Some(version.clone()),
            name: Some(pending.migration.name.clone()),
            class: None,
            message: format!("migration {version} was interrupted: {}", resume.told),
            remedy: format!(
                "`stopover apply` goes on with it where it stopped{}",
                or.unwrap_or_default()
            ),
        })
    };
    comparison.pending.iter().filter_map(told).collect()
}

/// Whether another file has the migration's version.
pub(crate) fn collides(source: &SourceSet, migration: &Migration) -> bool {
    let mut collisions = source.findings.iter().filter(|it| is_collision(it));
    collisions.any(|it| it.subject == migration.version.to_string())
}

/// Whether a finding of the source is drift too.
pub(crate) fn is_collision(finding: &Finding) -> bool {
    finding.code == DriftKind::Collision.code()
}

type Told = (DriftKind, String, String);

/// The way out of a dirty migration that its down script is.
const TAKE_BACK: &str = "take it back before it runs again from its beginning: `stopover apply \
                         --recover-dirty down`";

fn orphan(row: &LedgerRow, source: &SourceSet, policy: &Policy) -> Told {
    let version = &row.version;
    // A file that could not be read is absent from the set as well: say so, or the message
    // would send the reader to look for a file that is there.
    let unread = [
        "unreadable",
        "not-utf8",
        "nul-byte",
        "bad-name",
        "missing-up",
        "down-without-up",
        "not-sql",
    ];
    let hint = if source.findings.iter().any(|it| unread.contains(&it.code.as_str())) {
        ". Settle the files that could not be read first: this migration may be one of them"
    } else {
        ""
    };
    let way_out = match policy.orphan {
        OrphanPolicy::Refuse => "; policy.orphan = \"warn\" in stopover.toml lets it pass",
        OrphanPolicy::Warn => "",
    };
    (
        DriftKind::Orphan,
        format!(
            "migration {version} was previously applied but is missing in the resolved migrations"
        ),
        format!(
            "bring its file back: `git log --all -- {}` shows what became of it (a branch that is \
             not merged, a renumbered file?); where it is gone for good, `stopover repair pending \
             {version}` takes its row out of the ledger{way_out}{hint}",
            source.root
        ),
    )
}

/// An edit: a warning where it is healed, or would be on the target.
fn modified(
    row: &LedgerRow,
    migration: &Migration,
    facts: &Facts,
    policy: &Policy,
) -> Option<Drift> {
    let Judged { edit, outcome } = heal::judge(row, migration, facts, &policy.heal)?;
    let class = edit.class;
    let (severity, remedy) = match &outcome {
        Outcome::Heals(way) => (Severity::Warning, healing(way, policy.heal.mode)),
        Outcome::Refused(why) if class == EditClass::LineEndings => {
            (Severity::Error, spelled_back(row, migration, why))
        }
        Outcome::Refused(why) => (Severity::Error, restored(row, migration, why)),
    };
    let message = format!(
        "migration {} was previously applied but has been modified (class: {class})",
        row.version
    );
    Some(Drift {
        kind: DriftKind::Modified,
        severity,
        version: Some(row.version.clone()),
        name: None,
        class: Some(class),
        message,
        remedy: format!("{}; {remedy}", edit.found),
    })
}

fn healing(way: &HealWay, mode: HealMode) -> String {
    let done = match way {
        HealWay::Restamp => "rewrites the ledger's checksum, and runs nothing again",
        HealWay::Rerun(_) => {
            "runs it again, in one transaction with its row, after it changed nothing on a copy"
        }
    };
    match mode {
        HealMode::Report => format!("an apply to the target {done}; here nothing is healed"),
        HealMode::Heal | HealMode::Off => format!("`stopover apply` {done}"),
    }
}

fn spelled_back(row: &LedgerRow, migration: &Migration, why: &str) -> String {
    format!(
        "save {} as it was applied, or record the new spelling with `stopover repair accept {}`; \
         {why}",
        migration.up.path, row.version
    )
}

fn restored(row: &LedgerRow, migration: &Migration, why: &str) -> String {
    let path = &migration.up.path;
    format!(
        "restore {path} as it was applied (`git log -p -- {path}`), and make the change in a new \
         migration; an edit that changes nothing is recorded by `stopover repair accept {}`; {why}",
        row.version
    )
}

/// Whether a drift is settled by a heal of the plan, which tells of it.
pub(crate) fn is_healed(drift: &Drift, policy: &Policy) -> bool {
    drift.kind == DriftKind::Modified
        && drift.severity == Severity::Warning
        && policy.heal.mode == HealMode::Heal
}

fn renamed(row: &LedgerRow, migration: &Migration, facts: &Facts) -> Option<Told> {
    let applied = row.name.as_deref().filter(|name| !name.is_empty())?;
    let stored = facts.ledger.kind.stored_name(&migration.name).filter(|it| !it.is_empty())?;
    (applied != stored).then(|| {
        (
            DriftKind::Renamed,
            format!(
                "migration {} was previously applied as {applied:?} and is now named {stored:?}",
                row.version
            ),
            format!(
                "rename {} back, or give the new migration a version of its own; an intended \
                 rename is recorded by `stopover repair accept {}`",
                migration.up.path, row.version
            ),
        )
    })
}

fn dirty(row: &LedgerRow, migration: Option<&Migration>, facts: &Facts) -> Option<Told> {
    let RowState::Dirty(how_far) = &row.state else { return None };
    let version = &row.version;
    let saw = facts.recoveries.iter().find_map(|recovery| match recovery {
        Recovery::Undecided(of, saw) if of == version => Some(format!("; {saw}")),
        _ => None,
    });
    Some((
        DriftKind::Dirty,
        format!(
            "migration {version} was started and is not known to have finished: {how_far}{}",
            saw.unwrap_or_default()
        ),
        format!(
            "look at the database for what its statements made; then either finish it by hand and \
             record it with `stopover repair applied {version}`, or undo what it made and let it \
             run again from its beginning with `stopover repair pending {version}`{}",
            match migration.map(|it| &it.down) {
                Some(Some(_)) => format!(", or let its down script {TAKE_BACK}"),
                Some(None) => format!(", or, once it has a down script, let that {TAKE_BACK}"),
                None => String::new(),
            }
        ),
    ))
}

/// A ledger without rows beside tables is a history that nobody recorded, whether the ledger is
/// not there yet or was emptied: running everything from the first migration on would fail half
/// way at best.
fn empty_ledger(facts: &Facts, policy: &Policy) -> Option<Drift> {
    let has_history = !facts.user_tables.is_empty() || !facts.trackers.is_empty();
    let is_asked = policy.empty_ledger == EmptyLedger::Refuse;
    if !(facts.ledger.rows.is_empty() && has_history && is_asked) {
        return None;
    }
    let ledger = &facts.ledger;
    let state = if ledger.exists { "is empty" } else { "is not there yet" };
    let is_history = |table: &String| facts.trackers.iter().any(|it| it.table == *table);
    let tables: Vec<_> = facts.user_tables.iter().filter(|it| !is_history(it)).cloned().collect();
    let tables = clause(": ", &tables);
    let history = other_histories(facts);
    Some(Drift {
        kind: DriftKind::EmptyLedger,
        severity: severity(DriftKind::EmptyLedger, policy),
        version: None,
        name: None,
        class: None,
        message: format!(
            "the ledger {} {state}, but the database has tables{tables}{history}",
            ledger.table
        ),
        remedy: "take the history over with `stopover adopt`, or record what ran with `stopover \
                 repair applied VERSION`, one by one; if every migration is really to run on this \
                 database, set policy.empty_ledger = \"allow\" in stopover.toml"
            .to_owned(),
    })
}

/// What other tools recorded on this database, as far as it is seen.
fn other_histories(facts: &Facts) -> String {
    let trackers: Vec<_> = facts.trackers.iter().map(|it| it.table.clone()).collect();
    let ledgers: Vec<_> = facts
        .ledgers
        .iter()
        .filter(|it| (it.kind, &it.table) != (facts.ledger.kind, &facts.ledger.table))
        .map(|it| format!("{} (--ledger {})", it.table, it.kind))
        .collect();
    clause("; golang-migrate's history is in ", &trackers)
        + &clause("; there is also the ledger ", &ledgers)
}

/// A part of a sentence about some names; empty where there are none.
fn clause(before: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{before}{}", detail_list(names)) }
}
