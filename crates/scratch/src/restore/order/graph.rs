//! Tasks that wait for one another: of two that claim the same, the earlier one goes first. Of
//! those that may go, the one with the most to do goes first, in itself and in what waits for it,
//! so that nothing large is left over for the end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::key::{Key, Mode};

/// A task's number, in the dump's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::restore) struct TaskId(u64);

/// Tasks that are waiting or running.
#[derive(Debug)]
pub(in crate::restore) struct Graph<T> {
    next: u64,
    waiting: BTreeMap<TaskId, Waiting<T>>,
    ready: BinaryHeap<(u64, Reverse<TaskId>)>,
    /// What is not done, with those that wait for it.
    unfinished: BTreeMap<TaskId, Vec<TaskId>>,
    claimed: BTreeMap<Key, Claimed>,
    ranks: Ranks,
}

/// Whether tasks were added since it was last found out how much waits for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranks {
    Known,
    Outdated,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::restore) enum Effort {
    /// Nothing that takes time: it goes before all others.
    Little,
    /// A table of so many bytes is to be read.
    Bytes(u64),
}

#[derive(Debug)]
struct Waiting<T> {
    payload: T,
    effort: Effort,
    /// Its effort and the most that waits for it in a row.
    rank: u64,
    /// For how many others it waits.
    blockers: usize,
}

/// Who has laid claim to a key, as far as later ones must wait for it.
#[derive(Debug, Default)]
struct Claimed {
    exclusive: Option<TaskId>,
    /// Since the exclusive one.
    shared: Vec<TaskId>,
}

impl<T> Default for Graph<T> {
    fn default() -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
            ready: BinaryHeap::new(),
            unfinished: BTreeMap::new(),
            claimed: BTreeMap::new(),
            ranks: Ranks::Known,
        }
    }
}

impl<T> Graph<T> {
    /// Adds the next task of the dump. `after` is what it waits for besides its claims.
    pub(in crate::restore) fn add(
        &mut self,
        claims: &[(Key, Mode)],
        after: &[TaskId],
        effort: Effort,
        payload: T,
    ) {
        let id = TaskId(self.next);
        self.next += 1;
        let mut blockers: BTreeSet<TaskId> = after.iter().copied().collect();
        for (key, mode) in claims {
            self.claim(id, key, *mode, &mut blockers);
        }
        blockers.retain(|blocker| self.unfinished.contains_key(blocker));
        for blocker in &blockers {
            self.unfinished.entry(*blocker).or_default().push(id);
        }
        self.unfinished.insert(id, Vec::new());
        if blockers.is_empty() {
            self.ready.push((0, Reverse(id)));
        }
        self.waiting.insert(id, Waiting { payload, effort, rank: 0, blockers: blockers.len() });
        self.ranks = Ranks::Outdated;
    }

    /// Something is being done outside of the graph, which others must wait for as for a task.
    pub(in crate::restore) fn hold(&mut self, claims: &[(Key, Mode)]) -> TaskId {
        let id = TaskId(self.next);
        self.next += 1;
        for (key, mode) in claims {
            self.claim(id, key, *mode, &mut BTreeSet::new());
        }
        self.unfinished.insert(id, Vec::new());
        id
    }

    fn claim(&mut self, id: TaskId, key: &Key, mode: Mode, blockers: &mut BTreeSet<TaskId>) {
        let claimed = self.claimed.entry(key.clone()).or_default();
        blockers.extend(claimed.exclusive);
        match mode {
            Mode::Shared => claimed.shared.push(id),
            Mode::Exclusive => {
                blockers.extend(claimed.shared.drain(..));
                claimed.exclusive = Some(id);
            }
        }
    }

    /// Finds out how much waits for each task: those that wait for it come later in the dump.
    fn rank(&mut self) {
        let mut ranks: BTreeMap<TaskId, u64> = BTreeMap::new();
        for (id, waiting) in self.waiting.iter_mut().rev() {
            let behind = self.unfinished.get(id).into_iter().flatten();
            let behind = behind.filter_map(|it| ranks.get(it)).max().copied().unwrap_or(0);
            let own = match waiting.effort {
                Effort::Little => 0,
                Effort::Bytes(bytes) => bytes,
            };
            ranks.insert(*id, behind.saturating_add(own));
            waiting.rank = match waiting.effort {
                Effort::Little => u64::MAX,
                Effort::Bytes(_) => behind.saturating_add(own),
            };
        }
        let ready = std::mem::take(&mut self.ready).into_iter();
        let rank = |id: &TaskId| self.waiting.get(id).map_or(0, |it| it.rank);
        self.ready = ready.map(|(_, Reverse(id))| (rank(&id), Reverse(id))).collect();
        self.ranks = Ranks::Known;
    }

    /// The task to begin with now.
    pub(in crate::restore) fn begin(&mut self) -> Option<(TaskId, T)> {
        if self.ranks == Ranks::Outdated {
            self.rank();
        }
        let (_, Reverse(id)) = self.ready.pop()?;
        self.waiting.remove(&id).map(|it| (id, it.payload))
    }

    /// A task that was begun is done.
    pub(in crate::restore) fn done(&mut self, id: TaskId) {
        for freed in self.unfinished.remove(&id).unwrap_or_default() {
            if let Some(waiting) = self.waiting.get_mut(&freed) {
                waiting.blockers -= 1;
                if waiting.blockers == 0 {
                    self.ready.push((waiting.rank, Reverse(freed)));
                }
            }
        }
        if self.unfinished.is_empty() {
            self.claimed.clear();
        }
    }

    /// Whether a task could be begun.
    pub(in crate::restore) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::relation("s", name)
    }

    /// Names of all tasks that may be begun.
    fn begin_all(graph: &mut Graph<&'static str>) -> Vec<(TaskId, &'static str)> {
        std::iter::from_fn(|| graph.begin()).collect()
    }

    fn names(begun: &[(TaskId, &'static str)]) -> Vec<&'static str> {
        begun.iter().map(|(_, name)| *name).collect()
    }

    #[test]
    fn indexes_of_a_table_share_it_and_a_primary_key_before_them_does_not() {
        let mut graph = Graph::default();
        graph.add(&[(key("t"), Mode::Exclusive)], &[], Effort::Bytes(5), "primary key");
        graph.add(&[(key("t"), Mode::Shared)], &[], Effort::Bytes(5), "index");
        graph.add(&[(key("t"), Mode::Shared)], &[], Effort::Bytes(5), "another");
        graph.add(&[(key("t"), Mode::Exclusive)], &[], Effort::Bytes(5), "foreign key");
        let begun = begin_all(&mut graph);
        assert_eq!(names(&begun), ["primary key"]);
        graph.done(begun[0].0);
        let begun = begin_all(&mut graph);
        assert_eq!(names(&begun), ["index", "another"]);
        graph.done(begun[1].0);
        assert!(!graph.has_ready());
        graph.done(begun[0].0);
        assert_eq!(names(&begin_all(&mut graph)), ["foreign key"]);
    }

    #[test]
    fn a_table_that_is_being_loaded_is_waited_for_and_others_are_not() {
        let mut graph = Graph::default();
        let load = graph.hold(&[(key("t"), Mode::Exclusive)]);
        graph.add(&[(key("t"), Mode::Shared)], &[], Effort::Bytes(1), "index");
        graph.add(&[(key("u"), Mode::Shared)], &[load], Effort::Bytes(1), "index on an expression");
        graph.add(&[(key("u"), Mode::Shared)], &[], Effort::Bytes(1), "other");
        assert_eq!(names(&begin_all(&mut graph)), ["other"]);
        graph.done(load);
        assert_eq!(names(&begin_all(&mut graph)), ["index", "index on an expression"]);
    }

    #[test]
    fn the_largest_goes_first_and_of_equals_the_earlier() {
        let mut graph = Graph::default();
        for (name, weight) in [("a", 1), ("b", 3), ("c", 3), ("d", 2)] {
            graph.add(&[(key(name), Mode::Exclusive)], &[], Effort::Bytes(weight), name);
        }
        assert_eq!(names(&begin_all(&mut graph)), ["b", "c", "d", "a"]);
    }

    #[test]
    fn what_much_waits_for_goes_before_what_is_large_by_itself() {
        let mut graph = Graph::default();
        graph.add(&[(key("large"), Mode::Exclusive)], &[], Effort::Bytes(5), "large");
        graph.add(&[(key("t"), Mode::Exclusive)], &[], Effort::Bytes(2), "key");
        graph.add(&[(key("t"), Mode::Shared)], &[], Effort::Bytes(2), "index");
        graph.add(&[(key("t"), Mode::Exclusive)], &[], Effort::Bytes(2), "foreign key");
        graph.add(&[(key("u"), Mode::Exclusive)], &[], Effort::Little, "comment");
        assert_eq!(names(&begin_all(&mut graph)), ["comment", "key", "large"]);
    }
}
