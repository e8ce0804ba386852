//! Which statements of a dump may be executed beside others, and which must keep their place.
//!
//! Pure: a statement and what the policy says of it in, its place out. Whatever is not known here
//! keeps its place among all others; what pg_dump never writes ends all parallelism, for nobody
//! knows what it leaves in its session. So a dump that pg_dump wrote is restored by many sessions,
//! and any other as psql would.

mod family;
mod graph;
mod key;
mod tasks;

pub(super) use family::Families;
pub(super) use graph::{Effort, Graph, TaskId};
pub(super) use key::{Claim, Key, Mode};
pub(super) use tasks::{Code, Task};

use super::policy::reading::Reading;
use super::policy::{Disposition, Judgement, Tolerance};

/// A statement's place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind everything before it and before everything behind it.
    Alone,
    /// Before what comes behind it, but beside data that is being loaded: it touches no table.
    Aside,
    /// A setting of the session, by its name, that all sessions must have.
    Setting(String),
    /// Beside all that has no claim on the same objects.
    Beside(Task),
    /// From here on everything keeps its place.
    Unforeseen,
}

/// Functions that pg_dump calls between tables' data: sequences and large objects.
const ASIDE: &[&str] = &["setval", "lo_create", "lo_open", "lowrite", "lo_close"];

/// First words of statements that leave nothing in their session.
const STATELESS: &[&str] = &[
    "alter", "comment", "create", "drop", "grant", "insert", "refresh", "revoke", "security",
    "delete", "update", "truncate",
];

/// The place of a statement that the policy has judged.
pub(super) fn place_of(text: &str, judgement: &Judgement) -> Place {
    match judgement.disposition {
        Disposition::Plain => {}
        Disposition::SearchPath => return Place::Setting("search_path".to_owned()),
        _ => return Place::Alone,
    }
    if text.starts_with("INSERT ") {
        // Large, and many: nothing else needs to be known of them.
        return Place::Alone;
    }
    let reading = Reading::of(text);
    if reading.is(0, "set") || reading.is(0, "select") {
        return setting(&reading).or_else(|| aside(&reading)).unwrap_or(Place::Unforeseen);
    }
    let bracket = reading.is(0, "begin") || reading.is(0, "commit");
    if bracket && reading.len() == 1 {
        return Place::Aside;
    }
    let temporary = ["temp", "temporary", "local", "global"];
    let stateless = STATELESS.iter().any(|word| reading.is(0, word));
    if !stateless || temporary.into_iter().any(|word| reading.is(1, word)) {
        return Place::Unforeseen;
    }
    let harmless = judgement.roles.is_empty() && judgement.tolerance == Tolerance::Nothing;
    match Task::of(&reading) {
        Some(task) if harmless => Place::Beside(task),
        _ => Place::Alone,
    }
}

/// `SET name = …` and `SELECT pg_catalog.set_config('name', '…', false)`.
fn setting(reading: &Reading<'_>) -> Option<Place> {
    const NO_NAMES: [&str; 5] = ["local", "transaction", "constraints", "role", "session"];
    if reading.begins("select pg_catalog") {
        let whole = reading.is(3, "set_config") && reading.len() == 11 && reading.is(9, "false");
        let name = reading.string(5).filter(|_| whole && are_literals(reading, 5))?;
        return Some(Place::Setting(name.to_ascii_lowercase()));
    }
    let named = !NO_NAMES.into_iter().any(|word| reading.is(1, word));
    let given = reading.symbol(2, "=") || reading.is(2, "to");
    let name = reading.name(1).filter(|_| named && given && reading.begins("set"))?;
    Some(Place::Setting(name))
}

/// A call of one of the functions that pg_dump calls, with nothing but literals.
fn aside(reading: &Reading<'_>) -> Option<Place> {
    let called = reading.name(3).filter(|_| reading.begins("select pg_catalog"))?;
    let known = ASIDE.contains(&called.as_str()) && reading.symbol(2, ".");
    (known && reading.symbol(4, "(") && are_literals(reading, 5)).then_some(Place::Aside)
}

/// Whether literals, separated by commas, and a closing parenthesis are all there is from `at` on.
fn are_literals(reading: &Reading<'_>, at: usize) -> bool {
    let end = reading.len().saturating_sub(1);
    let literal = |place: usize| {
        reading.get(place).is_some_and(|token| {
            use stopover_sql::TokenKind::{Number, String};
            matches!(token.kind, String | Number)
                || ["true", "false"].into_iter().any(|word| reading.is(place, word))
                || token.text == ","
                || token.text == "-"
        })
    };
    reading.symbol(end, ")") && (at..end).all(literal)
}

#[cfg(test)]
mod tests;
