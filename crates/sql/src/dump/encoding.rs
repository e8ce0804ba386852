//! Which encodings the lexer can read.

/// Encodings that PostgreSQL takes from clients only, because a character may hold bytes that look
/// like ASCII, a quote or a backslash among them
/// (<https://www.postgresql.org/docs/current/multibyte.html>, "Server?" is no).
const CLIENT_ONLY: &[&str] = &["BIG5", "GB18030", "GBK", "JOHAB", "SJIS", "SHIFTJIS2004", "UHC"];

/// Other names of these in `src/common/encnames.c`.
const CLIENT_ONLY_ALIASES: &[&str] = &[
    "MSKANJI",
    "SHIFTJIS",
    "WIN932",
    "WINDOWS932",
    "WIN936",
    "WINDOWS936",
    "WIN949",
    "WINDOWS949",
    "WIN950",
    "WINDOWS950",
];

/// Whether text in this client encoding can be split by bytes: true for every encoding that a
/// server can have, UTF-8 first of all. Names are compared as PostgreSQL does, by their letters
/// and digits.
#[must_use]
pub fn lexable_encoding(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_uppercase())
        .collect();
    !CLIENT_ONLY.contains(&plain.as_str()) && !CLIENT_ONLY_ALIASES.contains(&plain.as_str())
}
