//! What a script may not take from under the run, as far as its text shows: the run lock, the
//! right to write the ledger's row, and the meaning of its own strings. PostgreSQL only.
//!
//! What a function that the script calls does is not seen here: the engine looks after it.

use stopover_model::{Boundary, DatabaseKind, Facts, Finding, Migration, PlainStrings};
use stopover_sql::{Statement, TokenKind, TransactionControl, tokens};

use crate::script::place;

/// Every statement that may not be run, with the reason.
pub(crate) fn problems(
    migration: &Migration,
    facts: &Facts,
    boundary: &Boundary,
    statements: &[Statement],
) -> Vec<Finding> {
    if facts.database != DatabaseKind::Postgres {
        return Vec::new();
    }
    let unlocking = statements.iter().filter(|it| frees_locks(it));
    let mut findings: Vec<Finding> = unlocking.map(|it| freed_lock(migration, it)).collect();
    let read_only = statements.iter().filter(|it| forbids_writes(it, boundary));
    findings.extend(read_only.map(|it| no_ledger_row(migration, it)));
    if facts.plain_strings == PlainStrings::Escaping {
        let until = statements.iter().take_while(|it| !decides_strings(it));
        let unclear = until.filter(|it| has_backslash(it));
        findings.extend(unclear.map(|it| two_meanings(migration, it)));
    }
    findings
}

/// The words of a statement's code in small letters: no string, no comment, no quoted name.
fn words(statement: &Statement) -> impl Iterator<Item = String> {
    let words = tokens(&statement.text).filter(|it| it.kind == TokenKind::Word);
    words.map(|it| it.text.to_ascii_lowercase())
}

/// The body of a DO is run as it stands; that of a function only where it is called.
fn frees_locks(statement: &Statement) -> bool {
    const CALL: &str = "pg_advisory_unlock_all";
    let is_do = statement.classification.tag == "DO";
    words(statement).any(|word| word == CALL)
        || (is_do && statement.text.to_ascii_lowercase().contains(CALL))
}

fn freed_lock(migration: &Migration, statement: &Statement) -> Finding {
    let place = place(migration, statement);
    Finding::error(
        "run-lock",
        place.clone(),
        format!(
            "{place}: pg_advisory_unlock_all() frees the run lock too, at once, even in a \
             transaction that is rolled back: another runner could begin in the middle"
        ),
        "free the migration's own locks by their keys: pg_advisory_unlock(KEY), or take them with \
         pg_advisory_xact_lock(KEY), which the end of the transaction frees",
    )
}

/// Whether nothing can be written behind the statement: no ledger row, and no line of the journal.
fn forbids_writes(statement: &Statement, boundary: &Boundary) -> bool {
    use TransactionControl::{Begin, SetTransaction};
    let words: Vec<String> = words(statement).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let says_read_only = words.windows(2).any(|it| it == ["read", "only"]);
    match (statement.classification.control, words.as_slice()) {
        (Some(Begin | SetTransaction), _) => says_read_only,
        (_, ["set", "session", "characteristics", ..]) => {
            says_read_only && !boundary.is_transactional()
        }
        (_, ["set", "session" | "local", name, value @ ..] | ["set", name, value @ ..]) => {
            let of_this = *name == "transaction_read_only";
            // A default holds for the next transaction, before which a run resets it.
            let of_next = *name == "default_transaction_read_only" && !boundary.is_transactional();
            (of_this || of_next) && is_switched_on(statement, value)
        }
        _ => false,
    }
}

/// Whether the value of a boolean setting is a true one, in any of its spellings.
fn is_switched_on(statement: &Statement, words: &[&str]) -> bool {
    let is_on = |value: &str| matches!(value, "on" | "true" | "yes" | "1" | "t" | "y");
    let literals = tokens(&statement.text)
        .filter(|it| matches!(it.kind, TokenKind::String | TokenKind::Number))
        .any(|it| is_on(&it.text.trim_matches('\'').to_ascii_lowercase()));
    literals || words.iter().any(|word| is_on(word))
}

fn no_ledger_row(migration: &Migration, statement: &Statement) -> Finding {
    let place = place(migration, statement);
    let tag = &statement.classification.tag;
    Finding::error(
        "read-only",
        place.clone(),
        format!(
            "{place}: {tag} … READ ONLY: neither the migration nor its ledger row could be written \
             behind it"
        ),
        "remove READ ONLY: a migration that only reads does so without it as well",
    )
}

fn decides_strings(statement: &Statement) -> bool {
    words(statement).any(|word| word == "standard_conforming_strings")
}

/// A backslash in a string without a prefix that says what it means.
fn has_backslash(statement: &Statement) -> bool {
    tokens(&statement.text)
        .filter(|it| it.kind == TokenKind::String && it.text.starts_with(['\'', 'n', 'N']))
        .any(|it| it.text.contains('\\'))
}

fn two_meanings(migration: &Migration, statement: &Statement) -> Finding {
    let place = place(migration, statement);
    Finding::error(
        "string-syntax",
        place.clone(),
        format!(
            "{place}: a backslash in '…' begins an escape on this server, whose \
             standard_conforming_strings is off for this role and database, and is a backslash \
             everywhere else"
        ),
        "write E'…' where it begins an escape; where it is a backslash, begin the file with SET \
         standard_conforming_strings = on, or switch it on for the role: ALTER ROLE … SET \
         standard_conforming_strings = on",
    )
}
