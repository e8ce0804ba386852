//! `SELECT … FOR UPDATE [OF tables]` and its weaker forms: which tables of a query they mark.

use super::query::Table;
use super::words::Words;

/// Words that may follow a table and are no alias.
const NO_ALIAS: &[&str] = &[
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "ON",
    "USING",
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
    "FOR",
    "TABLESAMPLE",
    "SET",
    "WHEN",
];

/// Which tables of a query level are locked row by row.
pub(super) enum RowMarks {
    None,
    /// Those called so.
    Of(Vec<String>),
    All,
}

impl RowMarks {
    pub(super) fn add(&mut self, more: RowMarks) {
        *self = match (std::mem::replace(self, RowMarks::None), more) {
            (RowMarks::None, other) | (other, RowMarks::None) => other,
            (RowMarks::Of(mut names), RowMarks::Of(others)) => {
                names.extend(others);
                RowMarks::Of(names)
            }
            (RowMarks::All, _) | (_, RowMarks::All) => RowMarks::All,
        };
    }

    pub(super) fn marks(&self, table: &Table) -> bool {
        match self {
            RowMarks::None => false,
            RowMarks::All => true,
            RowMarks::Of(names) => {
                let last = table.relation.rsplit('.').next();
                let called = table.alias.as_deref().or(last);
                names.iter().any(|name| Some(name.as_str()) == called)
            }
        }
    }
}

/// Reads what follows FOR.
pub(super) fn row_marks(mut words: Words<'_>) -> RowMarks {
    let forms = ["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"];
    if !forms.into_iter().any(|form| words.eat(form)) {
        return RowMarks::None;
    }
    if !words.eat_word("OF") {
        return RowMarks::All;
    }
    let mut names = Vec::new();
    loop {
        names.extend(words.name_parts().pop());
        if !words.eat_symbol(",") {
            return RowMarks::Of(names);
        }
    }
}

/// The alias that comes next, if one does.
pub(super) fn alias(mut words: Words<'_>) -> Option<String> {
    if !words.eat_word("AS") && words.first().is_some_and(|token| token.is_any_word(NO_ALIAS)) {
        return None;
    }
    words.name_parts().pop()
}
