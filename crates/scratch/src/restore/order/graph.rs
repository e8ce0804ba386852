//! Tasks that wait for one another: of two that claim the same, the earlier one goes first. Of
//! those that may go, the one with the most to do goes first, so that no large one is left over
//! for the end.

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
    /// Payload, weight, and for how many others it waits.
    waiting: BTreeMap<TaskId, Waiting<T>>,
    ready: BinaryHeap<(u64, Reverse<TaskId>)>,
    unfinished: BTreeMap<TaskId, Vec<TaskId>>,
    claimed: BTreeMap<Key, Claimed>,
}

#[derive(Debug)]
struct Waiting<T> {
    payload: T,
    weight: u64,
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
        }
    }
}

impl<T> Graph<T> {
    /// Adds the next task of the dump. `weight` says how much there is to do; `after` is what it
    /// waits for besides its claims.
    pub(in crate::restore) fn add(
        &mut self,
        claims: &[(Key, Mode)],
        after: &[TaskId],
        weight: u64,
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
            self.ready.push((weight, Reverse(id)));
        }
        self.waiting.insert(id, Waiting { payload, weight, blockers: blockers.len() });
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

    /// The largest task that may be begun now.
    pub(in crate::restore) fn begin(&mut self) -> Option<(TaskId, T)> {
        let (_, Reverse(id)) = self.ready.pop()?;
        self.waiting.remove(&id).map(|it| (id, it.payload))
    }

    /// A task that was begun is done.
    pub(in crate::restore) fn done(&mut self, id: TaskId) {
        for freed in self.unfinished.remove(&id).unwrap_or_default() {
            if let Some(waiting) = self.waiting.get_mut(&freed) {
                waiting.blockers -= 1;
                if waiting.blockers == 0 {
                    self.ready.push((waiting.weight, Reverse(freed)));
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
        graph.add(&[(key("t"), Mode::Exclusive)], &[], 5, "primary key");
        graph.add(&[(key("t"), Mode::Shared)], &[], 5, "index");
        graph.add(&[(key("t"), Mode::Shared)], &[], 5, "another");
        graph.add(&[(key("t"), Mode::Exclusive)], &[], 5, "foreign key");
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
        graph.add(&[(key("t"), Mode::Shared)], &[], 1, "index");
        graph.add(&[(key("u"), Mode::Shared)], &[load], 1, "index on an expression");
        graph.add(&[(key("u"), Mode::Shared)], &[], 1, "other");
        assert_eq!(names(&begin_all(&mut graph)), ["other"]);
        graph.done(load);
        assert_eq!(names(&begin_all(&mut graph)), ["index", "index on an expression"]);
    }

    #[test]
    fn the_largest_goes_first_and_of_equals_the_earlier() {
        let mut graph = Graph::default();
        for (name, weight) in [("a", 1), ("b", 3), ("c", 3), ("d", 2)] {
            graph.add(&[(key(name), Mode::Exclusive)], &[], weight, name);
        }
        assert_eq!(names(&begin_all(&mut graph)), ["b", "c", "d", "a"]);
    }
}
