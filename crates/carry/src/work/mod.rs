//! Doing everything: what comes before the data in its order, tables and what belongs to them
//! beside each other, the rest in its order, and again what failed as long as that helps.
//!
//! Each statement is by itself. One that fails ends nothing; one that depends on it finds out by
//! itself what it lacks.

mod board;
mod items;
mod lanes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use stopover_model::{CarryPhase, DatabaseError, Event};
use tokio::sync::Notify;

use crate::copy::{Copied, Copy};
use crate::depends::Dependencies;
use crate::error::{Fatal, Trouble};
use crate::line::Line;
use crate::teller::Teller;
use board::Board;
pub(crate) use items::{Items, Work};
use items::{Load, Pass};
use lanes::Lanes;

/// Of a table with no more bytes the source may begin before the target is ready: where the target
/// has no such table, so much is read for nothing.
const EAGER: u64 = 256 << 10;

/// So many statements of the definitions share a transaction.
const TOGETHER: usize = 25;

/// A connection to each side.
pub(crate) struct Pair {
    pub(crate) from: Line,
    pub(crate) to: Line,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What still failed in the last pass, by its number.
    pub(crate) failed: BTreeMap<usize, DatabaseError>,
    /// Rows of each table that was loaded.
    pub(crate) copied: BTreeMap<String, Copied>,
    /// Passes, the first one included.
    pub(crate) passes: usize,
}

/// Carries items out.
pub(crate) struct Crew<'a, 't> {
    items: &'a Items,
    teller: &'a Teller<'t>,
    done: Mutex<Done>,
    tables: AtomicUsize,
    bytes: AtomicU64,
    bytes_of: u64,
}

impl<'a, 't> Crew<'a, 't> {
    pub(crate) fn new(items: &'a Items, bytes_of: u64, teller: &'a Teller<'t>) -> Self {
        Self {
            items,
            teller,
            done: Mutex::default(),
            tables: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            bytes_of,
        }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes before the data. The schemas are made first, and marked by `mark` before there is
    /// anything in them.
    pub(crate) async fn define(
        &self,
        pairs: &[Pair],
        dependencies: &Dependencies,
        mark: impl AsyncFnOnce() -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        let Some(pair) = pairs.first() else { return Ok(()) };
        let lanes = Lanes::of(&self.items.work[..self.items.before], pairs.len(), dependencies);
        self.in_order(&lanes.first, &pair.to).await?;
        mark().await?;
        let beside = lanes.beside.iter().zip(pairs);
        try_join_all(beside.map(|(lane, pair)| self.in_order(lane, &pair.to))).await?;
        self.in_order(&lanes.last, &pair.to).await
    }

    /// Everything else, with several pairs of connections.
    pub(crate) async fn copy(&self, pairs: &mut [Pair]) -> Result<(), Fatal> {
        let (first, end) = (self.items.before, self.items.before + self.items.beside);
        let board = Mutex::new(Board::of(&self.items.work[first..end], first));
        let news = Notify::new();
        let working = pairs.iter_mut().map(|pair| self.take_turns(pair, &board, &news));
        try_join_all(working).await?;
        let Some(pair) = pairs.first_mut() else { return Ok(()) };
        let triggers = self.items.work.len() - self.items.triggers;
        // Statements are sent ahead of the answers: nothing is filled before all is made that it may
        // read, also what is made in a second attempt.
        let late = end..triggers;
        let is_refresh = |it: &usize| matches!(self.items.work[*it], Work::Refresh { .. });
        let filled = late.clone().find(is_refresh).unwrap_or(triggers);
        self.in_order(&(end..filled).collect::<Vec<_>>(), &pair.to).await?;
        self.in_order(&(filled..triggers).collect::<Vec<_>>(), &pair.to).await?;
        self.done().passes = 1;
        if self.again(pair, 0).await? {
            self.refresh_again(&pair.to).await?;
        }
        let last: Vec<usize> = (triggers..self.items.work.len()).collect();
        self.in_order(&last, &pair.to).await?;
        self.again(pair, triggers).await?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Done {
        self.done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes tasks until there are none.
    async fn take_turns(
        &self,
        pair: &mut Pair,
        board: &Mutex<Board>,
        news: &Notify,
    ) -> Result<(), Fatal> {
        let board = || board.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let freed = news.notified();
            tokio::pin!(freed);
            // Whatever is freed from here on is heard of.
            freed.as_mut().enable();
            let next = board().begin();
            let Some(number) = next else {
                if board().is_done() {
                    return Ok(());
                }
                freed.await;
                continue;
            };
            let ended = self.one(number, pair, Pass::First).await;
            self.note(number, ended)?;
            board().done(number);
            news.notify_waiters();
        }
    }

    /// What failed, as long as a pass makes progress: of the items from `first` on. Whether there
    /// was any.
    async fn again(&self, pair: &mut Pair, first: usize) -> Result<bool, Fatal> {
        let failed =
            || -> Vec<usize> { self.done().failed.range(first..).map(|it| *it.0).collect() };
        let before = failed();
        let mut left = before.clone();
        while !left.is_empty() {
            let pass = self.done().passes + 1;
            let phase = CarryPhase::Retrying { pass, failed: left.len() };
            self.teller.tell(Event::Carrying(phase));
            for number in &left {
                let ended = self.one(*number, pair, Pass::Further).await;
                self.note(*number, ended)?;
            }
            self.done().passes = pass;
            let tried = std::mem::replace(&mut left, failed());
            if left.len() == tried.len() {
                break;
            }
        }
        Ok(left.len() < before.len())
    }

    /// Fills the materialized views again: something that they may have read has come since.
    async fn refresh_again(&self, to: &Line) -> Result<(), Fatal> {
        for (number, work) in self.items.work.iter().enumerate() {
            let is_filled = !self.done().failed.contains_key(&number);
            if let (Work::Refresh { sql, .. }, true) = (work, is_filled) {
                let ended = to.run(sql).await;
                self.note(number, ended)?;
            }
        }
        Ok(())
    }

    /// Statements one after the other, sent without waiting. Some share a transaction, which saves
    /// the server most of the work of small ones; where one of them fails, all of these are run
    /// again, each by itself.
    async fn in_order(&self, numbers: &[usize], to: &Line) -> Result<(), Fatal> {
        let texts: Vec<String> =
            numbers.iter().map(|&it| self.items.work[it].statement()).collect();
        let joined: Vec<String> = texts.chunks(TOGETHER).map(|some| some.join(";\n")).collect();
        let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
        let ran = to.run_each(&joined).await;
        let parts = numbers.chunks(TOGETHER).zip(texts.chunks(TOGETHER)).zip(ran);
        for ((numbers, texts), ended) in parts {
            match ended {
                Ok(()) => {}
                Err(Trouble::Fatal(fatal)) => return Err(fatal),
                Err(Trouble::Statement(_)) => {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    for (number, ended) in numbers.iter().zip(to.run_each(&texts).await) {
                        self.note(*number, ended)?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn one(&self, number: usize, pair: &mut Pair, pass: Pass) -> Result<(), Trouble> {
        match &self.items.work[number] {
            Work::Load(load) => self.load(load, pair, pass).await,
            other => pair.to.run(&other.statement()).await,
        }
    }

    async fn load(&self, load: &Load, pair: &mut Pair, pass: Pass) -> Result<(), Trouble> {
        let copy = Copy {
            out: &load.out,
            within: &load.within(pass),
            eager: load.bytes <= EAGER,
            passed: &self.bytes,
        };
        let copied = copy.run(&mut pair.from, &mut pair.to).await?;
        self.done().copied.insert(load.relation.clone(), copied);
        self.tables.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps what an item came to.
    fn note(&self, number: usize, ended: Result<(), Trouble>) -> Result<(), Fatal> {
        match ended {
            Ok(()) => drop(self.done().failed.remove(&number)),
            Err(Trouble::Statement(error)) => drop(self.done().failed.insert(number, *error)),
            Err(Trouble::Fatal(fatal)) => return Err(fatal),
        }
        Ok(())
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Event {
        let is_load = |it: &&Work| matches!(it, Work::Load(_));
        Event::Carried {
            tables: self.tables.load(Ordering::Relaxed),
            tables_of: self.items.work.iter().filter(is_load).count(),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_of: self.bytes_of,
        }
    }
}
