//! The encoding of a dump's text.
//!
//! Text in UTF-8 passes as it is. Everything else is converted by the server itself, whose tables
//! decide what a byte means: table data by the session's `client_encoding`, statements by
//! `convert_from`.

use stopover_sql::dump::lexable_encoding;

/// How a dump's text is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8.
    Utf8,
    /// `SQL_ASCII`: bytes without a meaning.
    Ascii,
    /// Another one, by PostgreSQL's name.
    Other(String),
}

impl Encoding {
    /// The encoding of that name; `None` for one whose text cannot be cut into statements, and for
    /// a name that is none.
    pub(super) fn of(name: &str) -> Option<Self> {
        let letters: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let proper = |c: char| c.is_ascii_alphanumeric() || "_- ".contains(c);
        match letters.as_str() {
            "UTF8" | "UNICODE" => Some(Self::Utf8),
            "SQLASCII" => Some(Self::Ascii),
            "" => None,
            _ if name.chars().all(proper) && lexable_encoding(name) => {
                Some(Self::Other(name.to_owned()))
            }
            _ => None,
        }
    }

    /// What the session's `client_encoding` must be while data is sent; `None` when it need not
    /// change.
    pub(super) fn session_name(&self) -> Option<&str> {
        match self {
            Self::Utf8 => None,
            Self::Ascii => Some("SQL_ASCII"),
            Self::Other(name) => Some(name),
        }
    }

    /// The options of `CREATE DATABASE` that make a database of this encoding.
    pub(super) fn database_options(&self, server_major: u32) -> String {
        let Some(name) = self.session_name() else { return "ENCODING 'UTF8'".to_owned() };
        // The locale of the server is one of UTF-8; "C" goes with every encoding.
        let provider = if server_major >= 15 { " LOCALE_PROVIDER libc" } else { "" };
        format!("ENCODING '{name}' LC_COLLATE 'C' LC_CTYPE 'C'{provider}")
    }
}

/// Why text in that encoding is not read.
pub(super) fn refusal(name: &str) -> String {
    format!(
        "the dump's text is in {name}, where a byte of a character can look like a quote or a \
         backslash: make the dump with pg_dump --encoding=UTF8"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_that_hide_a_backslash_are_not_read() {
        for name in ["SJIS", "BIG5", "GBK", "GB18030", "UHC", "JOHAB", "x'; DROP", ""] {
            assert_eq!(Encoding::of(name), None, "{name}");
        }
        assert_eq!(Encoding::of("utf-8"), Some(Encoding::Utf8));
        assert_eq!(Encoding::of("SQL_ASCII"), Some(Encoding::Ascii));
        assert_eq!(Encoding::of("LATIN1"), Some(Encoding::Other("LATIN1".to_owned())));
    }
}
