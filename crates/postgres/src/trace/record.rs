//! What was seen of a run, statement by statement: filled by looks at the server, read at the end.
//!
//! Nothing here asks the server anything: what a look showed is given in, and times are
//! milliseconds since the observation began.

use std::collections::HashSet;

use stopover_model::{LockMode, PlannedStatement, Version};

use super::catalog::{Catalog, Oid, Relation, Since};
use super::changes::Pending;
use super::counts::Counted;
use super::held::{Held, Lock, Reach};

/// What one look showed of a session.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its locks on users' relations.
    pub(super) locks: Vec<Lock>,
    /// How much WAL there is; `None` where others write, too.
    pub(super) wal: Option<i64>,
    /// Bytes in temporary files, by the statistics that the server has.
    pub(super) temp: i64,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Observed {
    /// Which one; `None` for one of the tool's own.
    pub(super) whose: Option<(Version, usize)>,
    pub(super) tag: String,
    /// Relations that its text names, as far as they are known.
    pub(super) named: Vec<Lock>,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) wal: Option<u64>,
    /// Known relations that were locked against everybody when it ended.
    pub(super) wide: Vec<Oid>,
    /// Relations that nobody else can see, and that it locked first: its transaction made them.
    pub(super) made: Vec<Oid>,
    /// Whether one of those was gone at the commit: a rewrite fills a new table, and swaps files.
    pub(super) transient: bool,
    /// Whether it is known what it changed: it was committed, and the catalog looked at since.
    pub(super) settled: bool,
    pub(super) rewrites: Vec<String>,
    pub(super) indexes: Vec<String>,
    /// What it wrote into temporary files, where that is known.
    pub(super) temp: Option<u64>,
    /// Tables that it read from their beginning, where that is known.
    pub(super) scans: Option<Vec<String>>,
}

/// How a statement came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// The server refused it after it had begun its work.
    Failed,
    /// The server refused it, maybe before it locked anything.
    Refused,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Committed,
    RolledBack,
}

/// When a statement ended, and how long nobody looked before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// When the last look before the end was sent; the statement's begin where there was none.
    pub(super) looked: f64,
    pub(super) at: f64,
    pub(super) outcome: Outcome,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) catalog: Catalog,
    pub(super) held: Held,
    pub(super) statements: Vec<Observed>,
    /// Said by the last event: the statement that comes next.
    pub(super) next: Option<(Version, usize)>,
    /// The first statement of the transaction that is open.
    transaction: Option<usize>,
    /// WAL at the last look.
    wal: Option<i64>,
    pub(super) pending: Vec<Pending>,
    /// Relations that a transaction has made which is committed.
    pub(super) there: HashSet<Oid>,
    /// What the server counts.
    pub(super) counted: Counted,
}

impl Record {
    /// A transaction is open. `seen` is a look that was sent no earlier than everything before.
    pub(super) fn begin(&mut self, seen: &Seen) {
        self.transaction = Some(self.statements.len());
        self.wal = seen.wal;
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// A look before a statement that no transaction surrounds.
    pub(super) fn before(&mut self, seen: &Seen) {
        self.wal = seen.wal;
    }

    /// A statement begins; gives its place.
    pub(super) fn start(&mut self, statement: &PlannedStatement, from: f64) -> usize {
        self.statements.push(Observed {
            whose: self.next.take(),
            tag: statement.tag.clone(),
            named: self.named(statement),
            from,
            to: from,
            wal: None,
            wide: Vec::new(),
            made: Vec::new(),
            transient: false,
            settled: false,
            rewrites: Vec::new(),
            indexes: Vec::new(),
            temp: None,
            scans: None,
        });
        self.statements.len() - 1
    }

    /// The tables that a statement's text names and that were there before, with what they are a
    /// part of.
    pub(super) fn named_tables(&self, statement: &PlannedStatement) -> Vec<(Oid, Relation)> {
        let mut tables: Vec<(Oid, Relation)> = Vec::new();
        for (oid, _) in self.named(statement) {
            for felt in self.catalog.felt_by(oid) {
                let relation = self.catalog.get(felt).filter(|it| it.since == Since::Before);
                let is_new = !tables.iter().any(|it| it.0 == felt);
                tables.extend(relation.filter(|_| is_new).map(|it| (felt, it.clone())));
            }
        }
        tables
    }

    /// Whether somebody waits now who wants to write to the table.
    pub(super) fn is_shut(&self, table: Oid) -> bool {
        let mut open = self.held.open();
        open.any(|(oid, mode)| {
            mode.conflicts_with(LockMode::WRITE) && self.catalog.felt_by(oid).contains(&table)
        })
    }

    /// What its text says that it locks. With an index, concurrently, goes its table: the text does
    /// not name that one.
    pub(super) fn named(&self, statement: &PlannedStatement) -> Vec<Lock> {
        let mut named = Vec::new();
        for lock in &statement.locks {
            let (Some(oid), Some(mode)) =
                (self.catalog.find(&lock.relation), LockMode::of(&lock.mode))
            else {
                continue;
            };
            named.push((oid, mode));
            let table = self.catalog.get(oid).and_then(|it| it.table);
            if let (Some(table), LockMode::ShareUpdateExclusive) = (table, mode) {
                named.push((table, mode));
            }
        }
        named
    }

    /// A look in the middle of it, sent at `to`, when the one before was sent at `from`.
    pub(super) fn sample(&mut self, at: usize, seen: &Seen, from: f64, to: f64) {
        self.see(at, seen, from, to);
    }

    /// It has ended, and `seen` was looked at afterwards.
    pub(super) fn end(&mut self, at: usize, seen: &Seen, ended: Ended) {
        self.see(at, seen, ended.looked, ended.at);
        let wide: Vec<Oid> = self
            .held
            .open()
            .filter(|lock| lock.1 == LockMode::AccessExclusive)
            .map(|lock| lock.0)
            .filter(|oid| self.catalog.get(*oid).is_some())
            .collect();
        let written = match (self.wal, seen.wal) {
            (Some(before), Some(after)) => u64::try_from(after.saturating_sub(before)).ok(),
            _ => None,
        };
        self.wal = seen.wal;
        let statement = &mut self.statements[at];
        statement.to = ended.at;
        statement.wal = written;
        statement.wide = wide;
        self.claim(at, ended);
    }

    /// Locks that the text names and that are gone by the statement's end: a look may have missed
    /// them. In a transaction that goes on there are none such.
    fn claim(&mut self, at: usize, ended: Ended) {
        let goes_on = self.is_in_transaction() && ended.outcome == Outcome::Done;
        if goes_on || ended.outcome == Outcome::Refused {
            return;
        }
        let statement = &self.statements[at];
        for &lock in &statement.named {
            // Between two looks that do not show it, a lock is held for less than their distance.
            // One that shuts nobody out is taken for what the documentation says: held throughout.
            let from = if lock.1.conflicts_with(LockMode::WRITE) {
                ended.looked.max(statement.from)
            } else {
                statement.from
            };
            self.held.claim(lock, at, from, ended.at);
        }
    }

    /// Takes up what a look showed, and which relations nobody else can see.
    fn see(&mut self, at: usize, seen: &Seen, from: f64, to: f64) {
        let reach = |oid| match self.catalog.get(oid) {
            None if !self.there.contains(&oid) => Reach::Nobody,
            _ => Reach::Everybody,
        };
        let locks: Vec<(Lock, Reach)> =
            seen.locks.iter().map(|lock| (*lock, reach(lock.0))).collect();
        self.held.see(&locks, at, from, to);
        let first = self.transaction.unwrap_or(at);
        for ((oid, _), _) in locks.iter().filter(|it| it.1 == Reach::Nobody) {
            if !self.statements[first..].iter().any(|it| it.made.contains(oid)) {
                self.statements[at].made.push(*oid);
            }
        }
    }

    /// The transaction that was open has ended.
    pub(super) fn end_transaction(&mut self, end: End, at: f64) {
        self.held.end(at);
        let Some(first) = self.transaction.take() else { return };
        if end == End::Committed {
            self.committed(first..self.statements.len());
        }
    }
}
