//! The catalogue of SQLite's commands: pattern, tag, and how to read the rest. The first row that
//! fits counts.
//!
//! SQLite has one lock for the whole database, which a migration's transaction takes at its
//! beginning: no statement claims a lock of its own. What cannot run in a transaction is what
//! `src/vacuum.c`, `src/pragma.c` and `src/vdbe.c` refuse there.

use super::TransactionControl as Control;
use super::query;
use super::reading::Reading;
use super::words::Words;
use crate::token::TokenKind;

struct Command {
    pattern: &'static str,
    tag: &'static str,
    control: Option<Control>,
}

const fn plain(pattern: &'static str, tag: &'static str) -> Command {
    Command { pattern, tag, control: None }
}

const fn control(pattern: &'static str, tag: &'static str, control: Control) -> Command {
    Command { pattern, tag, control: Some(control) }
}

const COMMANDS: &[Command] = &[
    control("BEGIN", "BEGIN", Control::Begin),
    control("COMMIT|END", "COMMIT", Control::Commit),
    control("ROLLBACK [TRANSACTION] TO", "ROLLBACK", Control::RollbackTo),
    // A transaction may have a name, which means nothing.
    control("ROLLBACK TRANSACTION # TO", "ROLLBACK", Control::RollbackTo),
    control("ROLLBACK", "ROLLBACK", Control::Rollback),
    control("SAVEPOINT", "SAVEPOINT", Control::Savepoint),
    control("RELEASE", "RELEASE", Control::ReleaseSavepoint),
    plain("EXPLAIN", "EXPLAIN"),
    plain("REPLACE", "INSERT"),
    plain("CREATE [TEMP|TEMPORARY] TABLE", "CREATE TABLE"),
    plain("CREATE VIRTUAL TABLE", "CREATE VIRTUAL TABLE"),
    plain("CREATE [UNIQUE] INDEX", "CREATE INDEX"),
    plain("CREATE [TEMP|TEMPORARY] VIEW", "CREATE VIEW"),
    plain("CREATE [TEMP|TEMPORARY] TRIGGER", "CREATE TRIGGER"),
    plain("ALTER TABLE", "ALTER TABLE"),
    plain("DROP TABLE", "DROP TABLE"),
    plain("DROP INDEX", "DROP INDEX"),
    plain("DROP VIEW", "DROP VIEW"),
    plain("DROP TRIGGER", "DROP TRIGGER"),
];

/// Pragmas that are refused, or do nothing of what they say, in a transaction when they are given
/// a value.
const OUTSIDE: &[&str] = &["journal_mode", "synchronous"];

/// Finds the statement's command, and reads it.
pub(super) fn read(mut words: Words<'_>, reading: &mut Reading) {
    if query::starts_statement(words) {
        return reading.tag(query::main_verb(words));
    }
    if words.eat("PRAGMA") {
        reading.tag("PRAGMA");
        return pragma(words, reading);
    }
    for command in COMMANDS {
        let mut rest = words;
        if rest.eat(command.pattern) {
            reading.tag(command.tag);
            if let Some(control) = command.control {
                reading.control(control);
            }
            return;
        }
    }
    let first = words.first().map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
    if first == "VACUUM" {
        reading.outside("VACUUM");
    }
    reading.tag(&first);
}

/// `PRAGMA [schema.]name [= value | (value)]`
fn pragma(mut words: Words<'_>, reading: &mut Reading) {
    let name = words.name_parts().pop().unwrap_or_default().to_ascii_lowercase();
    let value =
        words.rest().iter().find(|it| !matches!(it.kind, TokenKind::Symbol | TokenKind::Operator));
    let name = name.as_str();
    if name == "wal_checkpoint" || (value.is_some() && OUTSIDE.contains(&name)) {
        reading.outside(&format!("PRAGMA {name}"));
    }
    if name == "foreign_keys" && value.is_some_and(|it| is_off(it.text)) {
        reading.caveat("PRAGMA foreign_keys does nothing inside a transaction");
    }
}

/// Source: `getSafetyLevel` in `src/pragma.c`: what is no other known word and not above zero.
fn is_off(value: &str) -> bool {
    let bare = value.trim_matches(['\'', '"', '`', '[', ']']).to_ascii_lowercase();
    let is_zero = || bare.bytes().all(|byte| byte == b'0');
    !matches!(bare.as_str(), "on" | "yes" | "true" | "extra" | "full")
        && (is_zero() || !bare.starts_with(|first: char| first.is_ascii_digit()))
}
