//! What a script adds to the schema, as far as its text tells: which migration a column came with.
//!
//! Not a catalog: what a function makes, or a `CREATE TABLE … AS`, has columns that no text names.

use crate::cursor::{Cursor, folded, is_word, significant};
use crate::dialect::Dialect;
use crate::script::statements_in;

/// One object that a script adds. Names are as the catalog has them, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// A table, view, index, function …
    Object {
        /// Its own name, without a schema.
        name: String,
    },
    /// A column of a table, with the table or later.
    Column {
        /// The table's own name, without a schema.
        table: String,
        /// Its name.
        column: String,
    },
}

/// What the script adds, in its order; nothing where it cannot be read.
#[must_use]
pub fn added(dialect: Dialect, script: &str) -> Vec<Added> {
    let Ok(statements) = statements_in(dialect, script) else { return Vec::new() };
    statements.iter().flat_map(|it| of_statement(&it.text)).collect()
}

fn of_statement(text: &str) -> Vec<Added> {
    let tokens = significant(text);
    let mut cursor = Cursor::new(text, &tokens);
    if cursor.eat("ALTER TABLE") {
        return altered(cursor).unwrap_or_default();
    }
    if cursor.eat("CREATE") { created(cursor).unwrap_or_default() } else { Vec::new() }
}

fn altered(mut cursor: Cursor<'_>) -> Option<Vec<Added>> {
    let _ = cursor.eat("IF EXISTS");
    let _ = cursor.eat("ONLY");
    let table = own_name(&mut cursor)?;
    let column = |mut action: Cursor<'_>| {
        if action.eat("RENAME") {
            let _ = action.eat("COLUMN");
            let _ = action.identifier()?;
            return action.eat("TO").then(|| action.identifier()).flatten().map(folded);
        }
        if !action.eat("ADD") || is_constraint(action) {
            return None;
        }
        let _ = action.eat("COLUMN");
        let _ = action.eat("IF NOT EXISTS");
        action.identifier().map(folded)
    };
    let columns = cursor.split_at_commas().into_iter().filter_map(column);
    Some(columns.map(|column| Added::Column { table: table.clone(), column }).collect())
}

fn created(mut cursor: Cursor<'_>) -> Option<Vec<Added>> {
    const BEFORE: [&str; 14] = [
        "OR",
        "REPLACE",
        "GLOBAL",
        "LOCAL",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
        "FOREIGN",
        "MATERIALIZED",
        "RECURSIVE",
        "UNIQUE",
        "CONSTRAINT",
        "VIRTUAL",
        "TRUSTED",
    ];
    while cursor.tokens().first().is_some_and(|it| BEFORE.iter().any(|word| is_word(it, word))) {
        cursor.advance();
    }
    let is_table = cursor.is("TABLE");
    // The kind: TABLE, INDEX, FUNCTION …
    cursor.identifier()?;
    let _ = cursor.eat("CONCURRENTLY");
    let _ = cursor.eat("IF NOT EXISTS");
    let name = own_name(&mut cursor)?;
    let mut found = vec![Added::Object { name: name.clone() }];
    if is_table && let Some(elements) = cursor.parentheses() {
        let columns = elements.split_at_commas().into_iter().filter(|it| !is_constraint(*it));
        let columns = columns.filter_map(|mut it| it.identifier().map(folded));
        found.extend(columns.map(|column| Added::Column { table: name.clone(), column }));
    }
    Some(found)
}

/// Whether an element of a table is no column.
fn is_constraint(element: Cursor<'_>) -> bool {
    ["CONSTRAINT", "PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY", "EXCLUDE", "LIKE"]
        .iter()
        .any(|words| element.is(words))
}

/// The last part of a name with dots.
fn own_name(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut last = cursor.identifier()?;
    while cursor.is_symbol(".") {
        cursor.advance();
        last = cursor.identifier()?;
    }
    Some(folded(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_objects_are_told_by_their_own_names() {
        let script = "\
            CREATE TABLE IF NOT EXISTS shop.\"Orders\" (id int, \"Note\" text, PRIMARY KEY (id));\n\
            ALTER TABLE IF EXISTS ONLY orders ADD COLUMN IF NOT EXISTS Total numeric(10, 2), \
              ADD CONSTRAINT x CHECK (total > 0), ADD late boolean, DROP COLUMN id;\n\
            ALTER TABLE orders RENAME note TO remark;\n\
            CREATE UNIQUE INDEX CONCURRENTLY i ON orders (id);\n\
            CREATE OR REPLACE FUNCTION a.f(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';\n\
            DROP TABLE gone;";
        let object = |name: &str| Added::Object { name: name.to_owned() };
        let column = |table: &str, column: &str| Added::Column {
            table: table.to_owned(),
            column: column.to_owned(),
        };
        let expected = [
            object("Orders"),
            column("Orders", "id"),
            column("Orders", "Note"),
            column("orders", "total"),
            column("orders", "late"),
            column("orders", "remark"),
            object("i"),
            object("f"),
        ];
        assert_eq!(added(Dialect::Postgres, script), expected);
        assert_eq!(added(Dialect::Sqlite, "ALTER TABLE a ADD b"), [column("a", "b")]);
        assert_eq!(added(Dialect::Postgres, "CREATE TABLE a AS SELECT 1"), [object("a")]);
        assert_eq!(added(Dialect::Postgres, "SELECT 'open"), []);
    }
}
