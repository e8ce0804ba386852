//! Quoting: the one place where text becomes part of an SQL statement.

/// `text` as a string literal. SQLite knows no escapes but a doubled quote.
///
/// A zero byte would end the statement early; it is left out.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

/// `text` as a literal, or `NULL`.
#[must_use]
pub fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

/// `name` as a quoted identifier.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// A table of the main database, whatever temporary table hides it.
#[must_use]
pub fn qualified(table: &str) -> String {
    format!("\"main\".{}", identifier(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stay_inside_and_backslashes_mean_nothing() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'; drop"), "'a\\''; drop'");
        assert_eq!(identifier("odd\"name"), "\"odd\"\"name\"");
        assert_eq!(qualified("t"), "\"main\".\"t\"");
        assert_eq!(optional(None), "NULL");
    }
}
