//! Source and ledger side by side: what is applied, what is pending.

use std::cmp::Ordering;

use stopover_model::report::{AppliedEntry, PendingEntry};
use stopover_model::{
    Facts, Fingerprints, LedgerKind, LedgerRow, Migration, OrderMark, Recovery, Resume, RowState,
    SourceSet, Version,
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

/// A row of the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied<'a> {
    pub(crate) row: &'a LedgerRow,
    /// The source's migration of its version, if there is one.
    pub(crate) migration: Option<&'a Migration>,
    /// Whether the row's checksum is another one than the migration's.
    pub(crate) differs: bool,
}

/// Source and ledger, each ascending by version, whatever order they came in.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) ledger: LedgerKind,
    /// Every row.
    pub(crate) applied: Vec<Applied<'a>>,
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
        // Of several of one version the first file counts, and the last row.
        let migrations = ascending(source.migrations.iter(), |it| &it.version);
        let rows = ascending(facts.ledger.rows.iter().rev(), |it| &it.version);
        let comparable = migrations.iter().all(|it| ledger.holds(&it.version));
        let resumed = |row: Option<&'a LedgerRow>| {
            let row = row.filter(|row| is_dirty(row))?;
            facts.recoveries.iter().find_map(|recovery| match recovery {
                Recovery::Resumes(of, resume) if *of == row.version => Some((row, resume)),
                _ => None,
            })
        };
        let settled = rows.iter().rev().filter(|row| resumed(Some(row)).is_none());
        let mut settled = settled.map(|row| &row.version).filter(|it| !it.is_repeatable());
        let highest = settled.next().filter(|_| comparable);
        let baseline = rows.iter().filter(|row| row.state == RowState::Baseline);
        let baseline = baseline.map(|row| &row.version).max();
        let mut applied = Vec::with_capacity(rows.len());
        let mut pending = Vec::new();
        for (row, migration) in paired(&rows, &migrations) {
            let resumed = migration.and_then(|_| resumed(row));
            if let Some(migration) = migration
                && (resumed.is_some() || is_to_run(migration, row, baseline))
            {
                let out_of_order = migration.directives.order == OrderMark::Ascending
                    && highest.is_some_and(|highest| migration.version < *highest);
                pending.push(Pending { migration, out_of_order, resumed });
            }
            // What goes on is pending alone.
            let row = row.filter(|_| resumed.is_none());
            applied.extend(row.map(|row| {
                let differs = migration.is_some_and(|it| match &facts.fingerprints {
                    Fingerprints::Compared(others) => others.contains(&row.version),
                    Fingerprints::NotCompared => differs(row, it),
                });
                Applied { row, migration, differs }
            }));
        }
        Self { ledger, applied, pending, highest, comparable }
    }

    pub(crate) fn applied_entries(&self) -> Vec<AppliedEntry> {
        let entry = |&Applied { row, migration, .. }: &Applied<'_>| AppliedEntry {
            version: row.version.clone(),
            name: self.shown_name(row, migration),
            applied_at: row.applied_at,
            checksum: row.checksum.as_ref().map(|it| it.hex().to_owned()),
            provenance: row.provenance,
        };
        // What is dirty is neither applied nor pending: it is drift, and told there.
        self.applied.iter().filter(|it| !is_dirty(it.row)).map(entry).collect()
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
fn is_to_run(migration: &Migration, row: Option<&LedgerRow>, baseline: Option<&Version>) -> bool {
    let version = &migration.version;
    match row {
        None => version.is_repeatable() || baseline.is_none_or(|baseline| version > baseline),
        Some(row) if version.is_repeatable() && !is_dirty(row) => {
            row.checksum.as_ref().is_some_and(|it| !it.is_of(migration.fingerprinted()))
        }
        Some(_) => false,
    }
}

/// The items ascending by version, the first of each version. They nearly always are that already.
fn ascending<'a, T>(
    items: impl Iterator<Item = &'a T>,
    version: impl Fn(&T) -> &Version,
) -> Vec<&'a T> {
    let mut items: Vec<&T> = items.collect();
    items.sort_by(|a, b| version(a).cmp(version(b)));
    items.dedup_by(|later, first| version(later).cmp(version(first)).is_eq());
    items
}

type Pair<'a> = (Option<&'a LedgerRow>, Option<&'a Migration>);

/// What has one version, side by side; both ascending by version, and so is what comes of it.
fn paired<'a>(rows: &[&'a LedgerRow], migrations: &[&'a Migration]) -> Vec<Pair<'a>> {
    let mut pairs = Vec::with_capacity(rows.len().max(migrations.len()));
    let (mut rows, mut migrations) = (rows.iter().peekable(), migrations.iter().peekable());
    loop {
        let order = match (rows.peek(), migrations.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(row), Some(migration)) => row.version.cmp(&migration.version),
        };
        let row = if order.is_le() { rows.next() } else { None };
        let migration = if order.is_ge() { migrations.next() } else { None };
        pairs.push((row.copied(), migration.copied()));
    }
}

/// Whether the ledger's checksum is another one than the file's. A repeatable migration that has
/// changed is pending again.
#[must_use]
pub fn differs(row: &LedgerRow, migration: &Migration) -> bool {
    let applied = row.checksum.as_ref().filter(|_| !row.version.is_repeatable());
    applied.is_some_and(|it| !it.is_of(migration.fingerprinted()))
}
