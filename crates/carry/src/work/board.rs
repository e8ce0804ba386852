//! Tasks that wait for one another: of two that claim the same table, the earlier one goes first,
//! unless both share it. Of those that may go, the one with the most to do goes first, in itself
//! and in what waits for it, so that nothing large is left over for the end. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::items::Work;

/// Whether others may have the same table at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}

/// What is waiting, and what may go.
#[derive(Debug, Default)]
pub(super) struct Board {
    tasks: BTreeMap<usize, Task>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    unfinished: usize,
}

#[derive(Debug, Default)]
struct Task {
    blockers: usize,
    behind: Vec<usize>,
    rank: u64,
}

#[derive(Debug, Default)]
struct Claimed {
    exclusive: Option<usize>,
    shared: Vec<usize>,
}

impl Board {
    /// The tasks of `work`, which have the numbers from `first` on.
    pub(super) fn of(work: &[Work], first: usize) -> Self {
        let mut board = Self { unfinished: work.len(), ..Self::default() };
        let mut claimed: BTreeMap<String, Claimed> = BTreeMap::new();
        let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
        for (number, item) in (first..).zip(work) {
            let mut blockers = BTreeSet::new();
            let (claims, effort) = claims(item, &mut bytes);
            for (table, mode) in claims {
                claimed.entry(table).or_default().claim(number, mode, &mut blockers);
            }
            for blocker in &blockers {
                if let Some(task) = board.tasks.get_mut(blocker) {
                    task.behind.push(number);
                }
            }
            let task = Task { blockers: blockers.len(), behind: Vec::new(), rank: effort };
            board.tasks.insert(number, task);
        }
        board.rank();
        board
    }

    /// What waits for a task counts as its own.
    fn rank(&mut self) {
        let numbers: Vec<usize> = self.tasks.keys().rev().copied().collect();
        for number in numbers {
            let rank_of = |it: &usize| self.tasks.get(it).map_or(0, |task| task.rank);
            let Some(task) = self.tasks.get(&number) else { continue };
            let rank = task.rank + task.behind.iter().map(rank_of).max().unwrap_or(0);
            let free = task.blockers == 0;
            if let Some(task) = self.tasks.get_mut(&number) {
                task.rank = rank;
            }
            if free {
                self.ready.push((rank, Reverse(number)));
            }
        }
    }

    /// The task to begin with now.
    pub(super) fn begin(&mut self) -> Option<usize> {
        self.ready.pop().map(|(_, Reverse(number))| number)
    }

    /// A task is done, well or not: those behind it find out by themselves what they lack.
    pub(super) fn done(&mut self, number: usize) {
        self.unfinished -= 1;
        let freed = self.tasks.remove(&number).map(|it| it.behind).unwrap_or_default();
        for next in freed {
            if let Some(task) = self.tasks.get_mut(&next) {
                task.blockers -= 1;
                if task.blockers == 0 {
                    self.ready.push((task.rank, Reverse(next)));
                }
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.unfinished == 0
    }
}

impl Claimed {
    fn claim(&mut self, number: usize, mode: Mode, blockers: &mut BTreeSet<usize>) {
        blockers.extend(self.exclusive);
        match mode {
            Mode::Shared => self.shared.push(number),
            Mode::Exclusive => {
                blockers.extend(self.shared.drain(..));
                self.exclusive = Some(number);
            }
        }
        blockers.remove(&number);
    }
}

/// The tables that an item claims, and about how much there is to do, in bytes.
fn claims<'w>(item: &'w Work, bytes: &mut BTreeMap<&'w str, u64>) -> (Vec<(String, Mode)>, u64) {
    match item {
        Work::Load(load) => {
            bytes.insert(&load.relation, load.bytes);
            // A little for the table itself: what is empty takes its time as well.
            (vec![(load.relation.clone(), Mode::Exclusive)], load.bytes + 1)
        }
        Work::Define(step) => {
            let tables = step.tables();
            let size = tables.first().and_then(|it| bytes.get(it.as_str())).copied().unwrap_or(0);
            let mode = if step.kind == "INDEX" { Mode::Shared } else { Mode::Exclusive };
            (tables.into_iter().map(|it| (it, mode)).collect(), size / 2 + 1)
        }
        Work::Position { .. } | Work::Refresh { .. } => (Vec::new(), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Step;
    use crate::source::Table;
    use crate::work::items::Load;

    fn load(relation: &str, bytes: u64) -> Work {
        let (relation, columns) = (relation.to_owned(), String::new());
        Work::Load(Load::of(&Table { relation, columns, bytes }))
    }

    fn step(kind: &str, sql: &str) -> Work {
        let (schema, tag) = (String::new(), String::new());
        Work::Define(Step { kind: kind.to_owned(), schema, tag, sql: sql.to_owned() })
    }

    fn begin_all(board: &mut Board) -> Vec<usize> {
        std::iter::from_fn(|| board.begin()).collect()
    }

    #[test]
    fn a_table_goes_before_its_indexes_and_foreign_keys_behind_both_tables() {
        let work = [
            load("s.small", 1),
            load("s.large", 100),
            step("CONSTRAINT", "ALTER TABLE ONLY s.large ADD CONSTRAINT p PRIMARY KEY (a)"),
            step("INDEX", "CREATE INDEX i ON s.large USING btree (b)"),
            step("INDEX", "CREATE INDEX j ON s.large USING btree (c)"),
            step(
                "FK CONSTRAINT",
                "ALTER TABLE ONLY s.small ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.large(a)",
            ),
        ];
        let mut board = Board::of(&work, 10);
        assert_eq!(begin_all(&mut board), [11, 10]);
        board.done(11);
        assert_eq!(begin_all(&mut board), [12]);
        board.done(12);
        assert_eq!(begin_all(&mut board), [13, 14]);
        board.done(13);
        board.done(10);
        assert_eq!(board.begin(), None, "an index of the other table is being built");
        board.done(14);
        assert_eq!(begin_all(&mut board), [15]);
        board.done(15);
        assert!(board.is_done());
    }

    #[test]
    fn a_table_that_refers_to_itself_does_not_wait_for_itself() {
        let fk = "ALTER TABLE ONLY s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.t(b)";
        let work = [load("s.t", 1), step("FK CONSTRAINT", fk)];
        let mut board = Board::of(&work, 0);
        assert_eq!(begin_all(&mut board), [0]);
        board.done(0);
        assert_eq!(begin_all(&mut board), [1]);
    }
}
