//! Just enough of Rust's lexical grammar to tell code from comments and literals.
//!
//! It does not check code: rustc does.

/// A name or a sign, and the line that it stands on, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// The tokens of a source file: names, `::`, and other signs one character each. Comments,
/// literals and lifetimes are left out.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = next(rest, first);
        let text = &rest[..length];
        if is_code {
            // A raw name is the name: `r#type`.
            found.push(Token { text: text.strip_prefix("r#").unwrap_or(text), line });
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// How long the next piece is, and whether it is code.
fn next(rest: &str, first: char) -> (usize, bool) {
    if first.is_whitespace() {
        return (first.len_utf8(), false);
    }
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if let Some(length) = literal(rest) {
        return (length, false);
    }
    if first == '\'' {
        return (quote(rest), false);
    }
    if rest.starts_with("::") {
        return (2, true);
    }
    if is_name(first) {
        let prefix = if rest.starts_with("r#") { 2 } else { 0 };
        let length = rest[prefix..].find(|c| !is_name(c)).map_or(rest.len(), |end| prefix + end);
        return (length, true);
    }
    (first.len_utf8(), true)
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Rust's block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// A string of any kind: `"…"`, `b"…"`, `c"…"`, `r#"…"#` and their mixtures.
fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix);
        let after = after
            .map(|after| if prefix.ends_with('r') { after.trim_start_matches('#') } else { after });
        after.is_some_and(|after| after.starts_with('"'))
    })?;
    if !prefix.ends_with('r') {
        return Some(prefix.len() + escaped(&rest[prefix.len()..], '"'));
    }
    let hashes = rest[prefix.len()..].find('"')?;
    let body = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()))
}

/// A character or a lifetime.
fn quote(rest: &str) -> usize {
    let mut after = rest[1..].chars();
    match (after.next(), after.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => escaped(rest, '\''),
        _ => 1 + rest[1..].find(|c| !is_name(c)).unwrap_or(rest.len() - 1),
    }
}

/// The length of a quoted text with backslash escapes, both quotes counted.
fn escaped(rest: &str, quote: char) -> usize {
    let mut after_backslash = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if after_backslash => after_backslash = false,
            '\\' => after_backslash = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        assert_eq!(texts("a // std::fs\nb /* x /* y */ std::fs */ c"), ["a", "b", "c"]);
        assert_eq!(texts(r#"a "std::fs \" x" b"std" c"std" d"#), ["a", "d"]);
        assert_eq!(texts(r###"a r#"std "quoted" "# br##"x"# std"## b"###), ["a", "b"]);
    }

    #[test]
    fn characters_and_lifetimes_do_not_open_strings() {
        assert_eq!(texts(r"a '\'' b '/' c '{' d"), ["a", "b", "c", "d"]);
        assert_eq!(
            texts("fn x<'a>(y: &'a str)"),
            ["fn", "x", "<", ">", "(", "y", ":", "&", "str", ")"]
        );
        assert_eq!(texts("'outer: loop"), [":", "loop"]);
    }

    #[test]
    fn raw_names_are_names() {
        assert_eq!(texts("r#fn r x"), ["fn", "r", "x"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let found = tokens("a\n/* \n */\n\"\n\" b");
        assert_eq!(found.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 5]);
    }
}
