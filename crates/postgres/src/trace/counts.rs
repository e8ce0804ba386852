//! What the server counts: reads of whole tables, and bytes in temporary files.
//!
//! A session sends its statistics between transactions, when it is asked to or ends. So they are
//! known of a migration at a time, and told of a statement where it is clear which one it was.

use std::ops::Range;

use stopover_model::PlannedStatement;

use super::catalog::{Kind, Oid, Since};
use super::held::Reach;
use super::lookout::Statistics;
use super::record::Record;

/// How far the server's statistics were read.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// The first statement whose statistics the server may not have.
    pub(super) unsent: usize,
    /// The first statement whose statistics were not read.
    pub(super) unread: usize,
    /// Bytes in temporary files, by then.
    pub(super) temp: i64,
}

/// Whose reading of tables the server counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scans {
    /// The migrations' alone.
    Own,
    /// That of readers beside them as well: it says nothing.
    OfOthersToo,
}

/// Statements of which no text tells what they read.
const OPAQUE: [&str; 5] = ["DO", "CALL", "SELECT", "EXECUTE", "CREATE EXTENSION"];

/// Statements that read no table and write no temporary file, unless their text names a relation
/// that was there.
const NOTHING_COUNTED: [&str; 8] = [
    "COMMENT",
    "CREATE FUNCTION",
    "CREATE PROCEDURE",
    "CREATE SCHEMA",
    "CREATE SEQUENCE",
    "CREATE TABLE",
    "CREATE TYPE",
    "CREATE VIEW",
];

impl Record {
    /// Whether the server may count something for a statement.
    pub(super) fn may_count(&self, statement: &PlannedStatement) -> bool {
        !NOTHING_COUNTED.contains(&statement.tag.as_str()) || !self.named(statement).is_empty()
    }

    /// The server has the statistics of everything so far.
    pub(super) fn sent_statistics(&mut self) {
        self.counted.unsent = self.statements.len();
    }

    /// The tables whose statistics are to be read now; `None` where there is nothing new.
    pub(super) fn statistics_due(&self) -> Option<Vec<Oid>> {
        let Counted { unread, unsent, .. } = self.counted;
        if unread >= unsent {
            return None;
        }
        let spans = self.held.spans.iter().rev().filter(|it| it.reach == Reach::Everybody);
        let own = spans.take_while(|it| it.statement >= unread).map(|it| it.lock.0);
        let named = self.statements[unread..unsent].iter().flat_map(|it| &it.named).map(|it| it.0);
        let mut tables: Vec<Oid> = own
            .chain(named)
            .filter(|oid| {
                let relation = self.catalog.get(*oid);
                relation.is_some_and(|it| it.kind == Kind::Table && it.since == Since::Before)
            })
            .collect();
        tables.sort_unstable();
        tables.dedup();
        Some(tables)
    }

    /// What the server has counted since it was asked last.
    pub(super) fn count(&mut self, statistics: &Statistics, scans: Scans) {
        let statements = self.counted.unread..self.counted.unsent;
        self.counted.unread = self.counted.unsent;
        let temp = statistics.temp - std::mem::replace(&mut self.counted.temp, statistics.temp);
        // Of several statements nobody knows which it was.
        if temp == 0 || statements.len() == 1 {
            for at in statements.clone() {
                self.statements[at].temp = u64::try_from(temp).ok();
            }
        }
        if scans == Scans::OfOthersToo {
            return;
        }
        for at in statements.clone() {
            self.statements[at].scans = Some(Vec::new());
        }
        let mut unclear = Vec::new();
        for &(table, count) in &statistics.scans {
            if self.catalog.scanned(table, count) <= 0 {
                continue;
            }
            let readers = self.readers(statements.clone(), table);
            let name = self.catalog.get(table).map(|it| it.name_before.clone());
            match (readers.as_slice(), name) {
                (&[at], Some(name)) => self.statements[at].scans.get_or_insert_default().push(name),
                _ => unclear.extend(readers),
            }
        }
        for at in unclear {
            self.statements[at].scans = None;
        }
    }

    /// Which of the statements may have read the table.
    fn readers(&self, statements: Range<usize>, table: Oid) -> Vec<usize> {
        let locked = |at: usize| {
            let spans = self.held.spans.iter().rev().take_while(|it| it.statement >= at);
            spans.filter(|it| it.statement == at).any(|it| it.lock.0 == table)
        };
        let may_read = |at: &usize| {
            let statement = &self.statements[*at];
            statement.named.iter().any(|it| it.0 == table)
                || OPAQUE.contains(&statement.tag.as_str())
                || locked(*at)
        };
        statements.filter(may_read).collect()
    }
}
