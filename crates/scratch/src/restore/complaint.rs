//! What is said when a statement of the dump cannot be executed.

use stopover_model::sqlstate;

use super::encoding;
use super::error::{Failure, RestoreError, failure, is_disk_full};
use super::policy::Refusal;
use super::reader::Statement;

/// How much of a statement an error shows, in characters.
const EXCERPT: usize = 200;

/// A dump in an encoding that cannot be cut into statements.
pub(super) fn unreadable_encoding(line: u64, name: &str) -> RestoreError {
    RestoreError::Refused { line, what: encoding::refusal(name) }
}

/// What a refusal says.
pub(super) fn refuse(refusal: Refusal, text: &str) -> String {
    let excerpt = excerpt(text);
    let why = match refusal {
        Refusal::CreatesDatabase => {
            "the dump was made with pg_dump --create; make it without, for the scratch database is \
             made by this tool"
        }
        Refusal::ChangesRoles => {
            "roles are made by this tool, without rights; pg_dump writes no such statement, so \
             find out who did"
        }
        Refusal::LateExtension => {
            "extensions are created only before other objects, for their scripts run as a superuser"
        }
        Refusal::ReservedOwner => {
            "a role that the server gives rights on its host cannot own what a dump brings"
        }
    };
    format!("{excerpt}: {why}")
}

/// The error of a statement of the dump.
pub(super) fn sql_error(
    statement: &Statement,
    text: &str,
    error: &tokio_postgres::Error,
) -> RestoreError {
    match failure(error) {
        Failure::Lost(reason) => RestoreError::Connection { doing: "executing the dump", reason },
        Failure::Refused(error) if is_disk_full(&error) => RestoreError::DiskFull { error },
        Failure::Refused(error) => RestoreError::Sql {
            statement: excerpt(text),
            line: statement.line,
            explanation: explain(&error),
            error,
        },
    }
}

fn explain(error: &stopover_model::DatabaseError) -> Option<&'static str> {
    error.is(sqlstate::INSUFFICIENT_PRIVILEGE).then_some(
        "the dump's statements run as a role without rights on the host; functions in C and in \
         untrusted languages come with extensions only",
    )
}

/// The beginning of a statement, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let mut line: String = text.chars().take(EXCERPT).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
