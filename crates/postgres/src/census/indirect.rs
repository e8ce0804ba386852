//! One spelling for what PostgreSQL prints in two.
//!
//! `status IN ('a', 'b')` on a `varchar` is printed as
//! `(ARRAY['a'::character varying, 'b'::character varying])::text[]`. When that is read again, by
//! a restore, the parser takes the cast into the elements (`transformTypeCast` in PostgreSQL's
//! `src/backend/parser/parse_expr.c`), and from then on it is printed as
//! `ARRAY[('a'::character varying)::text, ('b'::character varying)::text]`. Both mean the same, and
//! the second is what stays: the first is rewritten to it.

use stopover_sql::{Token, TokenKind, tokens};

/// `definition` with each cast of a whole array taken into its elements.
pub(super) fn canonical(definition: String) -> String {
    let mut text = definition;
    // What is inside of an array is rewritten in the next round.
    while text.contains("(ARRAY[") {
        match rewritten(&text) {
            Some(next) => text = next,
            None => break,
        }
    }
    text
}

/// `text` with its first such cast rewritten; `None` where there is none.
fn rewritten(text: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(text).collect();
    (0..tokens.len()).find_map(|open| {
        let array = Array::at(&tokens, open)?;
        let mut out = String::with_capacity(text.len() + 64);
        out.push_str(&text[..tokens[open].range.start]);
        out.push_str("ARRAY[");
        for (number, element) in array.elements.iter().enumerate() {
            if number > 0 {
                out.push_str(", ");
            }
            out.push_str(&format!("({})::{}", text[element.clone()].trim(), array.kind));
        }
        out.push(']');
        out.push_str(&text[array.end..]);
        Some(out)
    })
}

/// `(ARRAY[…])::type[]`
struct Array {
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
        if !(is(open, "(") && is(open + 1, "ARRAY") && is(open + 2, "[")) {
            return None;
        }
        let first = tokens.get(open + 3)?;
        // An array of arrays keeps its form: the cast goes one level deeper there.
        if first.text == "ARRAY" || first.text == "[" {
            return None;
        }
        let (elements, close) = elements(tokens, open + 3)?;
        if !(is(close + 1, ")") && is(close + 2, "::")) {
            return None;
        }
        let (kind, end) = element_type(tokens, close + 3)?;
        Some(Self { elements, kind, end })
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
