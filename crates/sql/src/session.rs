//! What a statement leaves in its session, as far as its text tells: a later session has none of
//! it, and whoever goes on with a script in one must know.
//!
//! Not for what a function does inside: `SELECT prepare_everything()` looks like any SELECT.

use crate::cursor::{Cursor, significant};

/// What a statement leaves in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionTrace {
    /// A setting: running the statement once more in another session makes it there.
    Setting,
    /// Something that ends with the session, and that running the statement once more may not
    /// bring back as it was; the text names it for people, as `a temporary table`.
    Object(&'static str),
}

/// The trace of a statement; `None` where it leaves none, as far as the text tells.
#[must_use]
pub fn session_trace(statement: &str) -> Option<SessionTrace> {
    let tokens = significant(statement);
    let cursor = Cursor::new(statement, &tokens);
    let sets = ["SET", "RESET", "DISCARD ALL"].iter().any(|words| cursor.is(words));
    if sets || sets_by_function(cursor) {
        return Some(SessionTrace::Setting);
    }
    object(cursor).map(SessionTrace::Object)
}

/// `SELECT [pg_catalog.]set_config(…)` and nothing else: how pg_dump writes `SET search_path`.
fn sets_by_function(mut cursor: Cursor<'_>) -> bool {
    if !cursor.eat("SELECT") {
        return false;
    }
    let function = cursor.name().unwrap_or_default().to_ascii_lowercase();
    let sets = matches!(function.as_str(), "set_config" | "pg_catalog.set_config");
    if !sets || cursor.parentheses().is_none() {
        return false;
    }
    if cursor.eat("AS") || !cursor.is_empty() {
        cursor.advance();
    }
    cursor.is_empty()
}

fn object(mut cursor: Cursor<'_>) -> Option<&'static str> {
    if cursor.is("PREPARE") && !cursor.is("PREPARE TRANSACTION") {
        return Some("a prepared statement");
    }
    if cursor.is("DECLARE") {
        // Any other ends with its transaction.
        return mentions(cursor, "WITH HOLD").then_some("a cursor");
    }
    if !cursor.eat("CREATE") || mentions(cursor, "ON COMMIT DROP") {
        return None;
    }
    let _ = cursor.eat("OR REPLACE");
    let _ = cursor.eat("GLOBAL") || cursor.eat("LOCAL");
    if !cursor.eat("TEMP") && !cursor.eat("TEMPORARY") {
        return None;
    }
    let _ = cursor.eat("RECURSIVE");
    Some(if cursor.is("VIEW") {
        "a temporary view"
    } else if cursor.is("SEQUENCE") {
        "a temporary sequence"
    } else {
        "a temporary table"
    })
}

fn mentions(mut cursor: Cursor<'_>, words: &str) -> bool {
    while !cursor.is_empty() {
        if cursor.is(words) {
            return true;
        }
        cursor.advance();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_made_by_commands_and_by_a_function() {
        for statement in [
            "SET search_path TO a",
            "set local x = 1;",
            "RESET ALL",
            "DISCARD ALL",
            "SELECT pg_catalog.set_config('search_path', '', false);",
            "/* as pg_dump */ select SET_CONFIG('a.b', f(1, (2)), true) AS x",
            "SELECT set_config('role', 'r', false) done",
        ] {
            assert_eq!(session_trace(statement), Some(SessionTrace::Setting), "{statement}");
        }
    }

    #[test]
    fn what_ends_with_the_session_is_named() {
        for (statement, what) in [
            ("CREATE TEMP TABLE t (x int)", "a temporary table"),
            ("create local temporary table t as select 1", "a temporary table"),
            ("CREATE OR REPLACE TEMP RECURSIVE VIEW v (a) AS SELECT 1", "a temporary view"),
            ("CREATE TEMPORARY SEQUENCE s", "a temporary sequence"),
            ("PREPARE p AS SELECT 1", "a prepared statement"),
            ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "a cursor"),
        ] {
            assert_eq!(session_trace(statement), Some(SessionTrace::Object(what)), "{statement}");
        }
    }

    #[test]
    fn everything_else_leaves_nothing_that_the_text_tells() {
        for statement in [
            "",
            "SELECT 1",
            "SELECT set_config('a.b', x, false) FROM t",
            "SELECT set_config('a.b', 'c', false), leave_a_mark()",
            "SELECT my.set_config('a', 'b')",
            "CREATE TABLE temp (x int)",
            "PREPARE TRANSACTION 'x'",
            "UPDATE t SET x = 1",
            "LISTEN news",
            "DECLARE c CURSOR FOR SELECT 1",
            "CREATE TEMP TABLE t (x int) ON COMMIT DROP",
        ] {
            assert_eq!(session_trace(statement), None, "{statement}");
        }
    }
}
