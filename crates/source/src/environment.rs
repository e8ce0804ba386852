//! Values of the environment in a script, where its author asks for them: goose's `ENVSUB`.
//!
//! The grammar is that of goose's library, `mfridman/interpolate` (`parser.go`): `$NAME`,
//! `${NAME}`, `${NAME:-text}`, `${NAME-text}`, `${NAME:offset:length}`, `${NAME?message}`, with
//! `$$` and `\$` for a dollar. One thing differs: a name that is not set is an error here, where
//! the library puts in nothing.

use std::ops::Range;

use stopover_model::Substitution;

/// Looks up a variable; by several threads at once.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The process's own environment.
pub(crate) fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The substitutions in `range` of `text`, or what is wrong with the first that cannot be made.
pub(crate) fn substitutions(
    text: &str,
    range: Range<usize>,
    environment: Environment<'_>,
) -> Result<Vec<Substitution>, String> {
    let mut reader = Reader { text: &text[..range.end], at: range.start, environment };
    let mut found = Vec::new();
    while let Some(c) = reader.peek() {
        let start = reader.at;
        if let Some(value) = reader.piece(c)? {
            found.push(Substitution { range: start..reader.at, text: value? });
        }
    }
    Ok(found)
}

/// A value, or why there is none. It matters only where the value is used: not in the default of
/// a variable that is set.
type Value = Result<String, String>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    environment: Environment<'a>,
}

/// Errors of these functions are errors of the form, and always matter.
impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    fn until(&mut self, is_stop: impl Fn(char) -> bool) -> String {
        let length = self.rest().find(is_stop).unwrap_or(self.rest().len());
        let found = self.rest()[..length].to_owned();
        self.at += length;
        found
    }

    /// Reads a piece of text, which begins with `c`; `None` where it stays as it is.
    fn piece(&mut self, c: char) -> Result<Option<Value>, String> {
        if self.eat("\\\\") || self.eat("$(") {
            return Ok(None);
        }
        if self.eat("\\$") || self.eat("$$") {
            return Ok(Some(Ok("$".to_owned())));
        }
        if c == '$' && self.rest().len() > 1 {
            self.at += 1;
            return self.expansion().map(Some);
        }
        self.at += c.len_utf8();
        Ok(None)
    }

    fn expansion(&mut self) -> Result<Value, String> {
        if !self.eat("{") {
            let name = self.name()?;
            return Ok(self.value(&name));
        }
        let name = self.name()?;
        let set = (self.environment)(&name);
        let value = if self.rest().starts_with('}') {
            self.value(&name)
        } else if self.eat(":-") {
            let other = self.content()?;
            set.filter(|it| !it.is_empty()).map_or(other, Ok)
        } else if self.eat("-") {
            let other = self.content()?;
            set.map_or(other, Ok)
        } else if self.eat("?") {
            let message = self.content()?;
            set.map_or_else(|| Err(required(&name, &message?)), Ok)
        } else if self.eat(":") {
            let slice = self.slice()?;
            self.value(&name).and_then(|value| slice.of(&value))
        } else {
            return Err(format!("${{{name} is followed by something that is no operator"));
        };
        if self.eat("}") { Ok(value) } else { Err(format!("${{{name} has no closing brace")) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(c) if c.is_alphabetic() => Ok(self.until(|c| !(c.is_alphanumeric() || c == '_'))),
            _ => Err("a dollar sign is not followed by a name; a dollar by itself is written $$"
                .to_owned()),
        }
    }

    fn value(&self, name: &str) -> Value {
        (self.environment)(name).ok_or_else(|| format!("the variable {name} is not set"))
    }

    /// Text with expansions, up to a closing brace.
    fn content(&mut self) -> Result<Value, String> {
        let mut content = Ok(String::new());
        while let Some(c) = self.peek().filter(|&c| c != '}') {
            let start = self.at;
            let value = self.piece(c)?.unwrap_or_else(|| Ok(self.text[start..self.at].to_owned()));
            content = content.and_then(|text| value.map(|value| text + &value));
        }
        Ok(content)
    }

    /// `offset` or `offset:length`.
    fn slice(&mut self) -> Result<Slice, String> {
        let number = |text: String| {
            let number = text.trim().parse::<i64>();
            number.map_err(|_| format!("{:?} is no number", text.trim()))
        };
        let offset = number(self.until(|c| c == ':' || c == '}'))?;
        let length = if self.eat(":") { Some(number(self.until(|c| c == '}'))?) } else { None };
        Ok(Slice { offset, length })
    }
}

fn required(name: &str, message: &str) -> String {
    format!("${name}: {}", if message.is_empty() { "not set" } else { message })
}

/// A piece of a value, in bytes; negative numbers count from its end.
struct Slice {
    offset: i64,
    length: Option<i64>,
}

impl Slice {
    fn of(&self, value: &str) -> Value {
        let len = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let from = if self.offset < 0 { self.offset.saturating_add(len) } else { self.offset };
        let from = from.clamp(0, len);
        let to = match self.length {
            None => len,
            Some(length) if length >= 0 => from.saturating_add(length).min(len),
            Some(length) => len.saturating_add(length).clamp(from, len),
        };
        let at = |place: i64| usize::try_from(place).unwrap_or_default();
        let cut = value.get(at(from)..at(to)).map(str::to_owned);
        cut.ok_or_else(|| "the offset is inside of a character".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let environment = |name: &str| match name {
            "A" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let found = substitutions(text, 0..text.len(), &environment)?;
        let mut out = String::new();
        let mut at = 0;
        for it in found {
            out.push_str(&text[at..it.range.start]);
            out.push_str(&it.text);
            at = it.range.end;
        }
        Ok(out + &text[at..])
    }

    /// The forms of `interpolate_test.go`.
    #[test]
    fn every_form_is_expanded() {
        for (text, expected) in [
            ("no dollar", "no dollar"),
            ("$A and ${A}.", "value and value."),
            ("$A$A", "valuevalue"),
            ("${X:-d} ${EMPTY:-d} ${A:-d}", "d d value"),
            ("${X-d}|${EMPTY-d}|${A-d}", "d||value"),
            ("${X:-${A}s}", "values"),
            ("${A:-${X}}", "value"),
            ("${A:1} ${A:1:2} ${A:-9} ${A: -2} ${A:0:-1}", "alue al value ue valu"),
            ("${A?gone}", "value"),
            ("$$ \\$A \\\\ $(x) cost $", "$ $A \\\\ $(x) cost $"),
            ("größe ${A} ü", "größe value ü"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_expanded_says_why() {
        for (text, reason) in [
            ("$X", "the variable X is not set"),
            ("${X}", "the variable X is not set"),
            ("${X:1}", "the variable X is not set"),
            ("${X:-${Y}}", "the variable Y is not set"),
            ("${X?gone}", "$X: gone"),
            ("${X?}", "$X: not set"),
            ("$1", "not followed by a name"),
            ("${A", "no operator"),
            ("${A:-b", "closing brace"),
            ("${A+b}", "no operator"),
            ("${A:x}", "no number"),
        ] {
            let error = expand(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
