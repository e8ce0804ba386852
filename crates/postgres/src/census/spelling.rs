//! One spelling for what PostgreSQL prints in two: what a restore reads again is not always printed
//! as before, though it means the same. The second spelling is the one that stays; the first is
//! rewritten to it.
//!
//! - `status IN ('a', 'b')` on a `varchar` is printed as
//!   `(ARRAY['a'::character varying, 'b'::character varying])::text[]`. When that is read again,
//!   the parser takes the cast into the elements (`transformTypeCast` in PostgreSQL's
//!   `src/backend/parser/parse_expr.c`), and prints
//!   `ARRAY[('a'::character varying)::text, ('b'::character varying)::text]` from then on.
//! - A literal in the list of an inner `SELECT` has no name; read again as `'a'::text`, it is named
//!   by its type, and is printed as `'a'::text AS text` (`FigureColname` in
//!   `src/backend/parser/parse_target.c`). The name is taken away.
//! - `(VALUES …)` in a `UNION` comes back as `( VALUES …)`.

use stopover_sql::{Token, TokenKind, tokens};

/// `definition` in the spelling that stays.
pub(super) fn canonical(definition: String) -> String {
    let mut text = definition;
    if text.contains(UNNAMED) || text.contains("(VALUES") {
        text = respelled(&text);
    }
    // What is inside of an array is rewritten in the next round.
    while text.contains("ARRAY[") {
        match rewritten(&text) {
            Some(next) => text = next,
            None => break,
        }
    }
    text
}

/// What is printed behind a literal of an inner `SELECT` that got its type's name.
const UNNAMED: &str = "::text AS text";

/// `text` without names of literals, and with one spelling of `VALUES`.
fn respelled(text: &str) -> String {
    let tokens: Vec<Token<'_>> = tokens(text).collect();
    let mut out = String::with_capacity(text.len() + 8);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        out.push_str(token.text);
        at += 1;
        let next = tokens.get(at).map_or("", |it| it.text);
        let literal = token.kind == TokenKind::String || token.text == "NULL";
        if token.text == "(" && next == "VALUES" {
            out.push(' ');
        } else if literal && text[token.range.end..].starts_with(UNNAMED) {
            // `::`, `text`, ` `, `AS`, ` `, `text`
            out.push_str("::text");
            at += 6;
        }
    }
    out
}

/// `text` with its first cast of a whole array taken into the elements; `None` where there is none.
fn rewritten(text: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(text).collect();
    (0..tokens.len()).find_map(|open| {
        let array = Array::at(&tokens, open)?;
        let mut out = String::with_capacity(text.len() + 64);
        out.push_str(&text[..tokens[open].range.start]);
        out.push_str("ARRAY[");
        for (number, element) in array.elements.iter().enumerate() {
            let element = text[element.clone()].trim();
            let comma = if number > 0 { ", " } else { "" };
            let bare = array.parentheses == Parentheses::Needed && !has_operator(element);
            out.push_str(&match bare {
                true => format!("{comma}{element}::{}", array.kind),
                false => format!("{comma}({element})::{}", array.kind),
            });
        }
        out.push(']');
        out.push_str(&text[array.end..]);
        Some(out)
    })
}

/// Whether an operator stands in an expression outside of parentheses.
fn has_operator(expression: &str) -> bool {
    let mut depth = 0_i32;
    tokens(expression).any(|token| {
        depth += i32::from(matches!(token.text, "(" | "["));
        depth -= i32::from(matches!(token.text, ")" | "]"));
        depth == 0 && token.kind == TokenKind::Operator
    })
}

/// How a definition is printed: most with all parentheses, extended statistics with those needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parentheses {
    All,
    Needed,
}

/// `(ARRAY[…])::type[]` or `ARRAY[…]::type[]`
struct Array {
    parentheses: Parentheses,
    elements: Vec<std::ops::Range<usize>>,
    /// The type of an element.
    kind: String,
    /// Where its text ends.
    end: usize,
}

impl Array {
    /// The one that begins with the token at `open`.
    fn at(tokens: &[Token<'_>], open: usize) -> Option<Self> {
        let is = |at: usize, text: &str| tokens.get(at).is_some_and(|it| it.text == text);
        let parentheses = if is(open, "(") { Parentheses::All } else { Parentheses::Needed };
        let array = if is(open, "(") { open + 1 } else { open };
        if !(is(array, "ARRAY") && is(array + 1, "[")) {
            return None;
        }
        let first = tokens.get(array + 2)?;
        // An array of arrays keeps its form: the cast goes one level deeper there.
        if first.text == "ARRAY" || first.text == "[" {
            return None;
        }
        let (elements, close) = elements(tokens, array + 2)?;
        let cast = match parentheses {
            Parentheses::All if is(close + 1, ")") => close + 2,
            Parentheses::All => return None,
            Parentheses::Needed => close + 1,
        };
        if !is(cast, "::") {
            return None;
        }
        let (kind, end) = element_type(tokens, cast + 1)?;
        Some(Self { parentheses, elements, kind, end })
    }
}

/// The elements from the token `from` on, and the token of the bracket that closes them.
fn elements(tokens: &[Token<'_>], from: usize) -> Option<(Vec<std::ops::Range<usize>>, usize)> {
    let mut depth = 0_usize;
    let mut start = tokens.get(from)?.range.start;
    let mut elements = Vec::new();
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text {
            "]" if depth == 0 => {
                elements.push(start..token.range.start);
                return Some((elements, at));
            }
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.checked_sub(1)?,
            "," if depth == 0 => {
                elements.push(start..token.range.start);
                start = token.range.end;
            }
            _ => {}
        }
    }
    None
}

/// The type before `[]` from the token `from` on, and where its text ends.
fn element_type(tokens: &[Token<'_>], from: usize) -> Option<(String, usize)> {
    let mut kind = String::new();
    for (at, token) in tokens.iter().enumerate().skip(from) {
        let closing = tokens.get(at + 1).filter(|it| it.text == "]");
        match (token.kind, token.text, closing) {
            (_, "[", Some(closing)) if !kind.is_empty() => return Some((kind, closing.range.end)),
            (TokenKind::Word | TokenKind::QuotedIdent | TokenKind::Whitespace, text, _) => {
                kind.push_str(text);
            }
            (_, "." | "(" | ")", _) | (TokenKind::Number, ..) => kind.push_str(token.text),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_canonical(before: &str, after: &str) {
        assert_eq!(canonical(before.to_owned()), after);
        assert_eq!(canonical(after.to_owned()), after, "it stays");
    }

    #[test]
    fn a_cast_of_a_whole_array_goes_to_its_elements_as_a_restore_has_it() {
        assert_canonical(
            "CHECK (((status)::text = ANY ((ARRAY['a, ]'::character varying, 'b'::character \
             varying])::text[])))",
            "CHECK (((status)::text = ANY (ARRAY[('a, ]'::character varying)::text, \
             ('b'::character varying)::text])))",
        );
        assert_canonical(
            "x = ANY ((ARRAY[f(a, b), (ARRAY[c])[1]])::app.\"Odd\"[]) AND y",
            "x = ANY (ARRAY[(f(a, b))::app.\"Odd\", ((ARRAY[c])[1])::app.\"Odd\"]) AND y",
        );
    }

    #[test]
    fn statistics_are_printed_with_fewer_parentheses() {
        assert_canonical(
            "(b::text = ANY (ARRAY['x'::character varying, b, c || d, f(c || d)]::text[]))",
            "(b::text = ANY (ARRAY['x'::character varying::text, b::text, (c || d)::text, \
             f(c || d)::text]))",
        );
    }

    #[test]
    fn inner_literals_have_no_name_and_values_one_spelling() {
        assert_canonical(
            "IN ( SELECT 1, 'a'::text AS text, NULL::text AS text FROM (VALUES (1)) v)",
            "IN ( SELECT 1, 'a'::text, NULL::text FROM ( VALUES (1)) v)",
        );
        assert_canonical(
            "SELECT b::text AS text, 'x::text AS text', '(VALUES'",
            "SELECT b::text AS text, 'x::text AS text', '(VALUES'",
        );
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            "'(ARRAY[1])::text[]'",
            "(ARRAY[1, 2])[1]",
            "(ARRAY[ARRAY[1], ARRAY[2]])::bigint[]",
            "(ARRAY[1])::text",
            "(ARRAY[1",
            "AS $f$ (ARRAY['a'::varchar])::text[] $f$",
        ] {
            assert_canonical(text, text);
        }
    }
}
