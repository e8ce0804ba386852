//! The rows that a statement fails on: counted where its text says plainly which they are.
//!
//! A failing `INSERT INTO t (…) SELECT …`, the heart of every table rebuild, is asked for the rows
//! of its SELECT that t does not take: with a null, or with a key that occurs twice. A failing
//! `CREATE UNIQUE INDEX` is asked for the keys that occur twice. Anything else gives nothing.

use rusqlite::Connection;
use stopover_backend::Offending;
use stopover_model::{DatabaseError, PlannedStatement};
use stopover_sql::{Dialect, Token, TokenKind, tokens_in};

use crate::held::Held;
use crate::literal::identifier;

/// How many keys are shown.
const SAMPLES: usize = 3;

/// Counts the rows, in a transaction that is rolled back. `None` where the text or the error do
/// not allow it.
pub(super) fn rows(
    held: &mut Held,
    before: &[PlannedStatement],
    failing: &PlannedStatement,
    error: &DatabaseError,
) -> Option<Offending> {
    let connection = held.pick_up_pen().ok()?;
    connection.execute_batch("BEGIN IMMEDIATE").ok()?;
    let found = before
        .iter()
        .try_for_each(|it| connection.execute_batch(&it.text))
        .ok()
        .and_then(|()| count(connection, &failing.text, error));
    connection.execute_batch("ROLLBACK").ok()?;
    found
}

fn count(connection: &Connection, failing: &str, error: &DatabaseError) -> Option<Offending> {
    let tokens: Vec<Token<'_>> =
        tokens_in(Dialect::Sqlite, failing).filter(|it| !it.kind.is_trivia()).collect();
    let words = Words { text: failing, tokens: &tokens };
    if error.message.starts_with("NOT NULL constraint failed: ") {
        let insert = words.insert_select()?;
        return nulls(connection, &insert, error.table.as_deref()?, error.column.as_deref()?);
    }
    let keys = error.message.strip_prefix("UNIQUE constraint failed: ")?;
    let keys = keys.split(" (SQLITE_").next()?;
    let columns: Option<Vec<&str>> =
        keys.split(", ").map(|it| it.split_once('.').map(|(_, column)| column)).collect();
    let (columns, table) = (columns?, error.table.as_deref()?);
    match words.insert_select() {
        Some(insert) => {
            let source = insert.source(connection, table)?;
            twice(connection, &source, table, &columns)
        }
        None if words.has(&["CREATE", "UNIQUE", "INDEX"]) => {
            let whole = words.tokens.iter().any(|it| it.text.eq_ignore_ascii_case("WHERE"));
            if whole {
                // Only the rows of a partial index count, and which they are its text would tell.
                return None;
            }
            twice(connection, &identifier(table), table, &columns)
        }
        None => None,
    }
}

/// `INSERT INTO table [(columns)] SELECT …`
struct InsertSelect {
    columns: Vec<String>,
    select: String,
}

struct Words<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
}

impl Words<'_> {
    fn has(&self, words: &[&str]) -> bool {
        let mut tokens = self.tokens.iter();
        words.iter().all(|word| tokens.next().is_some_and(|it| it.text.eq_ignore_ascii_case(word)))
    }

    fn insert_select(&self) -> Option<InsertSelect> {
        if !self.has(&["INSERT", "INTO"]) {
            return None;
        }
        let first =
            |text: &str| self.tokens.iter().position(|it| it.text.eq_ignore_ascii_case(text));
        let select = first("SELECT")?;
        let names = |it: &&Token<'_>| matches!(it.kind, TokenKind::Word | TokenKind::QuotedIdent);
        let columns = match (first("("), first(")")) {
            (Some(open), Some(close)) if open < close && close < select => {
                self.tokens[open..close].iter().filter(names).map(|it| bare(it.text)).collect()
            }
            _ => Vec::new(),
        };
        let select = self.text.get(self.tokens[select].range.start..)?.to_owned();
        Some(InsertSelect { columns, select })
    }
}

impl InsertSelect {
    /// The SELECT with the names of the columns that its values are for.
    fn source(&self, connection: &Connection, table: &str) -> Option<String> {
        let names = if self.columns.is_empty() {
            let sql = "SELECT name FROM pragma_table_info(?1, 'main') ORDER BY cid";
            let mut columns = connection.prepare(sql).ok()?;
            let names = columns.query_map([table], |row| row.get::<_, String>(0)).ok()?;
            names.collect::<Result<Vec<_>, _>>().ok()?
        } else {
            self.columns.clone()
        };
        let names: Vec<String> = names.iter().map(|it| identifier(it)).collect();
        Some(format!("(WITH new ({}) AS ({}) SELECT * FROM new)", names.join(", "), self.select))
    }
}

fn nulls(
    connection: &Connection,
    insert: &InsertSelect,
    table: &str,
    column: &str,
) -> Option<Offending> {
    let source = insert.source(connection, table)?;
    let sql = format!("SELECT count(*) FROM {source} WHERE {} IS NULL", identifier(column));
    let count = connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).ok()?;
    let count = u64::try_from(count).ok().filter(|&it| it > 0)?;
    let what = format!("rows for {table} where {column} is null");
    Some(Offending { count, what, samples: Vec::new() })
}

fn twice(
    connection: &Connection,
    source: &str,
    table: &str,
    columns: &[&str],
) -> Option<Offending> {
    let keys: Vec<String> = columns.iter().map(|it| identifier(it)).collect();
    let present: Vec<String> = keys.iter().map(|it| format!("{it} IS NOT NULL")).collect();
    let shown: Vec<String> = keys.iter().map(|it| format!("quote({it})")).collect();
    let groups = format!(
        "SELECT count(*), {} FROM {source} WHERE {} GROUP BY {} HAVING count(*) > 1 \
         ORDER BY 1 DESC, 2",
        shown.join(" || ', ' || "),
        present.join(" AND "),
        keys.join(", ")
    );
    let mut select = connection.prepare(&groups).ok()?;
    let rows = select.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let groups: Vec<(i64, String)> = rows.ok()?.collect::<Result<_, _>>().ok()?;
    let count = groups.iter().map(|(count, _)| count).sum::<i64>();
    let count = u64::try_from(count).ok().filter(|&it| it > 0)?;
    let columns = columns.join(", ");
    let sample = |(count, key): &(i64, String)| format!("{columns} = {key} ({count} times)");
    let samples = groups.iter().take(SAMPLES).map(sample).collect();
    Some(Offending { count, what: format!("rows for {table} that share {columns}"), samples })
}

/// A name without its quotes.
fn bare(text: &str) -> String {
    let quoted = |open: char, close: char| text.strip_prefix(open)?.strip_suffix(close);
    let inner = [('"', '"'), ('`', '`'), ('[', ']')].into_iter().find_map(|(a, b)| quoted(a, b));
    match (inner, text.chars().next()) {
        (Some(inner), Some('[')) => inner.to_owned(),
        (Some(inner), Some(quote)) => inner.replace(&format!("{quote}{quote}"), &quote.to_string()),
        _ => text.to_owned(),
    }
}
