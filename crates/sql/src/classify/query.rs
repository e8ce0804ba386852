//! The relations that a query reads and writes: those after FROM, JOIN, USING and TABLE are read,
//! those after INSERT INTO, UPDATE, DELETE FROM and MERGE INTO are written, at any depth.
//!
//! This is not a parser. It follows parentheses and clause words, knows that `extract(x FROM y)`
//! and `IS DISTINCT FROM` name no table, and leaves out the names of WITH queries and functions.

use super::LockMode::{AccessShare, RowExclusive, RowShare};
use super::reading::Reading;
use super::row_marks::{RowMarks, alias, row_marks};
use super::words::{Significant, Words};

/// Words that end a list of tables.
const CLAUSES: &[&str] = &[
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "WINDOW",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "RETURNING",
    "SET",
    "VALUES",
    "WHEN",
];

/// Words before UPDATE and DELETE where these are no commands: `FOR UPDATE`, `ON DELETE`,
/// `DO UPDATE`, `WHEN MATCHED THEN DELETE`.
const NOT_COMMANDS_AFTER: &[&str] = &["FOR", "KEY", "ON", "DO", "THEN", "BEFORE", "AFTER", "OR"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// Not in a list of tables.
    Outside,
    /// A table may come next.
    Expected,
    /// After a table; a comma brings the next.
    Between,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Using {
    /// USING joins columns.
    Columns,
    /// The next USING names tables: of DELETE and MERGE.
    Tables,
}

/// What stands between a pair of parentheses, or in the whole statement.
struct Level {
    /// Whether FROM here begins a list of tables.
    query: bool,
    list: List,
    using: Using,
    tables: Vec<Table>,
    marks: RowMarks,
}

/// A table that is read, and what it is called in its query.
pub(super) struct Table {
    pub(super) relation: String,
    pub(super) alias: Option<String>,
}

struct Reader<'a, 'r> {
    words: Words<'a>,
    before: Option<&'a Significant<'a>>,
    levels: Vec<Level>,
    with: Vec<String>,
    reading: &'r mut Reading,
}

/// Whether a query begins here.
pub(super) fn starts_query(words: Words<'_>) -> bool {
    let first = ["SELECT", "WITH", "VALUES", "TABLE", "EXECUTE"];
    words.is_symbol("(") || words.first().is_some_and(|token| token.is_any_word(&first))
}

/// Whether a statement is a query or a change of rows.
pub(super) fn starts_statement(words: Words<'_>) -> bool {
    let first = ["SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE"];
    words.is_symbol("(") || words.first().is_some_and(|token| token.is_any_word(&first))
}

/// The tag of such a statement: that of its main part, after WITH and parentheses.
pub(super) fn main_verb(mut words: Words<'_>) -> &'static str {
    while words.is_symbol("(") {
        words.advance();
    }
    while words.first().is_some() {
        for verb in ["INSERT", "UPDATE", "DELETE", "MERGE"] {
            if words.is_word(verb) && !names_with_query(words) {
                return verb;
            }
        }
        if words.first().is_some_and(|token| token.is_any_word(&["SELECT", "VALUES", "TABLE"])) {
            return select_tag(words);
        }
        if words.parentheses().is_none() {
            words.advance();
        }
    }
    "SELECT"
}

/// Whether the word here is the name of a WITH query, as in `WITH update AS (…)`.
fn names_with_query(mut words: Words<'_>) -> bool {
    words.advance();
    words.skip_parentheses();
    words.is_word("AS")
}

/// SELECT, or SELECT INTO.
fn select_tag(words: Words<'_>) -> &'static str {
    let into = words.after("INTO").map(|after| after.rest().len());
    let from = words.after("FROM").map_or(0, |after| after.rest().len());
    if into.is_some_and(|into| into > from) { "SELECT INTO" } else { "SELECT" }
}

/// Reads a query, and any statement that is made of queries.
pub(super) fn read(words: Words<'_>, reading: &mut Reading) {
    let with = with_names(words);
    let mut reader =
        Reader { words, before: None, levels: vec![Level::new(List::Outside)], with, reading };
    reader.run();
}

/// The names that `name [(columns)] AS [NOT MATERIALIZED] (` gives to queries.
fn with_names(words: Words<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut words = words;
    while words.first().is_some() {
        let mut ahead = words;
        let parts = ahead.name_parts();
        if let [name] = parts.as_slice() {
            ahead.skip_parentheses();
            if ahead.eat("AS [NOT] [MATERIALIZED] (") {
                names.push(name.clone());
            }
        }
        words.advance();
    }
    names
}

impl Level {
    fn new(list: List) -> Self {
        Level {
            query: false,
            list,
            using: Using::Columns,
            tables: Vec::new(),
            marks: RowMarks::None,
        }
    }
}

impl<'a> Reader<'a, '_> {
    fn run(&mut self) {
        while let Some(token) = self.words.first() {
            let before = self.before.replace(token);
            if token.is_symbol("(") {
                self.open();
            } else if token.is_symbol(")") {
                self.words.advance();
                self.close();
            } else if !self.table(token) {
                self.words.advance();
                self.token(token, before);
            }
        }
        while !self.levels.is_empty() {
            self.close_last();
        }
    }

    fn level(&mut self) -> Option<&mut Level> {
        self.levels.last_mut()
    }

    fn open(&mut self) {
        self.words.advance();
        let list = match self.level() {
            Some(level) if level.list == List::Expected => {
                level.list = List::Between;
                List::Expected
            }
            _ => List::Outside,
        };
        self.levels.push(Level::new(list));
    }

    fn close(&mut self) {
        if self.levels.len() > 1 {
            self.close_last();
        }
    }

    fn close_last(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        for table in level.tables {
            if self.with.contains(&table.relation) {
                continue;
            }
            let mode = if level.marks.marks(&table) { RowShare } else { AccessShare };
            self.reading.lock(mode, table.relation);
        }
    }

    /// Takes a table where one is expected. False: what comes next is something else.
    fn table(&mut self, token: &Significant<'a>) -> bool {
        if self.level().is_none_or(|level| level.list != List::Expected) {
            return false;
        }
        if token.is_any_word(&["SELECT", "VALUES", "WITH", "LATERAL", "TABLE"]) {
            return false;
        }
        let mut words = self.words;
        let relation = words.relation();
        let function = words.is_symbol("(");
        let alias = alias(words);
        if relation.is_some() {
            self.words = words;
        }
        let taken = relation.is_some();
        if let Some(level) = self.level() {
            level.list = List::Between;
            if let (Some(relation), false) = (relation, function) {
                level.tables.push(Table { relation, alias });
            }
        }
        taken
    }

    fn token(&mut self, token: &Significant<'a>, before: Option<&Significant<'a>>) {
        let after = |words: &[&str]| before.is_some_and(|before| before.is_any_word(words));
        let command = !after(NOT_COMMANDS_AFTER);
        if token.is_word("INTO") && after(&["INSERT", "MERGE"]) {
            self.write(if after(&["MERGE"]) { Using::Tables } else { Using::Columns });
        } else if token.is_word("FROM") && after(&["DELETE"]) {
            self.write(Using::Tables);
        } else if token.is_word("UPDATE") && command && !self.words.is_word("AS") {
            self.write(Using::Columns);
        } else if token.is_word("TABLE") && before.is_none_or(|before| before.is_symbol("(")) {
            self.set_list(List::Expected);
        } else {
            self.clause(token, before);
        }
    }

    fn clause(&mut self, token: &Significant<'a>, before: Option<&Significant<'a>>) {
        let distinct = before.is_some_and(|before| before.is_word("DISTINCT"));
        let words = self.words;
        let Some(level) = self.level() else { return };
        if token.is_word("SELECT") {
            (level.query, level.list) = (true, List::Outside);
        } else if (token.is_word("FROM") && level.query && !distinct)
            || token.is_word("JOIN")
            || (token.is_symbol(",") && level.list == List::Between)
        {
            level.list = List::Expected;
        } else if token.is_word("USING") && level.using == Using::Tables {
            (level.using, level.list) = (Using::Columns, List::Expected);
        } else if token.is_word("FOR") && level.query {
            level.list = List::Outside;
            level.marks.add(row_marks(words));
        } else if token.is_any_word(CLAUSES) {
            level.list = List::Outside;
        }
    }

    /// Takes the table that a command writes to.
    fn write(&mut self, using: Using) {
        let relation = self.words.relation();
        if let Some(level) = self.level() {
            (level.query, level.using, level.list) = (true, using, List::Outside);
        }
        if let Some(relation) = relation {
            self.reading.lock(RowExclusive, relation);
        }
    }

    fn set_list(&mut self, list: List) {
        if let Some(level) = self.level() {
            level.list = list;
        }
    }
}
