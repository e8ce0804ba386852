//! How far a plan may reach beyond the tables that its text names: what it needs the catalog for.
//!
//! Code of the database's own (functions, triggers, rules, views over them) can change any table.
//! The text tells which functions a plan may call and which relations it reads and writes; whether
//! code hangs on them is asked of the server. Where the plan itself makes such code and may run it,
//! nobody needs to be asked. No text is parsed here: too much is taken for a call rather than too
//! little.

use std::collections::BTreeSet;

use stopover_model::harness::WrittenRelation;
use stopover_model::{LockMode, Plan, PlannedStatement};

use crate::touch::{created, names_everything, statements, steps, written_relations_of};

/// More names than this are not asked for.
const MOST_CALLS: usize = 5_000;

/// What the server is asked about a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Relations that rows are read from or written to.
    pub relations: Vec<WrittenRelation>,
    /// Words that may be names of functions that it calls, in lower case.
    pub calls: Vec<String>,
}

/// Statements that run nothing of what their text names.
const DORMANT: [&str; 9] = [
    "CREATE FUNCTION",
    "CREATE PROCEDURE",
    "CREATE TRIGGER",
    "CREATE VIEW",
    "ALTER FUNCTION",
    "ALTER PROCEDURE",
    "COMMENT",
    "GRANT",
    "REVOKE",
];

/// Statements that make code which runs where rows are read or written.
const LATENT: [&str; 6] = [
    "CREATE TRIGGER",
    "CREATE RULE",
    "CREATE OPERATOR",
    "CREATE CAST",
    "CREATE AGGREGATE",
    "CREATE EXTENSION",
];

/// How far the plan may reach; `None` where it may reach any table.
#[must_use]
pub fn reach(plan: &Plan) -> Option<Reach> {
    if !names_everything(plan) {
        return None;
    }
    let all: Vec<&PlannedStatement> = steps(plan).flat_map(statements).collect();
    let moving: Vec<&PlannedStatement> = all.iter().copied().filter(|it| moves(it)).collect();
    let has_latent = all.iter().any(|it| LATENT.contains(&it.tag.as_str()));
    if all.iter().any(|it| is_unbounded(it)) || (has_latent && !moving.is_empty()) {
        return None;
    }
    let running = all.iter().filter(|it| !is_dormant(&it.tag));
    let calls: BTreeSet<String> = running.flat_map(|it| calls(&it.text)).collect();
    let relations = written_relations_of(moving.iter().copied());
    let made: BTreeSet<String> = all.iter().filter_map(|it| created_code(it)).collect();
    let is_made = |name: &str| made.contains(&last_part(name));
    let runs_its_own =
        calls.iter().any(|it| is_made(it)) || relations.iter().any(|it| is_made(&it.relation));
    if runs_its_own || calls.len() > MOST_CALLS {
        return None;
    }
    Some(Reach { relations, calls: calls.into_iter().collect() })
}

fn is_dormant(tag: &str) -> bool {
    DORMANT.contains(&tag) || tag.starts_with("DROP")
}

/// Whether it may run what no text names.
fn is_unbounded(statement: &PlannedStatement) -> bool {
    let tag = statement.tag.as_str();
    tag.ends_with("EVENT TRIGGER") || tag == "EXPLAIN" || tag == "LOAD"
        // Names that are written in numbers.
        || statement.text.to_ascii_lowercase().contains("u&\"")
}

/// Whether rows are read or written by it.
fn moves(statement: &PlannedStatement) -> bool {
    let tag = statement.tag.as_str();
    if is_dormant(tag) {
        return false;
    }
    let is_light = |mode| LockMode::of(mode).is_some_and(|it| it <= LockMode::RowExclusive);
    ["TRUNCATE TABLE", "SELECT", "REFRESH MATERIALIZED VIEW"].contains(&tag)
        || statement.locks.iter().any(|it| is_light(&it.mode))
}

/// The name of a function or a view that it makes.
fn created_code(statement: &PlannedStatement) -> Option<String> {
    let kinds = ["CREATE FUNCTION", "CREATE PROCEDURE", "CREATE VIEW"];
    let is_code = kinds.contains(&statement.tag.as_str());
    is_code.then(|| created(statement)).flatten().map(|it| last_part(&it))
}

fn last_part(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).replace('"', "").to_lowercase()
}

/// Words behind which a parenthesis stands, or may stand behind a comment or the end of a quoted
/// name, and words behind a dot: `row.function` is a call too.
fn calls(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut found = BTreeSet::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        if !is_part(first) {
            if !(first.is_whitespace() || first == '"') || before != '.' {
                before = first;
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let next = behind.trim_start().chars().next();
        let is_called = matches!(next, Some('(' | '/' | '-' | '"')) || before == '.';
        if is_called && !first.is_ascii_digit() {
            found.insert(word.to_lowercase());
        }
        before = ' ';
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_behind_comments_quotes_and_dots() {
        let found = |text| calls(text).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(found("UPDATE t SET a = oops()"), "oops");
        assert_eq!(found("VALUES (s.\"Oops\" -- not (\n ())"), "not oops values");
        assert_eq!(found("SELECT one /* x */ (), t. two, 3(4)"), "one two");
        assert_eq!(found("UPDATE t SET a = 'x -- y' || f (1)"), "f x");
    }
}
