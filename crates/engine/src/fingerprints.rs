//! Holds a long ledger's checksums against the files, by several threads: it is most of the work of a
//! run that has nothing to do, and a plan, which is pure, has no threads.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use stopover_model::{Facts, Fingerprints, LedgerRow, SourceSet, Version};
use stopover_planner::differs;

/// So many rows are worth a thread.
const ROWS_PER_THREAD: usize = 1_000;

/// Compares them where there are many; fewer are compared by who needs to know.
pub(crate) fn compare(source: &SourceSet, facts: &mut Facts) {
    let rows = &facts.ledger.rows;
    // Which of several rows of one version counts is the plan's affair.
    let is_ascending = rows.is_sorted_by(|a, b| a.version < b.version);
    if rows.len() <= ROWS_PER_THREAD || !is_ascending {
        return;
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = rows.len().div_ceil(rows.len().div_ceil(ROWS_PER_THREAD).min(cores));
    let edited = |rows: &[LedgerRow]| -> Vec<Version> {
        let file = |row: &LedgerRow| source.get(&row.version);
        let edited = rows.iter().filter(|row| file(row).is_some_and(|it| differs(row, it)));
        edited.map(|row| row.version.clone()).collect()
    };
    let edited = &edited;
    let others: BTreeSet<Version> = thread::scope(|scope| {
        let (first, rest) = rows.split_at(share);
        let rest: Vec<_> =
            rest.chunks(share).map(|rows| scope.spawn(move || edited(rows))).collect();
        let first = edited(first);
        // One breaks off only by a mistake of ours, which is told as if it were this thread's.
        let rest = rest.into_iter();
        let rest = rest.flat_map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)));
        first.into_iter().chain(rest).collect()
    });
    facts.fingerprints = Fingerprints::Compared(others);
}

#[cfg(test)]
mod tests {
    use stopover_model::{
        Checksum, DatabaseKind, Directives, Extent, Layout, LedgerFacts, LedgerKind, Migration,
        PlainStrings, Provenance, RowState, Script,
    };

    use super::*;

    fn history(count: i64) -> (SourceSet, Facts) {
        let text = |at: i64| format!("SELECT {at};\n");
        let migration = |at| Migration {
            version: Version::Integer(at),
            name: "step".to_owned(),
            file: format!("{at}_step.sql"),
            up: Script { path: String::new(), text: text(at), extent: Extent::Whole },
            down: None,
            directives: Directives::default(),
            down_directives: Directives::default(),
        };
        let row = |at| LedgerRow {
            version: Version::Integer(at),
            name: Some("step".to_owned()),
            applied_at: None,
            checksum: Some(Checksum::sha256(text(at).as_bytes())),
            provenance: Provenance::Applied,
            state: RowState::Done,
        };
        let source = SourceSet {
            layout: Layout::Sqlx,
            root: "m".to_owned(),
            migrations: (1..=count).map(migration).collect(),
            findings: Vec::new(),
        };
        let ledger = LedgerFacts {
            kind: LedgerKind::Stopover,
            table: "stopover.applied_migrations".to_owned(),
            exists: true,
            checksums: LedgerKind::Stopover.checksums(),
            rows: (1..=count).map(row).collect(),
        };
        let facts = Facts {
            database: DatabaseKind::Postgres,
            ledger,
            ledgers: Vec::new(),
            trackers: Vec::new(),
            user_tables: Vec::new(),
            server_version: "15.18".to_owned(),
            role: "app".to_owned(),
            plain_strings: PlainStrings::Standard,
            recoveries: Vec::new(),
            fingerprints: Fingerprints::NotCompared,
            edits: Vec::new(),
            healed: Vec::new(),
        };
        (source, facts)
    }

    fn versions(found: &[(&LedgerRow, &Migration)]) -> Vec<String> {
        found.iter().map(|(row, _)| row.version.to_string()).collect()
    }

    #[test]
    fn threads_find_the_edits_that_one_finds() {
        let (mut source, mut facts) = history(5_003);
        for at in [0, 999, 2_501, 5_002] {
            source.migrations[at].up.text.push(' ');
        }
        let alone = versions(&stopover_planner::edited(&source, &facts));
        assert_eq!(alone, ["1", "1000", "2502", "5003"]);
        compare(&source, &mut facts);
        assert_ne!(facts.fingerprints, Fingerprints::NotCompared);
        assert_eq!(versions(&stopover_planner::edited(&source, &facts)), alone);
    }

    #[test]
    fn two_rows_of_one_version_are_left_to_the_plan() {
        let (source, mut facts) = history(2_000);
        let last = facts.ledger.rows[1_999].clone();
        facts.ledger.rows.push(LedgerRow { checksum: Some(Checksum::sha256(b"other")), ..last });
        compare(&source, &mut facts);
        assert_eq!(facts.fingerprints, Fingerprints::NotCompared);
    }
}
