//! What committed statements changed: tables rewritten, indexes built.
//!
//! Nobody sees from beside what an open transaction has changed. What is looked up after its commit
//! is told of the statement that did it: a rewrite fills a new table, which is locked like any
//! other and is gone at the commit.

use std::collections::HashMap;
use std::ops::Range;

use super::catalog::{Change, Kind, Oid, Relation};
use super::record::{Observed, Record};

/// So many transactions are looked up together.
const MANY: usize = 500;

/// What is to be looked up in the catalog: what committed statements may have changed.
#[derive(Debug)]
pub(super) struct Pending {
    statements: Range<usize>,
    oids: Vec<Oid>,
}

impl Record {
    /// What these statements may have changed is to be looked up.
    pub(super) fn committed(&mut self, statements: Range<usize>) {
        let touched = self.statements[statements.clone()].iter();
        let mut oids: Vec<Oid> =
            touched.flat_map(|it| it.wide.iter().chain(&it.made)).copied().collect();
        oids.sort_unstable();
        oids.dedup();
        if oids.is_empty() {
            self.statements[statements].iter_mut().for_each(|it| it.settled = true);
            return;
        }
        self.there.extend(self.statements[statements.clone()].iter().flat_map(|it| &it.made));
        self.pending.push(Pending { statements, oids });
    }

    /// What the next look is to find out besides. What is new can wait: its names are all that is
    /// missing. What was there before may be another one after the next commit.
    pub(super) fn to_look_up(&self) -> Option<Vec<Oid>> {
        let touches = |it: &Pending| {
            self.statements[it.statements.clone()].iter().any(|it| !it.wide.is_empty())
        };
        let many = self.pending.len() >= MANY;
        (many || self.pending.iter().any(touches)).then(|| self.all_to_look_up())
    }

    /// Everything that is left to be looked up.
    pub(super) fn all_to_look_up(&self) -> Vec<Oid> {
        self.pending.iter().flat_map(|it| &it.oids).copied().collect()
    }

    /// What it found out: relations that are not among `found` are gone.
    pub(super) fn looked_up(&mut self, found: Vec<(Oid, Relation)>) {
        let mut found: HashMap<Oid, Relation> = found.into_iter().collect();
        for pending in std::mem::take(&mut self.pending) {
            for statement in &mut self.statements[pending.statements.clone()] {
                let is_gone =
                    |oid: &Oid| !found.contains_key(oid) && self.catalog.get(*oid).is_none();
                statement.transient = statement.made.iter().any(is_gone);
            }
            let own = pending.oids.iter().filter_map(|oid| found.remove_entry(oid)).collect();
            self.settle(pending.statements, own);
        }
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
