//! The small language in which the tables name commands.
//!
//! A pattern is words in capitals. `A|B` is either, `[A B]` may be left out, `#` is any one name (or number),
//! `(` is an opening parenthesis that is looked at but not taken.

use super::words::Words;

impl Words<'_> {
    /// Takes what the pattern describes. When it does not fit, nothing is taken.
    pub(crate) fn eat(&mut self, pattern: &str) -> bool {
        let mut words = *self;
        let mut rest = pattern;
        while let Some(element) = next_element(&mut rest) {
            match element.strip_prefix('[').and_then(|group| group.strip_suffix(']')) {
                // An optional group has no groups inside.
                Some(group) => {
                    words.eat(group);
                }
                None if words.eat_element(element) => {}
                None => return false,
            }
        }
        *self = words;
        true
    }

    fn eat_element(&mut self, element: &str) -> bool {
        match element {
            "#" => self.relation().is_some() || self.eat_number(),
            "(" => self.is_symbol("("),
            alternatives => alternatives.split('|').any(|word| self.eat_word(word)),
        }
    }
}

/// Splits off a word or a group in brackets.
fn next_element<'p>(rest: &mut &'p str) -> Option<&'p str> {
    let text = rest.trim_start();
    if text.is_empty() {
        return None;
    }
    let end = if text.starts_with('[') {
        text.find(']').map_or(text.len(), |close| close + 1)
    } else {
        text.find(' ').unwrap_or(text.len())
    };
    let (element, after) = text.split_at(end);
    *rest = after;
    Some(element)
}
