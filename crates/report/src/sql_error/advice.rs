//! What to do after an error, by its SQLSTATE.

use stopover_model::StatementError;

/// The next step, in one or two sentences. Never empty.
pub(crate) fn next_step(error: &StatementError) -> String {
    let code = error.sqlstate.as_deref().unwrap_or_default();
    let exact = by_code(code);
    let advice = exact.or_else(|| by_class(code.get(..2).unwrap_or_default()));
    advice
        .unwrap_or("correct the statement in the file, rehearse it, then run the command again")
        .to_owned()
}

/// Sources: PostgreSQL's documentation, appendix A for the codes, and the pages of the statements
/// that bring them.
fn by_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "22001" => "give the column a longer type, or shorten the values before this statement",
        "22P02" | "22007" | "22008" => {
            "convert or clear the values that do not fit the new type before this statement"
        }
        "22012" => "guard the division, for example with `NULLIF(divisor, 0)`",
        "23502" => {
            "fill the rows that have NULL (an UPDATE before this statement), or give the column a \
             DEFAULT"
        }
        "23503" => {
            "delete or repair the rows without a parent before this statement, or add the key as \
             NOT VALID and validate it in a later migration"
        }
        "23505" => "remove or merge the duplicates before this statement",
        "23514" => {
            "repair the rows that break the condition before this statement, or add the \
             constraint as NOT VALID and validate it in a later migration"
        }
        "23P01" => "settle the rows that exclude each other before this statement",
        "25001" => {
            "this statement cannot run in a transaction: put it into a migration of its own that \
             begins with `-- stopover: no-transaction`"
        }
        "25006" => "connect to the primary server, with a role that may write",
        "2BP01" => {
            "other objects depend on this one (see detail): change or drop them first, in this \
             migration"
        }
        "3D000" => "create the database, or correct its name in the URL",
        "3F000" => "create the schema before this statement, or correct its name",
        _ => return by_code_from_40(code),
    })
}

fn by_code_from_40(code: &str) -> Option<&'static str> {
    Some(match code {
        "40001" | "40P01" => "run the command again: another session was in the way",
        "42501" => {
            "run as the role that owns the object, or grant this role what the message names"
        }
        "42601" => "correct the syntax at the mark",
        "42703" => "correct the column's name, or move this behind the migration that creates it",
        "42883" => "correct the name or the argument types, or create the function's extension",
        "42P01" => "correct the table's name, or move this behind the migration that creates it",
        "42704" => "correct the object's name, or move this behind the migration that creates it",
        "42P07" | "42701" | "42710" | "42P06" | "42723" => {
            "the object is there already: see whether it was made by hand or by another \
             migration, and settle which of the two is right"
        }
        "53100" => "make room on the server's disk, then run the command again",
        "53200" => "lower the statement's memory, or give the server more, then run it again",
        "53300" => "free connections on the server, then run the command again",
        "55006" => "end the sessions that use the object, then run the command again",
        "55P03" => {
            "another session holds the lock: run the command again at a quieter time, or set \
             `-- stopover: lock-timeout` at the head of the file"
        }
        "55P04" => "commit the new enum value in a migration before the one that uses it",
        "57014" => {
            "the statement was cancelled: by a statement timeout (see `-- stopover: \
             statement-timeout`), by a signal, or by an administrator"
        }
        "58P01" | "0A000" => "see whether this server's version and packages can do this",
        _ => return None,
    })
}

fn by_class(class: &str) -> Option<&'static str> {
    Some(match class {
        "08" => "see whether the server is up and reachable, then run `stopover status`",
        "22" => "repair the values that do not fit before this statement",
        "23" => "repair the rows that break the constraint before this statement",
        "28" => "correct the role or its password in the URL",
        "42" => "correct the statement at the mark",
        "53" => "give the server what it lacks, then run the command again",
        "57" => "see whether the server is up again, then run `stopover status`",
        "58" | "XX" => "look into the server's log: the server itself has a problem",
        _ => return None,
    })
}
