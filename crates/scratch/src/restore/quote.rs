//! Quoting: the one place here where text becomes part of an SQL statement.

/// `name` as a quoted identifier. A NUL cannot be part of a name and is left out.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// `text` as a string literal that means the same whatever `standard_conforming_strings` is.
pub(super) fn literal(text: &str) -> String {
    let text = text.replace('\0', "").replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\"))
    } else {
        format!("'{text}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(identifier("odd\"name"), "\"odd\"\"name\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'; drop"), "E'a\\\\''; drop'");
    }
}
