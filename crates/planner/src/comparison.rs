//! Source and ledger side by side: what is applied, what is pending.

use std::collections::BTreeMap;

use stopover_model::report::{AppliedEntry, PendingEntry};
use stopover_model::{
    Facts, LedgerKind, LedgerRow, Migration, OrderMark, Recovery, Resume, RowState, SourceSet,
    Version,
};

/// A migration that is not in the ledger, or is there as one that was interrupted and goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending<'a> {
    pub(crate) migration: &'a Migration,
    /// A higher version is applied.
    pub(crate) out_of_order: bool,
    /// Where it goes on, and the row that says that it was begun.
    pub(crate) resumed: Option<(&'a LedgerRow, &'a Resume)>,
}

/// Source and ledger, each ascending by version, whatever order they came in.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) ledger: LedgerKind,
    /// Every row, with the source's migration of its version if there is one.
    pub(crate) applied: Vec<(&'a LedgerRow, Option<&'a Migration>)>,
    pub(crate) pending: Vec<Pending<'a>>,
    /// The highest applied version.
    pub(crate) highest: Option<&'a Version>,
    /// Whether the ledger can hold every version of the source. Where it cannot, no row can match
    /// a migration, and nothing else that the two sets say is worth telling.
    pub(crate) comparable: bool,
}

impl<'a> Comparison<'a> {
    pub(crate) fn of(source: &'a SourceSet, facts: &'a Facts) -> Self {
        let ledger = facts.ledger.kind;
        let migrations: BTreeMap<&Version, &Migration> =
            source.migrations.iter().rev().map(|it| (&it.version, it)).collect();
        let rows: BTreeMap<&Version, &LedgerRow> =
            facts.ledger.rows.iter().map(|row| (&row.version, row)).collect();
        let comparable = migrations.keys().all(|version| ledger.holds(version));
        let resumed = |version: &Version| {
            if facts.recoveries.is_empty() {
                return None;
            }
            let row = rows.get(version).filter(|row| matches!(row.state, RowState::Dirty(_)))?;
            facts.recoveries.iter().find_map(|recovery| match recovery {
                Recovery::Resumes(of, resume) if of == version => Some((*row, resume)),
                _ => None,
            })
        };
        let settled = rows.keys().rev().filter(|version| resumed(version).is_none());
        let mut settled = settled.filter(|version| !version.is_repeatable());
        let highest = settled.next().copied().filter(|_| comparable);
        let baseline = rows.values().filter(|row| row.state == RowState::Baseline);
        let baseline = baseline.map(|row| &row.version).max();
        let pending: Vec<Pending<'a>> = migrations
            .iter()
            .map(|(version, migration)| Pending {
                migration,
                out_of_order: migration.directives.order == OrderMark::Ascending
                    && highest.is_some_and(|highest| *version < highest),
                resumed: resumed(version),
            })
            .filter(|it| it.resumed.is_some() || is_to_run(it.migration, &rows, baseline))
            .collect();
        let goes_on = |version: &Version| {
            pending.iter().any(|it| it.resumed.is_some() && it.migration.version == *version)
        };
        let applied = rows.iter().filter(|(version, _)| !goes_on(version));
        let applied =
            applied.map(|(version, row)| (*row, migrations.get(version).copied())).collect();
        Self { ledger, applied, pending, highest, comparable }
    }

    pub(crate) fn applied_entries(&self) -> Vec<AppliedEntry> {
        let entry = |(row, migration): &(&LedgerRow, Option<&Migration>)| AppliedEntry {
            version: row.version.clone(),
            name: self.shown_name(row, *migration),
            applied_at: row.applied_at,
            checksum: row.checksum.as_ref().map(|it| it.hex().to_owned()),
            provenance: row.provenance,
        };
        // What is dirty is neither applied nor pending: it is drift, and told there.
        self.applied.iter().filter(|(row, _)| !is_dirty(row)).map(entry).collect()
    }

    /// The name as it was applied; in the source's spelling where the ledger stores another one
    /// of the same name, or none.
    pub(crate) fn shown_name(
        &self,
        row: &LedgerRow,
        migration: Option<&Migration>,
    ) -> Option<String> {
        let stored = row.name.as_ref().filter(|name| !name.is_empty());
        match (stored, migration) {
            (None, migration) => migration.map(|it| it.name.clone()),
            (Some(stored), Some(migration))
                if self.ledger.stored_name(&migration.name).as_ref() == Some(stored) =>
            {
                Some(migration.name.clone())
            }
            (Some(stored), _) => Some(stored.clone()),
        }
    }

    pub(crate) fn pending_entries(&self) -> Vec<PendingEntry> {
        let entry = |pending: &Pending<'_>| PendingEntry {
            version: pending.migration.version.clone(),
            name: pending.migration.name.clone(),
            out_of_order: pending.out_of_order,
        };
        self.pending.iter().map(entry).collect()
    }
}

fn is_dirty(row: &LedgerRow) -> bool {
    matches!(row.state, RowState::Dirty(_))
}

/// Whether a migration that was not interrupted runs: when the ledger lacks it, or, if it is a
/// repeatable one, when its file is not the one that ran.
fn is_to_run(
    migration: &Migration,
    rows: &BTreeMap<&Version, &LedgerRow>,
    baseline: Option<&Version>,
) -> bool {
    let version = &migration.version;
    match rows.get(version) {
        None => version.is_repeatable() || baseline.is_none_or(|baseline| version > baseline),
        Some(row) if version.is_repeatable() && !is_dirty(row) => {
            row.checksum.as_ref().is_some_and(|it| !it.is_of(migration.fingerprinted()))
        }
        Some(_) => false,
    }
}
