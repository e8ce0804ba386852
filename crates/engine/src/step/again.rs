//! An applied migration that is run again: nothing that others write is taken away by it.
//!
//! What was proven on a copy is proven once more in the transaction itself, of the rows of this
//! moment: others are kept from the tables that the script writes to, and what is there before it
//! must be there behind it, or all of it is rolled back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stopover_backend::{BackendError, CensusScope, GuardedTable, JournalNote, Session, Sight};
use stopover_model::{DatabaseError, Mark, PlannedStatement};
use stopover_planner::Inventory;

use super::{Carrier, StepEnd, sets_transaction};
use crate::statement::{leaving, unless_stopped};

/// How an applied migration is run again: its row is there, and gets the step's checksum.
pub(crate) struct Again<'a> {
    /// The journal's line.
    pub(crate) note: &'a JournalNote,
    /// What is looked at.
    pub(crate) scope: &'a CensusScope,
    ground: Ground<'a>,
    seen: Mutex<Seen>,
    /// Where sequences stood before the first try.
    numbers: Mutex<Option<Vec<Mark>>>,
}

/// On what a migration is run again.
#[derive(Clone, Copy)]
pub(crate) enum Ground<'a> {
    /// A copy, where it is learned what the script writes to.
    Copy,
    /// The target, where others are kept from these tables, and nothing may be another afterwards.
    Target(&'a [GuardedTable], Comparison<'a>),
}

/// What the last try saw.
#[derive(Debug, Default)]
pub(crate) enum Seen {
    /// It did not come so far.
    #[default]
    Nothing,
    /// The script wrote to these tables, and nothing is another than before.
    Same(Vec<GuardedTable>),
    /// The script wrote to tables from which nobody was kept; these are all.
    Unguarded(Vec<GuardedTable>),
    /// What the script would have changed of what was there before it.
    Other(Vec<String>, Doubt),
}

/// Whether it was the script that changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Nobody else could.
    No,
    /// Somebody else could have changed the schema, or what extensions keep, at this moment.
    Somebody,
}

/// Says what the second inventory lacks of the first.
pub(crate) type Comparison<'a> = &'a (dyn Fn(&Inventory, &Inventory) -> Vec<String> + Sync);

impl<'a> Again<'a> {
    pub(crate) fn new(note: &'a JournalNote, scope: &'a CensusScope, ground: Ground<'a>) -> Self {
        Self { note, scope, ground, seen: Mutex::default(), numbers: Mutex::default() }
    }

    /// What the last try saw.
    pub(crate) fn into_seen(self) -> Seen {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    const fn guarded(&self) -> &'a [GuardedTable] {
        match self.ground {
            Ground::Copy => &[],
            Ground::Target(guarded, _) => guarded,
        }
    }

    fn see(&self, seen: Seen) {
        *open(&self.seen) = seen;
    }
}

fn open<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many of the first statements set up the transaction: they take no query before them.
fn preamble(statements: &[PlannedStatement]) -> usize {
    let sets = |it: &&PlannedStatement| it.tag == "SET" || it.is_transaction_setting();
    let leading = statements.iter().take_while(sets).count();
    statements[..leading].iter().rposition(sets_transaction).map_or(0, |at| at + 1)
}

impl<S: Session> Carrier<'_, S> {
    /// The statements of a migration that is run again, in the transaction that is open.
    pub(super) async fn once_more(&mut self, again: &Again<'_>) -> Result<(), StepEnd> {
        again.see(Seen::Nothing);
        let (first, all) = (preamble(&self.step.statements), self.step.statements.len());
        for at in 0..first {
            self.statement(at).await?;
        }
        let before = Box::pin(self.before(again)).await?;
        for at in first..all {
            self.statement(at).await?;
        }
        Box::pin(self.behind(again, before)).await
    }

    /// After a rollback, which does not undo a `setval`.
    pub(super) async fn put_numbers_forward(&mut self) -> Result<(), BackendError> {
        let numbers = self.context.again.and_then(|it| open(&it.numbers).clone());
        match numbers {
            Some(numbers) => Box::pin(leaving(self.session.put_forward(&numbers))).await,
            None => Ok(()),
        }
    }

    async fn before(&mut self, again: &Again<'_>) -> Result<Sight, StepEnd> {
        let (guarded, stop) = (again.guarded(), self.context.stop);
        let canceller = self.session.canceller();
        let held = unless_stopped(&canceller, self.session.hold(guarded), stop).await;
        held.map_err(StepEnd::Stopped)?.map_err(|it| StepEnd::of(in_the_way(it, guarded)))?;
        let before = self.sight(again).await?;
        open(&again.numbers).get_or_insert_with(|| before.marks.clone());
        Ok(before)
    }

    async fn sight(&mut self, again: &Again<'_>) -> Result<Sight, StepEnd> {
        let canceller = self.session.canceller();
        let seeing = self.session.sight(again.scope, again.guarded());
        let seen = unless_stopped(&canceller, seeing, self.context.stop).await;
        seen.map_err(StepEnd::Stopped)?.map_err(StepEnd::of)
    }

    /// Whether the script took anything away: an error then, and what it was.
    async fn behind(&mut self, again: &Again<'_>, before: Sight) -> Result<(), StepEnd> {
        let canceller = self.session.canceller();
        let looking = self.session.written(again.scope, &before.footing);
        let written = unless_stopped(&canceller, looking, self.context.stop).await;
        let written = written.map_err(StepEnd::Stopped)?.map_err(StepEnd::of)?;
        let Ground::Target(guarded, compare) = again.ground else {
            again.see(Seen::Same(written));
            return Ok(());
        };
        if !written.iter().all(|it| is_kept(it, guarded)) {
            again.see(Seen::Unguarded(written));
            return Err(refused("it wrote to tables that it did not write to on the copy"));
        }
        let after = self.sight(again).await?;
        let doubt = if before.tables == after.tables { Doubt::Somebody } else { Doubt::No };
        let changes = compare(&inventory(before), &inventory(after));
        if changes.is_empty() {
            again.see(Seen::Same(written));
            return Ok(());
        }
        again.see(Seen::Other(changes, doubt));
        Err(refused("it changed what was there"))
    }
}

fn refused(why: &str) -> StepEnd {
    StepEnd::of(BackendError::Refused(Box::new(DatabaseError::local(why))))
}

fn is_kept(written: &GuardedTable, guarded: &[GuardedTable]) -> bool {
    let same = guarded.iter().find(|it| it.relation == written.relation);
    same.is_some_and(|it| it.stake >= written.stake)
}

fn inventory(sight: Sight) -> Inventory {
    Inventory { schema: sight.schema, tables: sight.tables, marks: sight.marks }
}

/// Says of an error what was tried: no statement of the script's.
fn in_the_way(error: BackendError, guarded: &[GuardedTable]) -> BackendError {
    match error {
        BackendError::Refused(mut error) => {
            let names: Vec<&str> = guarded.iter().map(|it| it.relation.as_str()).collect();
            error.message =
                format!("others cannot be kept from {}: {}", names.join(", "), error.message);
            BackendError::Refused(error)
        }
        other => other,
    }
}
