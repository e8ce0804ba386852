//! Tables that belong together: partitions and inheritance. What is done to one of them may lock
//! the others.

use std::collections::{BTreeMap, BTreeSet};

use super::key::{Claim, Key, Mode};

/// Which family a table belongs to, and which table an index.
#[derive(Debug, Default)]
pub(in crate::restore) struct Families {
    /// From each member towards the one that stands for its family.
    parents: BTreeMap<Key, Key>,
    tables: BTreeMap<Key, Key>,
}

impl Families {
    /// From pairs of child and parent.
    pub(in crate::restore) fn relate(&mut self, pairs: impl IntoIterator<Item = (Key, Key)>) {
        self.parents.clear();
        for (child, parent) in pairs {
            for member in [&child, &parent] {
                self.parents.entry(member.clone()).or_insert_with(|| member.clone());
            }
            let (one, other) = (self.first_of(&child), self.first_of(&parent));
            self.parents.insert(one, other);
        }
    }

    /// Notes that an index is made for a table.
    pub(in crate::restore) fn index(&mut self, index: Key, table: Key) {
        self.tables.insert(index, table);
    }

    /// The table that stands for the family: it is its own parent.
    fn first_of(&self, key: &Key) -> Key {
        let mut first = key;
        while let Some(next) = self.parents.get(first).filter(|next| *next != first) {
            first = next;
        }
        first.clone()
    }

    /// What the claims come to; `None` when one is on an index that nobody knows.
    pub(in crate::restore) fn resolve(&self, claims: &[Claim]) -> Option<Vec<(Key, Mode)>> {
        let mut shared = BTreeSet::new();
        let mut exclusive = BTreeSet::new();
        for claim in claims {
            match claim {
                Claim::Part(key) => drop(exclusive.insert(key.clone())),
                Claim::Family(key) => {
                    exclusive.insert(key.clone());
                    exclusive.extend(self.family_of(key));
                }
                Claim::Table(key, mode) => {
                    let of_table = if *mode == Mode::Shared { &mut shared } else { &mut exclusive };
                    of_table.insert(key.clone());
                    shared.extend(self.family_of(key));
                }
                Claim::TableOf(index) => {
                    let table = self.tables.get(index)?;
                    shared.insert(table.clone());
                    shared.extend(self.family_of(table));
                }
                Claim::Attachment(index) => {
                    let table = self.tables.get(index)?;
                    exclusive.insert(Key::attachments(&self.first_of(table)));
                }
            }
        }
        let shared = shared.difference(&exclusive).map(|key| (key.clone(), Mode::Shared));
        Some(shared.chain(exclusive.iter().map(|key| (key.clone(), Mode::Exclusive))).collect())
    }

    /// Whether one of the claims is on a table that has a family.
    pub(in crate::restore) fn reach(&self, claims: &[Claim]) -> bool {
        let has = |key: &Key| self.parents.contains_key(key);
        claims.iter().any(|claim| match claim {
            Claim::Part(_) => false,
            Claim::Table(key, _) | Claim::Family(key) => has(key),
            Claim::TableOf(index) | Claim::Attachment(index) => {
                self.tables.get(index).is_some_and(has)
            }
        })
    }

    fn family_of(&self, key: &Key) -> Option<Key> {
        self.parents.contains_key(key).then(|| Key::family(&self.first_of(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Key {
        Key::relation("s", name)
    }

    #[test]
    fn members_of_a_family_share_it_unless_one_needs_all_of_it() {
        let mut families = Families::default();
        let pairs = [("leaf", "middle"), ("middle", "root"), ("other", "root"), ("x", "y")];
        families.relate(pairs.map(|(child, parent)| (table(child), table(parent))));
        let claimed = |claim| families.resolve(&[claim]).unwrap_or_default();
        let build = claimed(Claim::Table(table("leaf"), Mode::Exclusive));
        let all = claimed(Claim::Family(table("other")));
        let family = all.iter().find(|(key, _)| *key != table("other")).cloned();
        assert_eq!(build.len(), 2);
        let family = family.map(|(key, mode)| {
            assert_eq!(mode, Mode::Exclusive);
            (key, Mode::Shared)
        });
        assert!(family.is_some_and(|shared| build.contains(&shared)));
        assert_eq!(claimed(Claim::Family(table("alone"))).len(), 1);
    }

    #[test]
    fn indexes_of_a_family_are_attached_one_after_the_other() {
        let mut families = Families::default();
        let pairs = [("leaf", "middle"), ("middle", "root"), ("x", "y")];
        families.relate(pairs.map(|(child, parent)| (table(child), table(parent))));
        for (index, of) in [("i_leaf", "leaf"), ("i_middle", "middle"), ("i_x", "x")] {
            families.index(table(index), table(of));
        }
        let attachment = |index| families.resolve(&[Claim::Attachment(table(index))]);
        assert_eq!(attachment("i_leaf"), attachment("i_middle"));
        assert_ne!(attachment("i_leaf"), attachment("i_x"));
        let mode = attachment("i_leaf").map(|it| it.into_iter().map(|(_, mode)| mode).collect());
        assert_eq!(mode, Some(vec![Mode::Exclusive]));
    }

    #[test]
    fn a_claim_through_an_unknown_index_is_none() {
        let mut families = Families::default();
        let claims = [Claim::TableOf(table("i"))];
        assert_eq!(families.resolve(&claims), None);
        families.index(table("i"), table("t"));
        assert_eq!(families.resolve(&claims), Some(vec![(table("t"), Mode::Shared)]));
    }
}
