//! Which roles a statement names.

use stopover_sql::TokenKind;

use super::reading::Reading;

/// The roles that a statement of a dump names, in its order. Words like PUBLIC and CURRENT_USER
/// are not roles.
pub(super) fn roles_named(reading: &Reading<'_>) -> Vec<String> {
    let mut roles = Vec::new();
    let mut list = |at: Option<usize>| {
        if let Some(at) = at {
            read_list(reading, at + 1, &mut roles);
        }
    };
    if reading.begins("grant") {
        list(reading.find(1, "to"));
    } else if reading.begins("revoke") {
        list(reading.find(1, "from"));
    } else if reading.begins("alter default privileges") {
        let end = reading.find(3, "grant").or_else(|| reading.find(3, "revoke"));
        let named = |word| reading.find(3, word).filter(|&at| end.is_none_or(|end| at < end));
        list(named("role").or_else(|| named("user")));
        list(end.and_then(|end| reading.find(end, "to").or_else(|| reading.find(end, "from"))));
    } else if reading.begins("create policy") || reading.begins("alter policy") {
        list(reading.find(2, "to"));
    } else if reading.begins("create user mapping") || reading.begins("alter user mapping") {
        list(reading.find(3, "for"));
    } else if reading.begins("create schema") {
        list(reading.find(2, "authorization"));
    } else if reading.begins("set session authorization") {
        list(Some(2));
    } else if reading.begins("set role") {
        list(Some(1));
    } else if let Some(owner) = reading.find(1, "owner").filter(|&at| reading.is(at + 1, "to")) {
        list(reading.begins("alter").then_some(owner + 1));
    }
    roles
}

/// Names separated by commas; stops at the first thing that is neither.
fn read_list(reading: &Reading<'_>, mut at: usize, into: &mut Vec<String>) {
    loop {
        // `TO GROUP x`, as old servers wrote it.
        if reading.is(at, "group") && reading.name(at + 1).is_some() && !reading.is(at + 1, "with")
        {
            at += 1;
        }
        let Some(name) = role_at(reading, at) else { return };
        if !name.is_empty() && !into.contains(&name) {
            into.push(name);
        }
        if !reading.symbol(at + 1, ",") {
            return;
        }
        at += 2;
    }
}

/// The role at `at`: empty for a word that stands for none, `None` when there is no name.
fn role_at(reading: &Reading<'_>, at: usize) -> Option<String> {
    const WORDS: [&str; 6] =
        ["public", "current_user", "session_user", "current_role", "none", "default"];
    let name = reading.name(at).or_else(|| reading.string(at))?;
    let unquoted = reading.get(at).is_some_and(|token| token.kind == TokenKind::Word);
    Some(if unquoted && WORDS.contains(&name.as_str()) { String::new() } else { name })
}
