//! The paths that a source file names, groups in `use` taken apart:
//! `use std::{fmt, time::{Duration, Instant}}` names `std::time::Instant`.

use super::tokens::{Token, tokens};

/// A path as it is written, from its first name, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedPath {
    pub(super) names: Vec<String>,
    pub(super) line: usize,
}

/// Every path with at least two names, and every macro that is called (`println!` is
/// `["println", "!"]`).
pub(super) fn paths(source: &str) -> Vec<NamedPath> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_name(&tokens[at]) {
            at = read(&tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads the path that begins at `at` and returns where it ends.
fn read(tokens: &[Token<'_>], at: usize, before: &[String], found: &mut Vec<NamedPath>) -> usize {
    let mut names = before.to_vec();
    let line = tokens[at].line;
    let mut at = at;
    loop {
        names.push(tokens[at].text.to_owned());
        at += 1;
        if !sign(tokens, at, "::") {
            break;
        }
        match tokens.get(at + 1) {
            Some(next) if next.text == "{" => return group(tokens, at + 2, &names, found),
            Some(next) if is_name(next) || next.text == "*" => at += 1,
            _ => break,
        }
    }
    // `!=` is a comparison, not a macro.
    if sign(tokens, at, "!") && !sign(tokens, at + 1, "=") {
        names.push("!".to_owned());
    }
    if names.len() > 1 {
        found.push(NamedPath { names, line });
    }
    at
}

/// Reads `a, b::c}` of a group; `at` is after its brace.
fn group(
    tokens: &[Token<'_>],
    mut at: usize,
    before: &[String],
    found: &mut Vec<NamedPath>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            // The other name that `x as y` gives is nobody's path.
            "as" => at += 2,
            "*" => at = read(tokens, at, before, found),
            _ if is_name(token) => at = read(tokens, at, before, found),
            _ => at += 1,
        }
    }
    at
}

fn sign(tokens: &[Token<'_>], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

fn is_name(token: &Token<'_>) -> bool {
    token.text.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        paths(source).into_iter().map(|path| path.names.join("::")).collect()
    }

    #[test]
    fn groups_are_taken_apart() {
        assert_eq!(
            texts("use std::{fmt, time::{Duration, Instant as I}, io::*};"),
            ["std::fmt", "std::time::Duration", "std::time::Instant", "std::io::*",]
        );
    }

    #[test]
    fn paths_in_expressions_and_macros_are_named() {
        assert_eq!(
            texts("let x = std::fs::read(y)?; if a != b { println!(\"\"); }"),
            ["std::fs::read", "println::!",]
        );
    }

    #[test]
    fn type_arguments_end_a_path() {
        assert_eq!(texts("Vec::<u8>::new()"), Vec::<String>::new());
    }
}
