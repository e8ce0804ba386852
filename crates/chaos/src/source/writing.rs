//! One migration while it is written: its text, and what it must leave.

use crate::dice::Dice;

/// How a migration stands to transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One transaction.
    Transactional,
    /// None, because the file says so.
    Marked,
    /// None, because of what is in the file.
    Unmarked,
}

/// A question to the database at the end, and its only right answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) sql: String,
    pub(crate) answer: String,
}

impl Check {
    pub(crate) fn new(what: &str, sql: &str, answer: &str) -> Self {
        Self { what: what.to_owned(), sql: sql.to_owned(), answer: answer.to_owned() }
    }
}

/// One migration, and what it must leave.
#[derive(Debug, Clone)]
pub(crate) struct Migration {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) text: String,
    /// The marks that it leaves, each once.
    pub(crate) marks: Vec<String>,
    /// How often it counts up.
    pub(crate) bumps: usize,
    /// What a refusal to go on with it must say, where that is allowed: nobody can tell of one of
    /// its statements whether it ran (`CALL`, `DO`), or what it needs is gone. It leaves nothing
    /// but marks then.
    pub(crate) undecidable: Option<&'static str>,
    checks: Vec<Check>,
}

impl Migration {
    /// What must hold at the end.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let mut marks = self.marks.clone();
        marks.sort_unstable();
        let sql = format!(
            "SELECT coalesce(string_agg(mark, ' ' ORDER BY mark COLLATE \"C\"), '') \
             FROM public.marks WHERE mark LIKE '{}%'",
            self.prefix()
        );
        let what = format!("the marks of {} {}", self.number, self.name);
        let mut checks = vec![Check::new(&what, &sql, &marks.join(" "))];
        checks.extend(self.checks.iter().cloned());
        checks
    }

    /// What its marks begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("v{}.", self.number)
    }
}

/// Writes one migration.
pub(crate) struct Writing<'a> {
    pub(crate) dice: &'a mut Dice,
    pub(crate) number: usize,
    migration: Migration,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(number: usize, dice: &'a mut Dice) -> Self {
        let migration = Migration {
            number,
            name: String::new(),
            shape: Shape::Transactional,
            text: String::new(),
            marks: Vec::new(),
            bumps: 0,
            undecidable: None,
            checks: Vec::new(),
        };
        Self { dice, number, migration }
    }

    /// The migration, done.
    pub(crate) fn done(mut self, name: &str, shape: Shape) -> Migration {
        self.migration.name = name.to_owned();
        self.migration.shape = shape;
        self.migration
    }

    /// A statement.
    pub(crate) fn say(&mut self, statement: &str) {
        self.migration.text.push_str(statement);
        self.migration.text.push_str(";\n");
    }

    /// Text as it is.
    pub(crate) fn raw(&mut self, text: &str) {
        self.migration.text.push_str(text);
    }

    /// A mark that is promised, without the statement that leaves it.
    pub(crate) fn promise(&mut self) -> String {
        let mark = format!("v{}.{}", self.number, self.migration.marks.len() + 1);
        self.migration.marks.push(mark.clone());
        mark
    }

    /// A mark of this name is promised.
    pub(crate) fn promise_named(&mut self, mark: String) {
        self.migration.marks.push(mark);
    }

    /// A statement that leaves a mark; now and then one that also takes a while.
    pub(crate) fn mark(&mut self) {
        let mark = self.promise();
        self.say(&format!("INSERT INTO public.marks VALUES ('{mark}')"));
        if self.dice.chance(15) {
            let milliseconds = self.dice.between(1, 30);
            self.say(&format!("SELECT pg_sleep(0.{milliseconds:03})"));
        }
    }

    /// A statement that counts up.
    pub(crate) fn bump(&mut self) {
        self.migration.bumps += 1;
        self.say("UPDATE public.counter SET n = n + 1");
    }

    /// Some statements that leave marks or count up.
    pub(crate) fn some_work(&mut self) {
        for _ in 0..self.dice.between(1, 3) {
            if self.dice.chance(30) { self.bump() } else { self.mark() }
        }
    }

    /// Something that must hold at the end.
    pub(crate) fn check(&mut self, what: &str, sql: &str, answer: &str) {
        self.migration.checks.push(Check::new(what, sql, answer));
    }

    /// That an index is there, valid, and stands in this schema.
    pub(crate) fn check_index(&mut self, schema: &str, name: &str) {
        let sql = format!(
            "SELECT coalesce(string_agg(n.nspname || ' ' || (indisvalid AND indisready), ' '), '') \
             FROM pg_index JOIN pg_class c ON c.oid = indexrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = '{name}'"
        );
        self.check(&format!("the index {name}"), &sql, &format!("{schema} true"));
    }

    /// That the number of rows is this.
    pub(crate) fn check_rows(&mut self, relation: &str, rows: usize) {
        let sql = format!("SELECT count(*)::text FROM {relation}");
        self.check(&format!("the rows of {relation}"), &sql, &rows.to_string());
    }

    /// That nobody may be able to tell how to go on with it; a refusal says `reason`.
    pub(crate) const fn undecidable(&mut self, reason: &'static str) {
        self.migration.undecidable = Some(reason);
    }
}
