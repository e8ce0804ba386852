//! From SQLite's errors to ours.
//!
//! SQLite has no SQLSTATE: `sqlstate` stays empty, and the message ends in the name of the
//! extended result code, which is stable (<https://sqlite.org/rescode.html>). What an error is
//! follows from that code; only names (of a table, a column) are taken from its text, for SQLite
//! gives them nowhere else.

use rusqlite::{Error, ffi};
use stopover_backend::BackendError;
use stopover_model::{DatabaseError, ErrorClass};

/// The extended result code; `None` where the error is not SQLite's.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match error {
        Error::SqliteFailure(inner, _) | Error::SqlInputError { error: inner, .. } => {
            Some(inner.extended_code)
        }
        _ => None,
    }
}

/// The primary result code: the low byte of the extended one.
pub(crate) fn primary(error: &Error) -> Option<i32> {
    code(error).map(|code| code & 0xff)
}

/// Whether somebody else's lock was in the way.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(primary(error), Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
}

/// Whether the file is not any more what its name leads to: somebody has removed it since it was
/// opened.
pub(crate) fn is_moved(error: &Error) -> bool {
    code(error) == Some(ffi::SQLITE_READONLY_DBMOVED)
}

/// SQLite's error, field by field.
pub(crate) fn database_error(error: &Error) -> DatabaseError {
    let text = text(error);
    let name = code(error).map(|code| format!(" ({})", code_name(code)));
    let (table, column, constraint) = names(error, &text);
    DatabaseError {
        class: class(error),
        message: format!("{text}{}", name.unwrap_or_default()),
        hint: hint(error).map(str::to_owned),
        position: position(error),
        table,
        column,
        constraint,
        ..DatabaseError::default()
    }
}

fn class(error: &Error) -> ErrorClass {
    match primary(error) {
        _ if is_busy(error) => ErrorClass::Contention,
        Some(ffi::SQLITE_FULL) => ErrorClass::NoRoom,
        _ => ErrorClass::Final,
    }
}

/// The error of a request.
pub(crate) fn request_error(error: &Error) -> BackendError {
    BackendError::Refused(Box::new(database_error(error)))
}

/// The error of a commit. Where the disk failed nobody knows what is on it: the next look at the
/// ledger tells.
pub(crate) fn commit_error(error: &Error) -> BackendError {
    match primary(error) {
        Some(ffi::SQLITE_IOERR) => BackendError::Lost(database_error(error).message),
        _ => request_error(error),
    }
}

/// The error of opening the file `target`.
pub(crate) fn open_error(target: &str, error: &Error) -> BackendError {
    let remedy = match primary(error) {
        Some(ffi::SQLITE_NOTADB) => "name a file that is an SQLite database (and not encrypted)",
        Some(ffi::SQLITE_CANTOPEN) => {
            "check that the file and its folder are there, and may be read by this user"
        }
        Some(ffi::SQLITE_READONLY) => {
            "a writer was killed and left work to be undone: open the database once with a user \
             who may write the file and its folder"
        }
        Some(ffi::SQLITE_BUSY) => "another program keeps the database locked: end it, or wait",
        Some(ffi::SQLITE_CORRUPT) => "restore the database from a backup",
        _ => "see SQLite's message",
    };
    BackendError::Unreachable {
        target: target.to_owned(),
        reason: database_error(error).message,
        remedy: remedy.to_owned(),
    }
}

fn text(error: &Error) -> String {
    match error {
        Error::SqliteFailure(inner, message) => {
            message.clone().unwrap_or_else(|| ffi::code_to_str(inner.extended_code).to_owned())
        }
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::InvalidParameterCount(_, wanted) => {
            format!("a migration has no values for the parameters of a statement ({wanted})")
        }
        other => other.to_string(),
    }
}

/// Characters from 1; SQLite counts bytes from 0.
fn position(error: &Error) -> Option<usize> {
    let Error::SqlInputError { sql, offset, .. } = error else { return None };
    let before = sql.get(..usize::try_from(*offset).ok()?)?;
    Some(before.chars().count() + 1)
}

fn hint(error: &Error) -> Option<&'static str> {
    Some(match (primary(error)?, code(error)?) {
        (ffi::SQLITE_BUSY, _) => {
            "another connection held the database's lock for longer than the lock timeout"
        }
        (ffi::SQLITE_READONLY, _) => "the file, or its folder, may not be written by this user",
        (ffi::SQLITE_AUTH, _) => {
            "migrations are tried on a copy, and what ATTACH or VACUUM INTO names is none: leave \
             other files out of the migration"
        }
        (ffi::SQLITE_FULL, _) => "the disk is full, or max_page_count is reached",
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
            "`-- stopover: foreign-keys off` at the head of the file checks foreign keys once, \
             before the migration commits"
        }
        _ => return None,
    })
}

type Name = Option<String>;

/// Table, column and constraint that the text names, as `NOT NULL constraint failed: t.c` does.
fn names(error: &Error, text: &str) -> (Name, Name, Name) {
    let Some((_, about)) = text.split_once(" constraint failed: ") else {
        return (None, None, None);
    };
    let first = about.split(", ").next().unwrap_or_default();
    let pair = first.split_once('.').map(|(table, column)| (table.to_owned(), column.to_owned()));
    match (code(error), pair) {
        (Some(ffi::SQLITE_CONSTRAINT_CHECK), _) => (None, None, Some(about.to_owned())),
        (Some(ffi::SQLITE_CONSTRAINT_NOTNULL), Some((table, column))) => {
            (Some(table), Some(column), None)
        }
        (_, Some((table, column))) => {
            let several = about.contains(", ");
            (Some(table), (!several).then_some(column), None)
        }
        (_, None) => (None, None, None),
    }
}

/// The name of an extended result code, as `sqlite3.h` spells it; of a primary one where this
/// list does not have it.
pub(crate) fn code_name(code: i32) -> &'static str {
    let known = |wanted: i32| CODES.iter().find(|(it, _)| *it == wanted).map(|(_, name)| *name);
    known(code).or_else(|| known(code & 0xff)).unwrap_or("SQLITE_ERROR")
}

macro_rules! codes {
    ($($name:ident)*) => { &[$((ffi::$name, stringify!($name))),*] };
}

const CODES: &[(i32, &str)] = codes! {
    SQLITE_ERROR SQLITE_INTERNAL SQLITE_PERM SQLITE_ABORT SQLITE_BUSY SQLITE_LOCKED SQLITE_NOMEM
    SQLITE_READONLY SQLITE_INTERRUPT SQLITE_IOERR SQLITE_CORRUPT SQLITE_NOTFOUND SQLITE_FULL
    SQLITE_CANTOPEN SQLITE_PROTOCOL SQLITE_SCHEMA SQLITE_TOOBIG SQLITE_CONSTRAINT SQLITE_MISMATCH
    SQLITE_MISUSE SQLITE_NOLFS SQLITE_AUTH SQLITE_RANGE SQLITE_NOTADB
    SQLITE_ABORT_ROLLBACK SQLITE_BUSY_RECOVERY SQLITE_BUSY_SNAPSHOT SQLITE_BUSY_TIMEOUT
    SQLITE_LOCKED_SHAREDCACHE SQLITE_LOCKED_VTAB
    SQLITE_READONLY_RECOVERY SQLITE_READONLY_CANTLOCK SQLITE_READONLY_ROLLBACK
    SQLITE_READONLY_DBMOVED SQLITE_READONLY_CANTINIT SQLITE_READONLY_DIRECTORY
    SQLITE_CANTOPEN_ISDIR SQLITE_CANTOPEN_FULLPATH SQLITE_CANTOPEN_DIRTYWAL SQLITE_CANTOPEN_SYMLINK
    SQLITE_CORRUPT_VTAB SQLITE_CORRUPT_INDEX
    SQLITE_CONSTRAINT_CHECK SQLITE_CONSTRAINT_COMMITHOOK SQLITE_CONSTRAINT_FOREIGNKEY
    SQLITE_CONSTRAINT_FUNCTION SQLITE_CONSTRAINT_NOTNULL SQLITE_CONSTRAINT_PRIMARYKEY
    SQLITE_CONSTRAINT_TRIGGER SQLITE_CONSTRAINT_UNIQUE SQLITE_CONSTRAINT_VTAB
    SQLITE_CONSTRAINT_ROWID SQLITE_CONSTRAINT_PINNED SQLITE_CONSTRAINT_DATATYPE
    SQLITE_IOERR_READ SQLITE_IOERR_SHORT_READ SQLITE_IOERR_WRITE SQLITE_IOERR_FSYNC
    SQLITE_IOERR_DIR_FSYNC SQLITE_IOERR_TRUNCATE SQLITE_IOERR_LOCK SQLITE_IOERR_ACCESS
};

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn refused(setup: &str, sql: &str) -> DatabaseError {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        let run = |sql| connection.prepare(sql)?.execute([]);
        database_error(&run(sql).unwrap_err())
    }

    #[test]
    fn the_message_ends_in_the_name_of_the_code() {
        let error = refused("CREATE TABLE t (a NOT NULL)", "INSERT INTO t VALUES (NULL)");
        assert_eq!(error.message, "NOT NULL constraint failed: t.a (SQLITE_CONSTRAINT_NOTNULL)");
        assert_eq!((error.sqlstate, error.table.as_deref()), (None, Some("t")));
        assert_eq!(error.column.as_deref(), Some("a"));
    }

    #[test]
    fn a_position_counts_characters() {
        let error = refused("", "SELECT 'äöü', nope");
        assert_eq!(error.message, "no such column: nope (SQLITE_ERROR)");
        assert_eq!(error.position, Some(15));
    }

    #[test]
    fn names_come_from_the_text_as_far_as_it_has_them() {
        let error = refused(
            "CREATE TABLE t (a, b, UNIQUE (a, b)); INSERT INTO t VALUES (1, 2)",
            "INSERT INTO t VALUES (1, 2)",
        );
        assert_eq!((error.table.as_deref(), error.column), (Some("t"), None));
        let error = refused(
            "CREATE TABLE t (a CONSTRAINT small CHECK (a < 5))",
            "INSERT INTO t VALUES (7)",
        );
        assert_eq!(error.constraint.as_deref(), Some("small"));
    }
}
