//! Migrations of an SQLite file that show by what they leave how often each of their statements
//! ran: every one leaves a mark in a table without a unique key, or counts up.

use std::io;
use std::path::Path;

use crate::dice::Dice;

/// Rows of the table that migrations rebuild.
pub(super) const ITEMS: usize = 300;

/// One migration, and what it must leave.
#[derive(Debug, Clone)]
pub(super) struct Migration {
    /// From 1.
    pub(super) number: usize,
    name: &'static str,
    text: String,
    /// The marks that it leaves, each once.
    pub(super) marks: Vec<String>,
    /// How often it counts up.
    bumps: usize,
    /// What a refusal to go on with it must say, where that is allowed: nobody can tell of one of
    /// its statements whether it ran, or what it needs is gone. It leaves nothing but marks and its
    /// copy then.
    pub(super) undecidable: Option<&'static str>,
    /// The file that it copies the database into.
    pub(super) copy: Option<String>,
}

impl Migration {
    /// What its marks begin with.
    pub(super) fn prefix(&self) -> String {
        format!("v{}.", self.number)
    }

    /// Takes its marks back: its down script, and what an operator does by hand.
    pub(super) fn undone(&self) -> String {
        format!("DELETE FROM marks WHERE mark LIKE '{}%';\n", self.prefix())
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let Self { number, name, text, .. } = self;
        std::fs::write(folder.join(format!("{number:03}_{name}.up.sql")), text)?;
        if self.undecidable.is_some() {
            std::fs::write(folder.join(format!("{number:03}_{name}.down.sql")), self.undone())?;
        }
        Ok(())
    }
}

/// A source, and what must be there when all of it ran exactly once.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) migrations: Vec<Migration>,
}

impl Source {
    /// A beginning, then migrations of all kinds by chance.
    pub(super) fn by_chance(dice: &mut Dice) -> Self {
        let more = dice.between(4, 9);
        let mut migrations = vec![beginning(Writing::new(1, dice))];
        for number in 2..=more + 1 {
            let writing = Writing::new(number, dice);
            let kind = writing.dice.pick(&KINDS);
            migrations.push(kind(writing));
        }
        Self { migrations }
    }

    /// Writes the files into a folder.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        self.migrations.iter().try_for_each(|it| it.write(folder))
    }

    /// All marks, sorted.
    pub(super) fn marks(&self) -> Vec<String> {
        let mut marks: Vec<String> =
            self.migrations.iter().flat_map(|it| it.marks.clone()).collect();
        marks.sort_unstable();
        marks
    }

    /// How often they count up.
    pub(super) fn bumps(&self) -> usize {
        self.migrations.iter().map(|it| it.bumps).sum()
    }

    /// Statements of all migrations, roughly: what a random moment is chosen by.
    pub(super) fn statements(&self) -> usize {
        self.migrations.iter().map(|it| it.text.matches(";\n").count()).sum()
    }
}

type Kind = fn(Writing<'_>) -> Migration;

/// Every kind of migration, the usual ones more often.
const KINDS: [Kind; 13] = [
    plain,
    plain,
    plain,
    enveloped,
    rebuilt,
    rebuilt,
    statement_by_statement,
    statement_by_statement,
    own_transactions,
    maintained,
    other_journal,
    copied,
    staged,
];

/// Writes one migration.
struct Writing<'a> {
    dice: &'a mut Dice,
    migration: Migration,
}

impl<'a> Writing<'a> {
    fn new(number: usize, dice: &'a mut Dice) -> Self {
        let migration = Migration {
            number,
            name: "",
            text: String::new(),
            marks: Vec::new(),
            bumps: 0,
            undecidable: None,
            copy: None,
        };
        Self { dice, migration }
    }

    fn done(mut self, name: &'static str) -> Migration {
        self.migration.name = name;
        self.migration
    }

    /// A line of the head.
    fn head(&mut self, directive: &str) {
        self.migration.text.push_str(&format!("-- stopover: {directive}\n"));
    }

    fn say(&mut self, statement: &str) {
        self.migration.text.push_str(statement);
        self.migration.text.push_str(";\n");
    }

    /// A mark that is promised, without the statement that leaves it.
    fn promise(&mut self) -> String {
        let mark = format!("{}{}", self.migration.prefix(), self.migration.marks.len() + 1);
        self.migration.marks.push(mark.clone());
        mark
    }

    /// A statement that leaves a mark; now and then one beside it that takes a while.
    fn mark(&mut self) {
        let mark = self.promise();
        self.say(&format!("INSERT INTO marks VALUES ('{mark}')"));
        if self.dice.chance(25) {
            let steps = self.dice.between(1_000, 80_000);
            self.say(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {steps}) \
                 SELECT count(*) FROM n"
            ));
        }
    }

    /// Some statements that leave marks or count up.
    fn some_work(&mut self, from: usize, to: usize) {
        for _ in 0..self.dice.between(from, to) {
            if self.dice.chance(30) {
                self.migration.bumps += 1;
                self.say("UPDATE counter SET n = n + 1");
            } else {
                self.mark();
            }
        }
    }

    /// A mark that nobody must ever see.
    fn ghost(&mut self) {
        let ghost = format!("{}ghost", self.migration.prefix());
        self.say(&format!("INSERT INTO marks VALUES ('{ghost}')"));
    }
}

fn beginning(mut it: Writing<'_>) -> Migration {
    it.say("CREATE TABLE marks (mark TEXT NOT NULL)");
    it.say("CREATE TABLE counter (n INTEGER NOT NULL)");
    it.say("INSERT INTO counter VALUES (0)");
    it.say("CREATE TABLE items (id INTEGER PRIMARY KEY, note TEXT NOT NULL)");
    it.say("CREATE TABLE parts (item INTEGER NOT NULL REFERENCES items (id))");
    it.say(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ITEMS}) \
         INSERT INTO items SELECT i, 'note ' || i FROM n"
    ));
    it.say("INSERT INTO parts SELECT id FROM items");
    it.some_work(1, 2);
    it.done("beginning")
}

fn plain(mut it: Writing<'_>) -> Migration {
    let number = it.migration.number;
    it.some_work(1, 3);
    it.say(&format!("CREATE TABLE side{number} (x INTEGER)"));
    it.some_work(1, 4);
    it.done("plain")
}

fn enveloped(mut it: Writing<'_>) -> Migration {
    it.say("BEGIN");
    it.some_work(2, 4);
    it.say("COMMIT");
    it.done("enveloped")
}

fn rebuilt(mut it: Writing<'_>) -> Migration {
    it.head("foreign-keys off");
    it.mark();
    it.say("CREATE TABLE items_new (id INTEGER PRIMARY KEY, note TEXT NOT NULL)");
    it.say("INSERT INTO items_new SELECT id, note FROM items");
    it.mark();
    it.say("DROP TABLE items");
    it.mark();
    it.say("ALTER TABLE items_new RENAME TO items");
    it.some_work(0, 2);
    it.done("rebuilt")
}

fn statement_by_statement(mut it: Writing<'_>) -> Migration {
    let number = it.migration.number;
    it.head("no-transaction");
    it.some_work(2, 5);
    it.say(&format!("CREATE TABLE side{number} (x INTEGER)"));
    it.some_work(1, 4);
    it.done("statement_by_statement")
}

fn own_transactions(mut it: Writing<'_>) -> Migration {
    it.head("no-transaction");
    it.some_work(1, 2);
    it.say("BEGIN IMMEDIATE");
    it.some_work(1, 3);
    it.say("COMMIT");
    it.some_work(1, 2);
    it.say("BEGIN");
    it.ghost();
    it.say("ROLLBACK");
    it.some_work(1, 2);
    it.done("own_transactions")
}

fn maintained(mut it: Writing<'_>) -> Migration {
    it.head("no-transaction");
    it.some_work(1, 2);
    it.say("VACUUM");
    it.some_work(1, 2);
    it.say("PRAGMA wal_checkpoint(TRUNCATE)");
    it.some_work(1, 2);
    it.done("maintained")
}

/// Without a directive: what stands in the file decides.
fn other_journal(mut it: Writing<'_>) -> Migration {
    let mode = it.dice.pick(&["WAL", "DELETE"]);
    it.say(&format!("PRAGMA journal_mode = {mode}"));
    it.done("other_journal")
}

fn copied(mut it: Writing<'_>) -> Migration {
    let copy = format!("copy{}.db", it.migration.number);
    it.head("no-transaction");
    it.migration.undecidable = Some("nobody can tell from the catalog whether VACUUM at line");
    it.mark();
    it.say(&format!("VACUUM INTO '{copy}'"));
    it.mark();
    it.migration.copy = Some(copy);
    it.done("copied")
}

fn staged(mut it: Writing<'_>) -> Migration {
    it.head("no-transaction");
    it.migration.undecidable = Some("a temporary table");
    it.mark();
    it.say("CREATE TEMP TABLE staged (mark TEXT)");
    let (first, second) = (it.promise(), it.promise());
    it.say(&format!("INSERT INTO staged VALUES ('{first}'), ('{second}')"));
    it.mark();
    it.say("INSERT INTO marks SELECT mark FROM staged");
    it.mark();
    it.done("staged")
}
