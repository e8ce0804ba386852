//! Source and ledger side by side: what is applied, what is pending.

use std::collections::BTreeMap;

use stopover_model::report::{AppliedEntry, PendingEntry};
use stopover_model::{Facts, LedgerKind, LedgerRow, Migration, SourceSet, Version};

/// A migration that is not in the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending<'a> {
    pub(crate) migration: &'a Migration,
    /// A higher version is applied.
    pub(crate) out_of_order: bool,
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
        let highest = rows.keys().next_back().copied().filter(|_| comparable);
        let pending = migrations
            .iter()
            .filter(|(version, _)| !rows.contains_key(*version))
            .map(|(version, migration)| Pending {
                migration,
                out_of_order: highest.is_some_and(|highest| *version < highest),
            })
            .collect();
        let applied =
            rows.iter().map(|(version, row)| (*row, migrations.get(version).copied())).collect();
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
        self.applied.iter().map(entry).collect()
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
