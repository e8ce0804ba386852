//! Quoting: the one place where text becomes part of an SQL statement.

/// `text` as a string literal that means the same whatever `standard_conforming_strings` is.
///
/// A NUL cannot be part of any value in PostgreSQL; it is left out rather than ending the
/// statement early.
#[must_use]
pub fn literal(text: &str) -> String {
    let escape = text.contains('\\');
    let mut out = String::with_capacity(text.len() + 3);
    out.push_str(if escape { " E'" } else { "'" });
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => {}
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// `text` as an expression that means the same whatever `client_encoding` is: a script may have
/// set it, and the ledger is written after it. (`U&'…'` would not do: a database in SQL_ASCII
/// refuses it.)
#[must_use]
pub fn value(text: &str) -> String {
    if text.is_ascii() {
        return literal(text);
    }
    let hex: String =
        text.bytes().filter(|&byte| byte != 0).map(|byte| format!("{byte:02x}")).collect();
    format!("pg_catalog.convert_from(pg_catalog.decode('{hex}', 'hex'), 'UTF8')")
}

/// `text` as [`value`], or `NULL`.
#[must_use]
pub fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), value)
}

/// `name` as a quoted identifier.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// The name that the server wrote as `identifier`: quoted where it must be.
#[must_use]
pub fn unquoted(identifier: &str) -> String {
    match identifier.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => identifier.to_owned(),
    }
}

/// `schema.table`, both quoted.
#[must_use]
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'; drop"), " E'a\\\\''; drop'");
        assert_eq!(identifier("odd\"name"), "\"odd\"\"name\"");
        for name in ["odd\"name", "\"", "plain", ""] {
            assert_eq!(unquoted(&identifier(name)), name);
        }
        assert_eq!(unquoted("plain"), "plain");
        assert_eq!(optional(None), "NULL");
        assert_eq!(value("it's"), "'it''s'");
        assert_eq!(value("ö"), "pg_catalog.convert_from(pg_catalog.decode('c3b6', 'hex'), 'UTF8')");
    }
}
