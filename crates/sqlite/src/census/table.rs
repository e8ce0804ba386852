//! The text of a `CREATE TABLE`, taken apart: columns are objects of their own.

use stopover_sql::Token;

use super::names::meant;
use super::text::{canonical, is_word, significant};

/// A table's text, in parts.
pub(super) struct TableText {
    /// Name, unquoted, and everything after it.
    pub(super) columns: Vec<(String, String)>,
    /// Constraints of the table, and what stands behind the parenthesis.
    pub(super) rest: Vec<String>,
}

/// What begins a table's constraint; none of them can be a column's name without quotes.
const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

impl TableText {
    /// The parts of `sql`, as SQLite keeps it; `None` where it is of no form that is known here.
    pub(super) fn of(sql: &str) -> Option<Self> {
        let tokens = significant(sql);
        let open = tokens.iter().position(|it| it.text == "(")?;
        let (entries, close) = entries(&tokens, open)?;
        let mut text = Self { columns: Vec::new(), rest: Vec::new() };
        for entry in entries {
            let first = entry.first()?;
            if CONSTRAINTS.iter().any(|it| is_word(first, it)) {
                text.rest.push(canonical(entry));
            } else {
                text.columns.push((meant(first.text), canonical(&entry[1..])));
            }
        }
        let options = canonical(&tokens[close + 1..]).to_ascii_uppercase();
        text.rest.extend(Some(options).filter(|it| !it.is_empty()));
        Some(text)
    }
}

/// What stands between the commas of the parenthesis at `open`, and where that closes.
fn entries<'t, 's>(tokens: &'t [Token<'s>], open: usize) -> Option<(Vec<&'t [Token<'s>]>, usize)> {
    let mut depth = 0_usize;
    let mut start = open + 1;
    let mut entries = Vec::new();
    for (at, token) in tokens.iter().enumerate().skip(open + 1) {
        match token.text {
            "(" => depth += 1,
            ")" if depth == 0 => {
                entries.push(&tokens[start..at]);
                return Some((entries, at));
            }
            ")" => depth -= 1,
            "," if depth == 0 => {
                entries.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_constraints_are_told_apart() {
        let sql = "CREATE TABLE \"t\"(id INTEGER PRIMARY KEY AUTOINCREMENT, [odd name], \
                   price numeric(10,2) DEFAULT (max(1, 2)) REFERENCES \"p\"(a), \
                   \"check\" text, CHECK(price > 0), CONSTRAINT c UNIQUE (id, price)) strict";
        let text = TableText::of(sql).unwrap();
        let columns: Vec<(&str, &str)> =
            text.columns.iter().map(|(name, rest)| (name.as_str(), rest.as_str())).collect();
        assert_eq!(
            columns,
            [
                ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
                ("odd name", ""),
                ("price", "numeric (10, 2) DEFAULT (max (1, 2)) REFERENCES p (a)"),
                ("check", "text"),
            ]
        );
        assert_eq!(text.rest, ["CHECK (price > 0)", "CONSTRAINT c UNIQUE (id, price)", "STRICT"]);
    }
}
