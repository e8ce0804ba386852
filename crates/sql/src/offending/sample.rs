//! How keys, values and expressions are shown, each on one line.

use crate::token::tokens;

/// The longest value that is shown whole, in characters.
pub(super) const VALUE_CHARACTERS: usize = 60;

/// Types whose values are shown without quotes, as `pg_typeof` names them.
const PLAIN_TYPES: &[&str] =
    &["bigint", "boolean", "double precision", "integer", "numeric", "oid", "real", "smallint"];

/// A sample from a row of cells: for each key its value and its type, then maybe how many times
/// it occurs.
pub(super) fn sample(keys: &[String], cells: &[Option<&str>]) -> Option<String> {
    let mut cells = cells.iter().copied();
    let mut values = Vec::new();
    for _ in keys {
        values.push(value(cells.next()?, cells.next()??));
    }
    let times = cells.next().flatten().map_or_else(String::new, |n| format!(" ({n} times)"));
    match (keys, values.as_slice()) {
        ([key], [value]) => Some(format!("{key} = {value}{times}")),
        ([], _) => None,
        _ => Some(format!("({}) = ({}){times}", keys.join(", "), values.join(", "))),
    }
}

fn value(text: Option<&str>, type_name: &str) -> String {
    let Some(text) = text else { return "NULL".to_owned() };
    let shown = shortened(text, VALUE_CHARACTERS);
    if PLAIN_TYPES.contains(&type_name) {
        return shown;
    }
    let mut quoted = String::from("'");
    for c in shown.chars() {
        match c {
            '\'' => quoted.push_str("''"),
            // A line break would end the line that an operator reads first.
            c if c.is_control() => quoted.extend(c.escape_default()),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// `text`, cut with an ellipsis where it is longer than so many characters.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// SQL with one space for each comment and each run of white space.
pub(super) fn on_one_line(sql: &str) -> String {
    let mut line = String::new();
    for token in tokens(sql) {
        if !token.kind.is_trivia() {
            line.push_str(token.text);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.trim_matches(' ').to_owned()
}
