//! What was seen of a run, statement by statement: filled by looks at the server, read at the end.
//!
//! Nothing here asks the server anything: what a look showed is given in, and times are
//! milliseconds since the observation began.

use std::ops::Range;

use stopover_model::{LockMode, PlannedStatement, Version};

use super::catalog::{Catalog, Change, Kind, Oid, Relation, Since};
use super::held::{Held, Lock, Reach};
use super::lookout::Statistics;

/// What one look showed of a session.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its locks on users' relations.
    pub(super) locks: Vec<Lock>,
    /// How much WAL there is; `None` where others write, too.
    pub(super) wal: Option<i64>,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Observed {
    /// Which one; `None` for one of the tool's own.
    pub(super) whose: Option<(Version, usize)>,
    pub(super) tag: String,
    /// Relations that its text names, as far as they are known.
    named: Vec<Lock>,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) wal: Option<u64>,
    /// Known relations that were locked against everybody when it ended.
    wide: Vec<Oid>,
    /// Relations that nobody else can see, and that it locked first: its transaction made them.
    made: Vec<Oid>,
    /// Whether one of those was gone at the commit: a rewrite fills a new table, and swaps files.
    transient: bool,
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

/// What is to be looked up in the catalog: what committed statements may have changed.
#[derive(Debug)]
struct Pending {
    statements: Range<usize>,
    oids: Vec<Oid>,
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
    pending: Option<Pending>,
    /// What the server counts.
    counted: Counted,
}

/// How far the server's statistics were read.
#[derive(Debug, Default)]
struct Counted {
    /// The first statement whose statistics the server may not have.
    unsent: usize,
    /// The first statement whose statistics were not read.
    unread: usize,
    /// Bytes in temporary files, by then.
    temp: i64,
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
    fn named(&self, statement: &PlannedStatement) -> Vec<Lock> {
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
            Some(_) => Reach::Everybody,
            None => Reach::Nobody,
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

    /// The transaction that was open has ended.
    pub(super) fn end_transaction(&mut self, end: End, at: f64) {
        self.held.end(at);
        let Some(first) = self.transaction.take() else { return };
        if end == End::Committed {
            self.committed(first..self.statements.len());
        }
    }

    /// What these statements may have changed is to be looked up.
    fn committed(&mut self, statements: Range<usize>) {
        let touched = self.statements[statements.clone()].iter();
        let mut oids: Vec<Oid> =
            touched.flat_map(|it| it.wide.iter().chain(&it.made)).copied().collect();
        oids.sort_unstable();
        oids.dedup();
        if oids.is_empty() {
            self.statements[statements].iter_mut().for_each(|it| it.settled = true);
        } else {
            self.pending = Some(Pending { statements, oids });
        }
    }

    /// What the next look is to find out besides.
    pub(super) fn to_look_up(&self) -> Option<Vec<Oid>> {
        self.pending.as_ref().map(|it| it.oids.clone())
    }

    /// What it found out: relations that are not among `found` are gone.
    pub(super) fn looked_up(&mut self, found: Vec<(Oid, Relation)>) {
        let Some(pending) = self.pending.take() else { return };
        let is_there = |oid: &Oid| found.iter().any(|it| it.0 == *oid);
        for statement in &mut self.statements[pending.statements.clone()] {
            statement.transient = statement.made.iter().any(|oid| !is_there(oid));
        }
        self.settle(pending.statements, found);
    }

    /// The whole catalog as it is after the statement at `at`, which no transaction surrounded.
    pub(super) fn settle_alone(&mut self, at: usize, found: Vec<(Oid, Relation)>) {
        self.settle(at..at + 1, found);
    }

    fn settle(&mut self, statements: Range<usize>, found: Vec<(Oid, Relation)>) {
        let mut rewritten: Vec<(usize, Oid)> = Vec::new();
        let (tables, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| it.1.kind == Kind::Table);
        for (oid, relation) in tables {
            let name = relation.name.clone();
            if self.catalog.take(oid, relation) == Change::Rewritten {
                for at in self.rewriters(statements.clone(), oid) {
                    rewritten.push((at, oid));
                    self.statements[at].rewrites.push(name.clone());
                }
            }
        }
        for (oid, relation) in others {
            let (name, kind, table) = (relation.name.clone(), relation.kind, relation.table);
            let builder = match (self.catalog.take(oid, relation), kind) {
                (Change::Made, Kind::Index) => self.maker(statements.clone(), oid),
                (Change::Rewritten, Kind::Index) => self.rebuilder(statements.clone()),
                _ => None,
            };
            // With a table its indexes are rewritten.
            let is_part = |at: usize| table.is_some_and(|table| rewritten.contains(&(at, table)));
            if let Some(at) = builder.filter(|at| !is_part(*at)) {
                self.statements[at].indexes.push(name);
            }
        }
        for statement in &mut self.statements[statements] {
            statement.settled = true;
            statement.rewrites.sort();
            statement.indexes.sort();
        }
    }

    /// Which of the statements rewrote the table: those that held it against everybody and filled
    /// a new one; where several did, those that name it. TRUNCATE gives a table an empty file:
    /// nothing is rewritten.
    fn rewriters(&self, statements: Range<usize>, oid: Oid) -> Vec<usize> {
        if statements.len() == 1 {
            let is_truncate = self.statements[statements.start].tag.starts_with("TRUNCATE");
            return if is_truncate { Vec::new() } else { vec![statements.start] };
        }
        let held = |it: &usize| self.statements[*it].wide.contains(&oid);
        let holders: Vec<usize> = statements.filter(held).collect();
        let some = |pool: &[usize], test: &dyn Fn(&Observed) -> bool| {
            let pool = pool.iter().copied();
            pool.filter(|at| test(&self.statements[*at])).collect::<Vec<usize>>()
        };
        let mut pool = some(&holders, &|it| it.transient);
        if pool.is_empty() {
            if !some(&holders, &|it| it.tag.starts_with("TRUNCATE")).is_empty() {
                return Vec::new();
            }
            pool = holders;
        }
        let named = some(&pool, &|it| it.named.iter().any(|lock| lock.0 == oid));
        if named.is_empty() { pool } else { named }
    }

    /// Which of the statements made the index.
    fn maker(&self, statements: Range<usize>, oid: Oid) -> Option<usize> {
        let mut all = statements.clone();
        let maker = all.find(|at| self.statements[*at].made.contains(&oid));
        maker.or_else(|| (statements.len() == 1).then_some(statements.start))
    }

    /// Which of the statements built an index anew that was there. Where its table was rewritten
    /// or truncated, that is said already.
    fn rebuilder(&self, mut statements: Range<usize>) -> Option<usize> {
        statements.find(|at| self.statements[*at].tag == "REINDEX")
    }
}
