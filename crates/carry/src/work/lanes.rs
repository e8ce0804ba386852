//! What comes before the data, in lanes that may be gone through beside each other: what depends
//! on each other, by what the source says, stays in one lane and in its order. Pure.
//!
//! A dependency that the source does not know (in the body of a function) may make a statement
//! fail that goes too early. It is tried again like all others.

use std::collections::BTreeMap;

use super::items::Work;
use crate::definitions::Step;
use crate::depends::Dependencies;

/// Numbers of items.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lanes {
    /// First of all: schemas, extensions.
    pub(super) first: Vec<usize>,
    /// Beside each other.
    pub(super) beside: Vec<Vec<usize>>,
    /// Behind all of these: what belongs to nothing that is known, comments.
    pub(super) last: Vec<usize>,
}

impl Lanes {
    /// `count` lanes for the first items of `work`.
    pub(super) fn of(work: &[Work], count: usize, dependencies: &Dependencies) -> Self {
        let groups = Groups::of(dependencies);
        let mut lanes = Self::default();
        let mut families: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, item) in work.iter().enumerate() {
            match item {
                Work::Define(step) if is_first(step) => lanes.first.push(number),
                _ => match subject(item, dependencies).and_then(|key| groups.of_key(key)) {
                    Some(group) => families.entry(group).or_default().push(number),
                    None => lanes.last.push(number),
                },
            }
        }
        lanes.beside = vec![Vec::new(); count.max(1)];
        for family in families.into_values() {
            if let Some(shortest) = lanes.beside.iter_mut().min_by_key(|lane| lane.len()) {
                shortest.extend(family);
            }
        }
        // Each in the order of the definitions.
        lanes.beside.iter_mut().for_each(|lane| lane.sort_unstable());
        lanes
    }
}

fn is_first(step: &Step) -> bool {
    step.kind == "SCHEMA" || step.kind == "EXTENSION"
}

/// The key of the object that an item is about.
fn subject<'d>(item: &Work, dependencies: &'d Dependencies) -> Option<&'d String> {
    match item {
        Work::Position { relation, .. } => dependencies.named("sequence", relation),
        Work::Define(step) => match step.kind.as_str() {
            "SEQUENCE OWNED BY" => dependencies.tagged("SEQUENCE", step),
            "TABLE ATTACH" => dependencies.tagged("TABLE", step),
            "DEFAULT" => dependencies.named("table", &step.altered()?),
            _ => dependencies.made_by(step),
        },
        Work::Load(_) | Work::Refresh { .. } => None,
    }
}

/// Objects that depend on each other, directly or not.
struct Groups<'d> {
    numbers: BTreeMap<&'d String, usize>,
    /// From each object towards the one that stands for its group.
    parents: Vec<usize>,
}

impl<'d> Groups<'d> {
    fn of(dependencies: &'d Dependencies) -> Self {
        let numbers: BTreeMap<&String, usize> =
            dependencies.keys().enumerate().map(|(number, key)| (key, number)).collect();
        let mut groups = Self { parents: (0..numbers.len()).collect(), numbers };
        for (one, other) in dependencies.pairs() {
            // Everything depends on its schema.
            if one.starts_with("schema ") {
                continue;
            }
            if let (Some(one), Some(other)) = (groups.of_key(one), groups.of_key(other)) {
                groups.parents[one] = other;
            }
        }
        groups
    }

    fn of_key(&self, key: &String) -> Option<usize> {
        let mut at = *self.numbers.get(key)?;
        while self.parents[at] != at {
            at = self.parents[at];
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_each_other_stays_in_one_lane_and_in_its_order() {
        let objects = [("table", "a"), ("sequence", "a_id"), ("table", "b"), ("view", "over_b")];
        // A default needs the sequence, and the sequence belongs to the table.
        let needs = [("a", "a_id"), ("a_id", "a"), ("over_b", "b")];
        let dependencies = Dependencies::of(&objects, &needs);
        let step = |kind: &str, tag: &str, sql: &str| {
            let (kind, schema, tag) = (kind.to_owned(), "s".to_owned(), tag.to_owned());
            Work::Define(Step { kind, schema, tag, sql: sql.to_owned() })
        };
        let work = [
            step("SCHEMA", "s", "CREATE SCHEMA s"),
            step("TABLE", "a", "CREATE TABLE s.a ()"),
            step("COMMENT", "TABLE a", "COMMENT ON TABLE s.a IS 'x'"),
            step("SEQUENCE", "a_id", "CREATE SEQUENCE s.a_id"),
            step("TABLE", "b", "CREATE TABLE s.b ()"),
            step("VIEW", "over_b", "CREATE VIEW s.over_b AS TABLE s.b"),
            step("DEFAULT", "a id", "ALTER TABLE ONLY s.a ALTER COLUMN id SET DEFAULT 1"),
            Work::Position { relation: "s.a_id".to_owned(), sql: String::new() },
        ];
        let lanes = Lanes::of(&work, 2, &dependencies);
        assert_eq!(lanes.first, [0]);
        assert_eq!(lanes.last, [2]);
        let mut beside = lanes.beside;
        beside.sort();
        assert_eq!(beside, [vec![1, 3, 6, 7], vec![4, 5]]);
    }
}
