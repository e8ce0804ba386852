//! Tables that scripts make again: dropped or renamed away, and made under the same name. That is how
//! SQLite's tables are changed, and what a rebuild forgets to copy is no lost row.
//!
//! As far as the text tells, and rather too many than too few: names are held together without their
//! schemas. What a function or a text that is put together does is not seen here.

use std::collections::BTreeSet;

use stopover_backend::Imprint;

use crate::rehearse::{bare, script_words};

/// The names of tables that the scripts make again, in lower case and without schemas.
pub(super) fn made_again(scripts: &[String]) -> BTreeSet<String> {
    let told = Told::of(scripts);
    let gone = told.dropped.iter().chain(told.renamed.iter().map(|(from, _)| from));
    gone.filter(|it| told.makes_again(it)).cloned().collect()
}

/// Whether the table, or what it is a part of, is among these names.
pub(super) fn is_among(names: &BTreeSet<String>, table: &Imprint) -> bool {
    table.within.iter().chain([&table.relation]).any(|it| names.contains(&bare(it)))
}

/// What becomes of tables' names.
#[derive(Default)]
struct Told {
    dropped: BTreeSet<String>,
    made: BTreeSet<String>,
    /// From and to.
    renamed: Vec<(String, String)>,
}

impl Told {
    fn of(scripts: &[String]) -> Self {
        let mut told = Self::default();
        for script in scripts {
            let words = Words(script_words(script));
            for at in 0..words.0.len() {
                told.read(&words, at);
            }
        }
        told
    }

    /// Reads what begins at a word.
    fn read(&mut self, words: &Words, at: usize) {
        if words.are(at, &["drop", "table"]) {
            let mut next = words.behind_condition(at + 2);
            while let Some((name, behind)) = words.name(next) {
                self.dropped.insert(name);
                if !words.are(behind, &[","]) {
                    break;
                }
                next = behind + 1;
            }
        } else if words.are(at, &["alter", "table"]) {
            let Some((from, behind)) = words.name(words.behind_condition(at + 2)) else { return };
            let to = words.are(behind, &["rename", "to"]).then(|| words.name(behind + 2));
            self.renamed.extend(to.flatten().map(|(to, _)| (from, to)));
        } else if words.are(at, &["table"]) && words.creates(at) {
            let name = words.name(words.behind_condition(at + 1));
            self.made.extend(name.map(|(name, _)| name));
        } else if words.are(at, &["into"]) {
            // SELECT … INTO name; the table of an INSERT is there already, or is made elsewhere.
            let name = words.name(words.behind_condition(at + 1));
            self.made.extend(name.map(|(name, _)| name));
        }
    }

    /// Whether what has this name goes, and something else gets one of the names that it had.
    fn makes_again(&self, table: &str) -> bool {
        let mut names = BTreeSet::from([table]);
        loop {
            let to = self.renamed.iter().filter(|(from, _)| names.contains(from.as_str()));
            let more: Vec<&str> =
                to.map(|(_, to)| to.as_str()).filter(|it| !names.contains(it)).collect();
            if more.is_empty() {
                break;
            }
            names.extend(more);
        }
        let comes = |(from, to): &(String, String)| {
            names.contains(to.as_str()) && !names.contains(from.as_str())
        };
        names.iter().any(|it| self.made.contains(*it)) || self.renamed.iter().any(comes)
    }
}

/// The words of a script, in lower case.
struct Words(Vec<String>);

impl Words {
    fn are(&self, at: usize, these: &[&str]) -> bool {
        these.iter().enumerate().all(|(of, it)| self.0.get(at + of).is_some_and(|word| word == it))
    }

    /// Whether CREATE stands before this TABLE: at most three words of its kind are between
    /// (`GLOBAL TEMPORARY`, `VIRTUAL`, `UNLOGGED`).
    fn creates(&self, table: usize) -> bool {
        self.0[table.saturating_sub(3)..table].iter().any(|it| it == "create")
    }

    /// What comes behind `IF EXISTS`, `IF NOT EXISTS`, `ONLY`, `TEMP TABLE` and the like.
    fn behind_condition(&self, at: usize) -> usize {
        let passing = ["if", "not", "exists", "only", "temp", "temporary", "unlogged", "table"];
        let words = self.0.get(at..).unwrap_or_default();
        at + words.iter().take_while(|it| passing.contains(&it.as_str())).count()
    }

    /// A name without its schemas, and what comes behind it.
    fn name(&self, mut at: usize) -> Option<(String, usize)> {
        while self.are(at + 1, &["."]) {
            at += 2;
        }
        Some((self.0.get(at)?.clone(), at + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(scripts: &[&str]) -> Vec<String> {
        let scripts: Vec<String> = scripts.iter().map(|it| (*it).to_owned()).collect();
        made_again(&scripts).into_iter().collect()
    }

    #[test]
    fn a_table_that_goes_and_comes_back_is_made_again() {
        for script in [
            "CREATE TABLE new (id); INSERT INTO new SELECT id FROM users; DROP TABLE users; \
             ALTER TABLE new RENAME TO users",
            "ALTER TABLE Users RENAME TO old; CREATE TABLE \"users\" (id); DROP TABLE old",
            "CREATE TEMP TABLE kept AS SELECT * FROM users; DROP TABLE IF EXISTS main.users; \
             CREATE TABLE IF NOT EXISTS main.users (id)",
            "DROP TABLE a, public.users; SELECT * INTO users FROM b",
            "DROP TABLE [users]; CREATE VIRTUAL TABLE `users` USING fts5 (x)",
        ] {
            assert!(found(&[script]).contains(&"users".to_owned()), "{script}");
        }
        let one_after_the_other =
            ["DROP TABLE users", "CREATE TABLE new (id)", "ALTER TABLE new RENAME TO users"];
        // The new one too: no such table is there before.
        assert_eq!(found(&one_after_the_other), ["new", "users"]);
    }

    #[test]
    fn a_table_that_is_renamed_and_then_made_again_is_found_by_its_first_name() {
        let scripts = [
            "ALTER TABLE users RENAME TO people",
            "CREATE TABLE new (id); DROP TABLE people; ALTER TABLE new RENAME TO people",
        ];
        assert_eq!(found(&scripts), ["new", "people", "users"]);
    }

    #[test]
    fn what_only_goes_or_only_comes_is_not_made_again() {
        assert_eq!(found(&["DROP TABLE users; CREATE TABLE people (id)"]), [""; 0]);
        assert_eq!(found(&["ALTER TABLE users RENAME TO people"]), [""; 0]);
        assert_eq!(found(&["ALTER TABLE users RENAME COLUMN a TO b"]), [""; 0]);
        assert_eq!(
            found(&["ALTER TABLE users DROP COLUMN a; CREATE INDEX i ON users (b)"]),
            [""; 0]
        );
        assert_eq!(found(&["-- DROP TABLE users;\nCREATE TABLE users (id)"]), [""; 0]);
    }
}
